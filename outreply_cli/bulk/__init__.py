"""A calendar file carried out: read, checked, planned, and sent exactly once."""
