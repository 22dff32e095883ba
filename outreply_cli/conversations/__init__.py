"""Comments under posts: threads, what was seen and answered, replies that are sent once."""
