"""Training and pictures on this computer's own GPU."""
