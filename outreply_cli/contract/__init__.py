"""What the OutReply API is, as data: no I/O, nothing that changes while a program runs."""
