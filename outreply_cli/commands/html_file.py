"""Writing of HTML files that commands make with `--html FILE`."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, StorageError

STDOUT = Path("-")


def check_html_file(context: Context, path: Path) -> None:
    """Raise InvalidInputError if the file cannot be written, before anything else is done."""
    if path == STDOUT:
        if context.options.output != "table":
            raise InvalidInputError(
                f"--html - and -o {context.options.output} both write to stdout",
                hint="Write to a file.",
            )
        return
    if (reason := find_write_problem(path)) is not None:
        raise InvalidInputError(f"--html: cannot write {path}: {reason}")


def find_write_problem(path: Path) -> str | None:
    """Return why a file cannot be written, as far as that is known before."""
    try:
        # A link to itself is an error here, and in `resolve` in some versions of Python only.
        with suppress(FileNotFoundError):
            path.stat()
        directory = path.resolve().parent
        if path.is_dir():
            return "it is a directory"
        if not directory.is_dir():
            return "its directory does not exist"
        return None if os.access(directory, os.W_OK) else "its directory is not writable"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "it is a symbolic link to itself"
        return error.strerror or str(error)


def write_html_file(context: Context, path: Path, document: str, what: str) -> None:
    """Write a document; `what` names it in the note. Raises StorageError."""
    if path == STDOUT:
        context.output.write_document(document)
        return
    write_text_file(path, document)
    context.info(f"Wrote the {what} to {path}.")


def write_text_file(path: Path, text: str) -> None:
    """Replace a file; raises StorageError."""
    from outreply_cli.storage.files import replace_file

    try:
        replace_file(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None
