"""Schedule posts from a calendar file."""

COMMANDS = (
    "schedule",
    "plan",
    "apply",
    "status",
    "reconcile",
    "cancel",
    "check",
    "preview",
    "approve",
    "export",
    "template",
    "convert",
    "schema",
)
