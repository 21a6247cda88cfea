"""The library on disk: SQLite rows and files."""
