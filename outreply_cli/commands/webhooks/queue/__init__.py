"""List, skip and retry deliveries waiting to be forwarded."""

COMMANDS = ("list", "skip", "retry", "clear")
