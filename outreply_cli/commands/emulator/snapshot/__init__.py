"""Save the emulator's state to a file, or restore it."""

COMMANDS = ("save", "load")
