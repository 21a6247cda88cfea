"""Trainings and pictures on this computer, by the training program in its own interpreter."""
