"""This computer: what it can train, and with what."""
