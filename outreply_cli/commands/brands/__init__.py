"""List and view brands."""

COMMANDS = ("list", "show")
