"""The Settings page, a part for each thing that can be set."""
