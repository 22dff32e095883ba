"""What was meant to be sent, and what came of it."""
