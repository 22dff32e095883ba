"""List and view pages."""

COMMANDS = (
    "list",
    "show",
    "check",
)
