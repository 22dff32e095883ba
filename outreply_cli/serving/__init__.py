"""A server on this machine: its limits, its doors, its pages."""
