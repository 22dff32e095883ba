"""Parsers and formatters that several packages use."""
