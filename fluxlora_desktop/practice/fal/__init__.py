"""Practice fal: uploads, trainings and pictures over its queue."""
