"""The commands: one file each, in a folder per group, and what several of them share."""

# In reading order; a command's module is imported only when the command is used.
COMMANDS = (
    "auth", "status", "brands", "pages", "posts", "slots", "bulk", "comments", "media", "webhooks",
    "serve-webhook", "quota", "analytics", "emulator", "store", "api", "errors", "doctor", "demo",
    "examples", "mcp", "completion", "help",
)  # fmt: skip
