"""List, skip and retry deliveries that wait to be forwarded."""

COMMANDS = ("list", "skip", "retry", "clear")
