"""Show and change the queues of deliveries to forward."""

COMMANDS = ("list", "skip", "retry", "clear")
