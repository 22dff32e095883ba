"""Schedule posts from a calendar file."""

COMMANDS = (
    "schedule",
    "plan",
    "apply",
    "status",
    "reconcile",
    "cancel",
    "check",
    "export",
    "template",
    "convert",
    "schema",
)
