"""Files that a calendar names: only under its directory, never from outreply's own directories."""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from outreply_cli.errors import InvalidInputError

# Non-blocking: a named pipe that replaced the file would block forever.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# O_PATH also opens directories that may only be entered.
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | _NO_LINK | getattr(os, "O_PATH", 0)
_HAS_DIRECTORY_DESCRIPTORS = os.open in os.supports_dir_fd
_Check = Callable[[os.stat_result], None]


class FileRefusedError(InvalidInputError):
    """A file that a calendar may not use."""

    code = "FILE_REFUSED"


@dataclass(frozen=True)
class FileScope:
    """The files that may be opened.

    Attributes:
        directory: Resolved directory that files must be in; None for any.
        private: Directories whose files are never opened.
    """

    directory: Path | None = None
    private: tuple[Path, ...] = ()

    def open(self, path: Path, check: _Check) -> int:
        """Open the file at `path` for reading, and return its descriptor.

        The path is resolved and checked, and what it resolved to is opened without following
        links: a link created in between has no effect. `check` gets the status of the
        file before it is opened, because opening some devices has side effects, and of what was
        opened.

        Raises:
            FileRefusedError: The file is outside of the scope.
            OSError, ValueError: The file cannot be opened.
        """
        if self.directory is None and not self.private:
            check(path.stat())
            return _check_or_close(os.open(path, _READ), check)
        resolved = Path(os.path.realpath(path))
        private = [Path(os.path.realpath(directory)) for directory in self.private]
        for directory in private:
            if resolved.is_relative_to(directory):
                raise _private_file(directory)
        if self.directory is not None and not resolved.is_relative_to(self.directory):
            raise FileRefusedError(
                "is outside the calendar's directory; move it inside, or use --allow-outside"
            )
        return _open_without_links(resolved, private, check)


def _open_without_links(path: Path, private: Iterable[Path], check: _Check) -> int:
    *directories, name = path.parts
    if not directories:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # The same directory may have several paths, such as `A` and `a`.
    refused = {
        _identity(directory.stat()): directory for directory in private if directory.exists()
    }
    if not _HAS_DIRECTORY_DESCRIPTORS:
        for ancestor in path.parents:
            _refuse(ancestor.stat(), refused)
        check(path.lstat())
        return _check_or_close(os.open(path, _READ), check)
    parent = os.open(directories[0], _DIRECTORY)
    try:
        for directory in directories[1:]:
            child = os.open(directory, _DIRECTORY, dir_fd=parent)
            os.close(parent)
            parent = child
            _refuse(os.fstat(parent), refused)
        check(os.stat(name, dir_fd=parent, follow_symlinks=False))
        return _check_or_close(os.open(name, _READ | _NO_LINK, dir_fd=parent), check)
    finally:
        os.close(parent)


def _check_or_close(descriptor: int, check: _Check) -> int:
    try:
        check(os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _refuse(status: os.stat_result, refused: dict[tuple[int, int], Path]) -> None:
    if _identity(status) in refused:
        raise _private_file(refused[_identity(status)])


def _private_file(directory: Path) -> FileRefusedError:
    return FileRefusedError(
        f"is in {directory}, where outreply keeps its own files; move the file elsewhere"
    )


def check_regular(status: os.stat_result) -> None:
    """Raise OSError unless the status is that of a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
