"""Schedule, publish, list and cancel posts."""

COMMANDS = (
    "list",
    "show",
    "schedule",
    "publish",
    "check",
    "preview",
    "edit",
    "reschedule",
    "cancel",
    "wait",
    "retry",
    "calendar",
    "export",
)
