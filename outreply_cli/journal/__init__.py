"""Journal of what was sent and its outcome."""
