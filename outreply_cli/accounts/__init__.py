"""Profiles in a configuration file, tokens in the keyring or a private file."""
