"""Schedule, publish, list and cancel posts."""

COMMANDS = (
    "list",
    "show",
    "schedule",
    "publish",
    "edit",
    "reschedule",
    "cancel",
    "wait",
    "retry",
    "calendar",
    "export",
)
