"""A day of everything at once, with faults: at its end nothing is twice and nothing is lost."""
