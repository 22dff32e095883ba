"""Files of the user: checked before anything else is done, and replaced atomically."""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.storage.private_files import create_private


def check_replaceable(
    option: str,
    path: Path,
    what: str,
    is_own: Callable[[bytes], bool],
    calendars: Iterable[Path] = (),
) -> None:
    """Check that a file can be written, and that nothing of another kind is lost.

    `what` names the content that may be replaced, such as "a plan"; `is_own` recognizes it.

    Raises:
        InvalidInputError: The file cannot be written, is one of the calendars, or holds something
            else.
    """
    if (reason := _find_problem(path)) is not None:
        raise InvalidInputError(f"{option}: cannot write {path}: {reason}")
    for calendar in calendars:
        with suppress(FileNotFoundError):
            if path.samefile(calendar):
                raise InvalidInputError(
                    f"{option}: {path} is the calendar itself", hint="Use another name."
                )
    with suppress(OSError):
        if path.is_file() and (content := path.read_bytes()).strip() and not is_own(content):
            raise InvalidInputError(
                f"{option}: {path} exists and is not {what}",
                hint="Use another name, or delete the file.",
            )


def _find_problem(path: Path) -> str | None:
    """Return why a file cannot be written, as far as is known in advance."""
    try:
        # A link to itself is an error here, and in `resolve` in some versions of Python only.
        with suppress(FileNotFoundError):
            path.stat()
        if path.is_dir():
            return "the path is a directory"
        if path.exists() and not path.is_file():
            return None if os.access(path, os.W_OK) else "the file is not writable"
        directory = path.resolve().parent
        if not directory.is_dir():
            return "its directory does not exist"
        return None if os.access(directory, os.W_OK) else "its directory is not writable"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "the path is a symbolic link to itself"
        return error.strerror or str(error)


def write_file(path: Path, content: str | bytes, *, is_private: bool = False) -> None:
    """Replace a file, text as UTF-8, or write into a pipe or device; raises StorageError.

    Only its owner may read a file that `is_private`.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            replace_file(path, data, is_private=is_private)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None


def replace_file(
    path: Path, content: bytes, *, expected: bytes | None = None, is_private: bool = False
) -> bool:
    """Replace the file at `path` with `content`, and keep its mode unless it becomes private.

    If `path` is a link, the file that it points to is replaced. Return False, with nothing changed,
    if the content of the file is not `expected`.

    Raises:
        OSError: The file cannot be written.
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        with (
            os.fdopen(create_private(temporary), "wb")
            if is_private
            else temporary.open("xb") as stream
        ):
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists() and not is_private:
            shutil.copymode(path, temporary)
        if expected is not None and path.read_bytes() != expected:
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True
