"""Schedule posts from a calendar file."""

COMMANDS = ("schedule", "plan", "apply", "status", "cancel", "export", "template")
