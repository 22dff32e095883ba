"""The words people type: one module a group."""
