"""SQLite set-up and private files."""
