"""The line from photo to picture, shown and walked."""
