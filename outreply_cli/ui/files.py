"""Text files named on the command line, with `-` for the standard streams."""

from pathlib import Path
from typing import TextIO

from outreply_cli.errors import InvalidInputError, StorageError


def read_text_file(name: str, stdin: TextIO) -> str:
    """Read a UTF-8 text file, or stdin for `-`.

    Raises:
        InvalidInputError: The file cannot be read or is not UTF-8.
    """
    try:
        return stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputError(f"cannot read {name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{name} is not UTF-8 text") from None


def write_text_file(path: Path, text: str) -> None:
    """Write a UTF-8 text file; raises StorageError."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None
