"""Endurance test: a day of activity with faults; nothing may be duplicated or lost."""
