"""Show, back up and share the journal of sent posts."""

COMMANDS = ("status", "log", "export", "restore", "migrate", "move", "login", "logout")
