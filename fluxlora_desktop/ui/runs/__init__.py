"""The Runs page: what is being trained, and how it stands."""
