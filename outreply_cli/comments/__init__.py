"""Comments on posts: threads, the inbox, replies and triage."""
