"""Replicate: trainings and pictures, after its OpenAPI description 1.0.0-a1."""
