"""How the command line is built: commands as data, help, lazy groups and shared options."""
