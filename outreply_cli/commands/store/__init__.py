"""Show requests with an unknown outcome."""

COMMANDS = ("status",)
