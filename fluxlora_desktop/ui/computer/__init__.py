"""The page "This computer": what it can train, its engine, its base models."""
