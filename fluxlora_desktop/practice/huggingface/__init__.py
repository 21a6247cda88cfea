"""A practice Hugging Face hub: repos, LFS, commits, visibility, model cards."""
