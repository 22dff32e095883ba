"""A local emulator of the OutReply API, written from the reference, with its state in SQLite."""
