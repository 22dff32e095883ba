"""Which account a command acts for: profiles in a config file, tokens in a safe place."""
