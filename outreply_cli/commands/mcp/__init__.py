"""Let an AI agent work on the account, within limits that you set.

Without a command, runs `serve`; its options: outreply mcp serve --help
"""

COMMANDS = ("serve", "plans", "approve", "reject")
# What `outreply mcp` runs, so that agents can be configured with one word.
DEFAULT = "serve"
