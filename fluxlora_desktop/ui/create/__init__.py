"""The Create wizard: from dropped photos to a started training, in five steps."""
