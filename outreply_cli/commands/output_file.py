"""Output files of commands; `-` is stdout."""

from collections.abc import Iterable
from pathlib import Path

from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.files import check_replaceable, write_file

STDOUT = Path("-")
# In `templates/base.html`.
_PAGE_MARK = b'<meta name="generator" content="outreply">'


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
    """Raise InvalidInputError if the file cannot be written, or is not a page of outreply."""
    check_replaceable("--html", path, "a page of outreply", lambda old: _PAGE_MARK in old,
                      calendars)  # fmt: skip


def write_output_file(context: Context, path: Path, text: str, note: str) -> None:
    """Write a file, and print `note`; in the table format, `-` is stdout. Raises StorageError."""
    if path != STDOUT:
        write_file(path, text)
        context.info(note)
    elif context.options.output == "table":
        context.output.write_document(text)
