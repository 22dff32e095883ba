"""SQLite databases and private files."""
