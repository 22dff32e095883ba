"""Show what this machine sent and what is unknown."""

COMMANDS = ("status",)
