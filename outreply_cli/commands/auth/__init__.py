"""Sign in and out, and switch between accounts."""

COMMANDS = ("login", "status", "list", "switch", "logout", "token")
