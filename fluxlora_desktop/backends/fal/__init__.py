"""fal: trainings and pictures by its queue, after its documentation and fal-client 1.0.3."""
