"""What sits at the other end of a stream."""

import os
import sys
from collections.abc import Mapping
from typing import TextIO


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sits at the other end of `stream`."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def terminal_width(stream: TextIO, environ: Mapping[str, str]) -> int:
    """Columns of the terminal behind `stream`; 80 where there is none."""
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def flush(stream: TextIO) -> str | None:
    """Write out what `stream` holds back; tells why it can't be, but for a reader that has gone."""
    try:
        stream.flush()
    except OSError as failure:
        # The interpreter would complain at exit when it flushes again.
        if stream is sys.stdout:
            sys.stdout = None
        return None if isinstance(failure, BrokenPipeError) else failure.strerror or "it failed"
    return None
