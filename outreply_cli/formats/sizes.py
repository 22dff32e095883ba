"""Sizes in bytes for display."""

_UNITS = ("KB", "MB", "GB", "TB")


def format_size(count: int) -> str:
    """Format `count` bytes in the largest unit of 1,024 that fits: `512 bytes`, `25.0 MB`."""
    if count < 1024:
        return f"{count} byte" if count == 1 else f"{count} bytes"
    # Values that round to 1,024 of a unit use the next one.
    power = next((n for n in range(1, len(_UNITS)) if count / 1024**n < 1023.95), len(_UNITS))
    return f"{count / 1024**power:,.1f} {_UNITS[power - 1]}"
