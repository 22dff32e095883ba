"""Upload, list and delete pictures and videos."""

COMMANDS = ("upload", "list", "show", "delete", "prune")
