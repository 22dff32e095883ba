"""Read and reply to comments on your posts."""

COMMANDS = ("list", "reply", "inbox", "watch", "triage")
