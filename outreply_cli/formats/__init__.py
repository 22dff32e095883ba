"""Text formats used in several places."""
