"""Checks of this machine, the account and the connection between them."""
