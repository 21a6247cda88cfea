"""The training program: a LoRA from a job's folder, on this computer's or a rented GPU.

It runs in an interpreter of its own, started as a folder, and imports nothing of the app.
"""
