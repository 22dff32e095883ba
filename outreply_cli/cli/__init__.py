"""The framework of the command line: commands as data, help, lazy groups, shared options."""
