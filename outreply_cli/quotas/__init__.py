"""What is left of an account's limits, and how long it lasts."""
