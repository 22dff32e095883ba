"""Upload, list and delete images and videos."""

COMMANDS = ("upload", "list", "show", "delete", "prune")
