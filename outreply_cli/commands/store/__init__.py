"""Show, back up and share the journal."""

COMMANDS = ("status", "log", "export", "restore", "migrate", "move", "login", "logout")
