"""Standard streams: terminals, encodings, and writes that never fail in the middle of work."""

import errno
import io
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from outreply_cli.errors import OutReplyError


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def terminal_width(stream: TextIO, environ: Mapping[str, str]) -> int:
    """COLUMNS, else the width of the terminal of `stream`, else 80."""
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def configure_encoding(stream: io.TextIOWrapper, environ: Mapping[str, str]) -> None:
    """Write UTF-8 unless a terminal reads `stream`, whatever the locale and PYTHONIOENCODING are.

    Terminals get characters of the same width for those that they lack. A terminal with the C
    locale gets ASCII, although Python uses UTF-8 there. No locale set does not mean C: containers
    and crontabs set none.
    """
    if not is_terminal(stream):
        use_utf8(stream)
        return
    encoding = "ascii" if _locale(environ) in {"C", "POSIX"} else stream.encoding
    if "utf" in encoding.lower():
        stream.reconfigure(errors="backslashreplace")
        return
    import codecs

    from outreply_cli.ui.ascii_fallback import NAME, ascii_fallback

    codecs.register_error(NAME, ascii_fallback)
    stream.reconfigure(encoding=encoding, errors=NAME)


def use_utf8(stream: io.TextIOWrapper) -> None:
    """Write UTF-8 to `stream`; escapes stand for bytes that are not text."""
    stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _locale(environ: Mapping[str, str]) -> str:
    names = [environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    # In the C locale Python sets LC_CTYPE itself and turns its UTF-8 mode on.
    if sys.flags.utf8_mode and names[1] in {"C.UTF-8", "C.utf8", "UTF-8"}:
        names[1] = ""
    return next(filter(None, names), "")


class OutputWriteError(OutReplyError):
    """The output could not be written; raised once, when the stream is flushed.

    Args:
        failure: The error of the operating system.
    """

    code = "OUTPUT_WRITE_FAILED"

    def __init__(self, failure: OSError) -> None:
        super().__init__(
            f"cannot write the output: {failure.strerror}",
            hint="The command finished, but its result is lost.",
        )
        # Windows reports EINVAL when the reader of a pipe is gone.
        gone = {errno.EPIPE, errno.EINVAL} if sys.platform == "win32" else {errno.EPIPE}
        self.is_reader_gone = failure.errno in gone


class SafeStdout(io.TextIOWrapper):
    """A stdout whose writes never fail; the failure is reported when it is flushed.

    A closed pipe or a full disk must not leave a calendar half sent. Streaming
    commands flush after each item, so they stop when the reader is gone.

    Args:
        target: The stream to write to; None if it was closed before the start.
    """

    def __init__(self, target: io.TextIOWrapper | None) -> None:
        self._raw_writer = _RawWriter(target)
        self._is_reported = False
        super().__init__(
            io.BufferedWriter(self._raw_writer),
            # Independent of PYTHONUNBUFFERED.
            line_buffering=self._raw_writer.isatty(),
            **_text_settings(target),
        )

    @property
    def write_error(self) -> OutputWriteError | None:
        """The error of a failed write, or None."""
        failure = self._raw_writer.failure
        return None if failure is None else OutputWriteError(failure)

    def flush(self) -> None:
        """Flush the stream; raises OutputWriteError once."""
        super().flush()
        if self.write_error is not None and not self._is_reported:
            self._is_reported = True
            raise self.write_error

    def send(self) -> None:
        """Write what is buffered; a failure waits for `flush`."""
        super().flush()


class SafeStderr(io.TextIOWrapper):
    """A stderr whose writes never fail, and appear immediately and after earlier ones to stdout.

    Args:
        target: The stream to write to; None if it was closed before the start.
        stdout: The stream that may go to the same file.
    """

    def __init__(self, target: io.TextIOWrapper | None, stdout: TextIO | None = None) -> None:
        self._stdout = stdout
        super().__init__(io.BufferedWriter(_RawWriter(target)), **_text_settings(target))

    def write(self, text: str, /) -> int:
        """Write `text` immediately."""
        if isinstance(self._stdout, SafeStdout):
            self._stdout.send()
        written = super().write(text)
        self.flush()
        return written


class _RawWriter(io.RawIOBase):
    def __init__(self, target: io.TextIOWrapper | None) -> None:
        self._target = target
        # Data in the buffer would be written again at exit, and fail again.
        buffer = target.buffer if target is not None else None
        self._raw: Any = getattr(buffer, "raw", buffer)
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._target is None:
            raise OSError(errno.EBADF, "the stream is closed")
        return self._target.fileno()

    def isatty(self) -> bool:
        return self._target is not None and self._target.isatty()

    def write(self, data: Any, /) -> int | None:
        try:
            if self.failure is None:
                # Raises if the stream is missing.
                self.fileno()
                written: int | None = self._raw.write(data)
                return written
        except OSError as failure:
            self.failure = failure
        return len(data)


def _text_settings(target: io.TextIOWrapper | None) -> dict[str, Any]:
    return {
        "encoding": target.encoding if target is not None else "utf-8",
        "errors": target.errors if target is not None else "backslashreplace",
        # Programs read the same bytes on every platform, and iCalendar has its own line endings.
        "newline": "\n",
    }
