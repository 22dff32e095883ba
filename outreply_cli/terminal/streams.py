"""What sits at the other end of a stream."""

import io
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


def settle_encoding(stream: io.TextIOWrapper, environ: Mapping[str, str]) -> None:
    """Have `stream` show what its encoding lacks: as escapes, on a terminal in as many cells.

    A terminal whose locale is said to be C gets ASCII, which Python makes UTF-8 of. No locale at
    all says nothing: containers and crontabs have none.
    """
    if not is_terminal(stream):
        stream.reconfigure(errors="backslashreplace")
        return
    encoding = "ascii" if _locale_of(environ) in {"C", "POSIX"} else stream.encoding
    if "utf" in encoding.lower():
        stream.reconfigure(errors="backslashreplace")
        return
    import codecs

    from outreply_cli.terminal.ascii_cells import NAME, in_ascii_cells

    codecs.register_error(NAME, in_ascii_cells)
    stream.reconfigure(encoding=encoding, errors=NAME)


def _locale_of(environ: Mapping[str, str]) -> str:
    names = [environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    # Python itself sets LC_CTYPE where the locale is C, and tells of it here.
    if sys.flags.utf8_mode and names[1] in {"C.UTF-8", "C.utf8", "UTF-8"}:
        names[1] = ""
    return next(filter(None, names), "")


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
