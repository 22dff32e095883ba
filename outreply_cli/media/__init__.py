"""Media files: recognition, upload and the account's library."""
