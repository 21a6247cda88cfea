"""Trainings with a checkout of ai-toolkit that a person has on this computer."""
