"""This computer: places, settings, tokens, logs, crashes, one instance, trash, processes."""
