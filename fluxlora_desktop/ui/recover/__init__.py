"""Trainings of the accounts that the library does not know."""
