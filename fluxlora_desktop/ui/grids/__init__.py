"""The strength finder and grids of any two settings."""
