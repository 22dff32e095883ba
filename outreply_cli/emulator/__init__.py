"""The OutReply API on this machine: an independent reading of the reference, state in SQLite."""
