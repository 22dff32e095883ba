"""Schedule posts from a calendar file."""

COMMANDS = (
    "schedule",
    "plan",
    "apply",
    "status",
    "reconcile",
    "cancel",
    "export",
    "template",
    "convert",
    "schema",
)
