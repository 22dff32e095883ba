"""Output files of commands; `-` is stdout."""

from collections.abc import Iterable
from pathlib import Path

from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.files import check_replaceable, write_file

STDOUT = Path("-")


def check_html_file(context: Context, path: Path, calendars: Iterable[Path] = ()) -> None:
    """Raise InvalidInputError if the file cannot be written, or holds something else."""
    if path == STDOUT:
        if context.options.output != "table":
            raise InvalidInputError(
                f"--html - and -o {context.options.output} both write to stdout",
                hint="Write to a file.",
            )
        return
    check_html_replaceable(path, calendars)


def check_html_replaceable(path: Path, calendars: Iterable[Path] = ()) -> None:
    """Raise InvalidInputError if the file cannot be written, or is not an HTML file."""
    check_replaceable("--html", path, "an HTML file", _is_html, calendars)


def _is_html(content: bytes) -> bool:
    return content.lstrip()[:14].lower() == b"<!doctype html"


def write_output_file(context: Context, path: Path, text: str, note: str) -> None:
    """Write a file, and print `note`; in the table format, `-` is stdout. Raises StorageError."""
    if path != STDOUT:
        write_file(path, text)
        context.info(note)
    elif context.options.output == "table":
        context.output.write_document(text)
