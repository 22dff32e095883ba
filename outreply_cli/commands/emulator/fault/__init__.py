"""Inject faults into API responses."""

COMMANDS = ("add", "list", "clear")
