"""What sits at the other end of a stream."""

import errno
import io
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from outreply_cli.errors import OutReplyError


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


def configure_encoding(stream: io.TextIOWrapper, environ: Mapping[str, str]) -> None:
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

    from outreply_cli.ui.ascii_fallback import NAME, ascii_fallback

    codecs.register_error(NAME, ascii_fallback)
    stream.reconfigure(encoding=encoding, errors=NAME)


def _locale_of(environ: Mapping[str, str]) -> str:
    names = [environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    # Python itself sets LC_CTYPE where the locale is C, and tells of it here.
    if sys.flags.utf8_mode and names[1] in {"C.UTF-8", "C.utf8", "UTF-8"}:
        names[1] = ""
    return next(filter(None, names), "")


class OutputWriteError(OutReplyError):
    """What was written did not arrive; raised once, when the stream is flushed.

    Args:
        failure: What the system said.
    """

    code = "OUTPUT_LOST"

    def __init__(self, failure: OSError) -> None:
        super().__init__(
            f"the output can't be written: {failure.strerror}",
            hint="What the command did is done; its result is lost.",
        )
        # Windows says that an argument is invalid when the reader of a pipe has gone.
        gone = {errno.EPIPE, errno.EINVAL} if sys.platform == "win32" else {errno.EPIPE}
        self.is_reader_gone = failure.errno in gone


class SafeStdout(io.TextIOWrapper):
    """stdout that never fails in the midst of work: what can't be written is dropped and told.

    A reader that goes away, or a disk that is full, must not leave a calendar half sent. What goes
    on for ever flushes after each item, and so ends.

    Args:
        behind: The stream that is written to; None for one that was closed before we began.
    """

    def __init__(self, behind: io.TextIOWrapper | None) -> None:
        self._outlet = _Outlet(behind)
        self._is_told = False
        super().__init__(io.BufferedWriter(self._outlet), **_settings_of(behind))

    @property
    def lost(self) -> OutputWriteError | None:
        """Why not all of it arrived, if so."""
        failure = self._outlet.failure
        return None if failure is None else OutputWriteError(failure)

    def flush(self) -> None:
        """Write out what is held back; raises LostOutputError, once."""
        super().flush()
        if self.lost is not None and not self._is_told:
            self._is_told = True
            raise self.lost


class SafeStderr(io.TextIOWrapper):
    """stderr that never fails: nobody is left to be told when a note can't be written.

    Args:
        behind: The stream that is written to; None for one that was closed before we began.
    """

    def __init__(self, behind: io.TextIOWrapper | None) -> None:
        super().__init__(io.BufferedWriter(_Outlet(behind)), **_settings_of(behind))


class _Outlet(io.RawIOBase):
    def __init__(self, behind: io.TextIOWrapper | None) -> None:
        self._behind = behind
        # What is held back there would be tried again at exit, and complained of.
        buffer = behind.buffer if behind is not None else None
        self._raw: Any = getattr(buffer, "raw", buffer)
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._behind is None:
            raise OSError(errno.EBADF, "it is closed")
        return self._behind.fileno()

    def isatty(self) -> bool:
        return self._behind is not None and self._behind.isatty()

    def write(self, data: Any, /) -> int | None:
        try:
            if self.failure is None:
                # Says what is wrong where there is no stream.
                self.fileno()
                written: int | None = self._raw.write(data)
                return written
        except OSError as failure:
            self.failure = failure
        return len(data)


def _settings_of(behind: io.TextIOWrapper | None) -> dict[str, Any]:
    return {
        "encoding": behind.encoding if behind is not None else "utf-8",
        "errors": behind.errors if behind is not None else "backslashreplace",
        "line_buffering": behind is not None and behind.line_buffering,
        "write_through": behind is not None and behind.write_through,
    }
