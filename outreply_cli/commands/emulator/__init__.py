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
    "comment",
    "deliveries",
    "rotate",
    "enable",
    "openapi",
)
