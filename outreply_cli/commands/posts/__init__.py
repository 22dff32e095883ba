"""Schedule, publish, list and cancel posts."""

COMMANDS = (
    "list",
    "show",
    "schedule",
    "publish",
    "check",
    "edit",
    "reschedule",
    "cancel",
    "wait",
    "retry",
    "calendar",
    "export",
)
