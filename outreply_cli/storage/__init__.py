"""Databases in SQLite and PostgreSQL, leases, and private files."""
