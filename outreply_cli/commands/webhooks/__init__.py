"""Manage, verify, send and replay webhooks."""

COMMANDS = (
    "list",
    "show",
    "create",
    "delete",
    "events",
    "verify",
    "sign",
    "trigger",
    "check",
    "history",
    "replay",
    "queue",
)
