"""Figures that anyone can print: each a ratio against a named baseline of the same run."""
