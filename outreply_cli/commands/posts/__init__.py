"""Schedule, publish, list and cancel posts."""

COMMANDS = (
    "list",
    "show",
    "schedule",
    "publish",
    "reschedule",
    "cancel",
    "wait",
    "retry",
    "calendar",
    "export",
)
