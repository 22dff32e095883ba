"""Run a local emulator of the OutReply API."""

COMMANDS = (
    "start",
    "stop",
    "status",
    "token",
    "seed",
    "reset",
    "exec",
    "advance",
    "freeze",
    "unfreeze",
    "fault",
    "snapshot",
    "add-comment",
    "deliveries",
    "rotate-secret",
    "enable-webhook",
    "openapi",
)
