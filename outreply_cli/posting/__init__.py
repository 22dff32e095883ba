"""One post: what it may hold, which page it is for, and how it is sent exactly once."""
