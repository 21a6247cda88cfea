"""Practice Replicate: files, models, trainings and pictures over its HTTP API."""
