"""Text files named on the command line, with `-` for the standard streams."""

from pathlib import Path
from typing import BinaryIO

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import TextEncodingError, decode_text


def read_text_file(name: str, stdin: BinaryIO) -> str:
    """Read a text file, or stdin for `-`: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        InvalidInputError: The file cannot be read or is not such text.
    """
    try:
        return decode_text(read_file(name, stdin))
    except TextEncodingError as error:
        raise InvalidInputError(
            f"{'stdin' if name == '-' else name} {error} (line {error.line})",
            hint="Save the text as UTF-8.",
        ) from None


def read_file(name: str, stdin: BinaryIO) -> bytes:
    """Read the bytes of a file, or of stdin for `-`; raises InvalidInputError."""
    try:
        return stdin.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {name}: {error.strerror or error}") from None
