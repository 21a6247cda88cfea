"""The Library page: Loras, where they are published, what can be done with them."""
