"""Text formats that are read and written in more than one place."""
