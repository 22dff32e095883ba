"""Files that only their owner may read, written atomically."""

import codecs
import errno
import os
import stat
from pathlib import Path

from outreply_cli.errors import StorageError
from outreply_cli.formats.text import TextEncodingError, decode_text

UNUSABLE_HINT = (
    "Check its permissions, or set OUTREPLY_CONFIG_DIR and OUTREPLY_STATE_DIR to other directories."
)
LOCKED_HINT = "Another process is using the file. Run the command again once it has finished."
_WINDOWS_SHARING_VIOLATION = 32
# False on Windows.
_HAS_OWNERS = hasattr(os, "geteuid")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ACCESSIBLE_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_private(path: Path, text: str, *, is_durable: bool = True) -> None:
    """Replace the file at `path` with one of mode 0600, synced to disk if `is_durable`.

    A missing directory is created.

    Raises:
        StorageError: The file is not writable, or its directory is writable by others.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        make_private_dir(path.parent)
        descriptor = create_private(temporary)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                if is_durable:
                    stream.flush()
                    os.fsync(stream.fileno())
            temporary.replace(path)
            if is_durable:
                sync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable_error(path, error) from None


def read_private(path: Path) -> str | None:
    """Return the content of the file at `path`, or None if missing.

    Raises:
        StorageError: The file is unreadable, or others may have written it.
    """
    return _read(path, _WRITABLE_BY_OTHERS, "chmod go-w")


def read_secret(path: Path) -> str | None:
    """Return the content of the file at `path`, or None if missing.

    Raises:
        StorageError: The file is unreadable, or others may read or write it.
    """
    return _read(path, _ACCESSIBLE_TO_OTHERS, "chmod 600")


def make_private_dir(path: Path) -> None:
    """Create the directory `path` and its missing parents with mode 0700.

    Raises:
        OSError: The directory cannot be created, or exists and is writable by others, who could
            have planted links in it.
    """
    if path.parent.is_symlink():
        _refuse_shared(path.parent)
    try:
        path.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        _refuse_shared(path)
        return
    except FileNotFoundError:
        make_private_dir(path.parent)
        path.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    # The umask may have removed permissions of the owner.
    path.chmod(stat.S_IRWXU)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Sync a directory to disk: without it, new files in it do not survive a power loss.

    Raises:
        OSError: The directory cannot be synced.
    """
    # Windows has no descriptors of directories.
    if not _HAS_OWNERS:
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        # A parent that the user may enter, but not read.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync directories.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def create_private(path: Path) -> int:
    """Create a file with mode 0600, regardless of the umask, and return a descriptor for writing.

    Raises:
        FileExistsError: The path exists, even as a dangling symbolic link.
        OSError: The file cannot be created.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    if _HAS_OWNERS:
        os.fchmod(descriptor, 0o600)
    return descriptor


def ensure_private(path: Path) -> None:
    """Create an empty file with mode 0600 at `path` if missing.

    Raises:
        OSError: The file cannot be created, or is a symbolic link.
    """
    try:
        os.close(create_private(path))
    except FileExistsError:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "the file is a symbolic link", str(path)) from None


def is_accessible_to_others(path: Path) -> bool:
    """Whether anyone but the owner may read or write the file at `path`."""
    if not _HAS_OWNERS:
        return False
    try:
        return bool(path.stat().st_mode & _ACCESSIBLE_TO_OTHERS)
    except OSError:
        return False


def is_writable_by_others(path: Path) -> bool:
    """Whether the directory `path` belongs to another user or is writable by others.

    Raises:
        OSError: The directory is missing or inaccessible.
    """
    if not _HAS_OWNERS:
        return False
    status, link = path.stat(), path.lstat()
    # Even root follows neither a link of another user nor one to another user's directory.
    is_foreign_link = stat.S_ISLNK(link.st_mode) and not (
        {link.st_uid, status.st_uid} <= {os.geteuid(), 0}
    )
    is_writable = bool(status.st_mode & _WRITABLE_BY_OTHERS)
    return is_writable or is_foreign_link or not _is_trusted(status.st_uid)


def _read(path: Path, refused: int, remedy: str) -> str | None:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if _HAS_OWNERS and not _is_trusted(status.st_uid):
                raise StorageError(
                    f"{path} belongs to another user", hint=f"Run: sudo chown $USER '{path}'"
                )
            if _HAS_OWNERS and status.st_mode & refused:
                mode = stat.S_IMODE(status.st_mode)
                raise StorageError(
                    f"permissions {mode:04o} for {path} are too open",
                    hint=f"Run: {remedy} '{path}'",
                )
            content = stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable_error(path, error) from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise StorageError(f"{path} is UTF-16 text", hint="Save the file as UTF-8.")
    try:
        return decode_text(content)
    except TextEncodingError as error:
        raise StorageError(f"{path} {error}", hint="Fix or delete the file.") from None


def _refuse_shared(path: Path) -> None:
    if is_writable_by_others(path):
        # No advice to change a sticky directory: all users need to write to it, such as to /tmp.
        is_sticky = path.stat().st_mode & stat.S_ISVTX
        remedy = "" if is_sticky else f"; run: chmod go-w '{path}'"
        raise OSError(errno.EACCES, f"{path} is writable by other users{remedy}")


def _is_trusted(owner: int) -> bool:
    # Root accepts all owners: volumes of a container belong to arbitrary users.
    return owner in {os.geteuid(), 0} or os.geteuid() == 0


def _unusable_error(path: Path, error: OSError) -> StorageError:
    is_locked = getattr(error, "winerror", None) == _WINDOWS_SHARING_VIOLATION
    return StorageError(
        f"{path} cannot be used: {error.strerror or error}",
        hint=LOCKED_HINT if is_locked else UNUSABLE_HINT,
    )
