"""What can be wrong with this machine, the account and the way between, and what to do."""
