"""Measure followers and engagement over time."""

COMMANDS = ("collect", "show", "report", "best-times")
