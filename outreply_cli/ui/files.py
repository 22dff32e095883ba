"""Texts that people name on a command line: files, or the standard streams for `-`."""

from pathlib import Path
from typing import TextIO

from outreply_cli.errors import InvalidInputError, StorageError


def read_text_file(name: str, stdin: TextIO) -> str:
    """The text of the file called `name`, or of stdin for `-`.

    Raises:
        InvalidInputError: It can't be read, or is not UTF-8.
    """
    try:
        return stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except OSError as failure:
        raise InvalidInputError(f"{name}: {failure.strerror or failure}") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{name}: it is not UTF-8 text") from None


def write_text_file(path: Path, text: str) -> None:
    """Put `text` in the file at `path` as it is; raises StorageError."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as failure:
        raise StorageError(f"the file {path} can't be written: {failure.strerror}") from None
