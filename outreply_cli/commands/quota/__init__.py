"""Show quotas and rate limits."""

COMMANDS = ("show", "check", "forecast", "watch")
