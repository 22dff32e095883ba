"""Media files: detection, uploads and the media of the account."""
