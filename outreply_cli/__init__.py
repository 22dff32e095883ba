"""The command line for running an OutReply account."""

__version__ = "0.1.0"
