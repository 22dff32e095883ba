"""Checks of `outreply mcp` with the protocol's own client; `python -m tests.mcp` runs them."""
