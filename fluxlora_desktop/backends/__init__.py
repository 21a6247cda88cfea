"""Remote services and the local engine, one folder each."""
