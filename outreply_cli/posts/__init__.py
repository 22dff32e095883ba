"""Posts: content, guardrails, sending and listing."""
