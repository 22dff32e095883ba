"""Files that only their owner may read, written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

from outreply_cli.errors import StorageError

# Windows has neither owners nor modes of this kind.
_HAS_OWNERS = hasattr(os, "geteuid")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_private(path: Path, text: str, *, is_durable: bool = True) -> None:
    """Replace the file at `path` by `text`, with mode 0600 from its first byte on.

    Args:
        path: Its directory is made where there is none.
        text: The whole of it.
        is_durable: Whether it is on the disk before this returns.

    Raises:
        StorageError: It can't be written, or others may write in its directory.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        make_private_dir(path.parent)
        descriptor = create_private(draft)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                if is_durable:
                    stream.flush()
                    os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as failure:
        raise _unusable(path, failure) from None


def read_private(path: Path) -> str | None:
    """What the file at `path` holds, or None where there is none.

    Raises:
        StorageError: It can't be read, or others may write to it: what it says may be theirs.
    """
    return _read(path, _WRITABLE_BY_OTHERS, "write to", "chmod go-w")


def read_secret(path: Path) -> str | None:
    """What the file at `path` holds, or None where there is none.

    Raises:
        StorageError: It can't be read, or others may read it or write to it.
    """
    return _read(path, _OPEN_TO_OTHERS, "read", "chmod 600")


def make_private_dir(path: Path) -> None:
    """Make the directory `path`, and what is missing above it, for its owner alone.

    Raises:
        OSError: It can't be made; or it is there, and others may write in it: what stands in it
            may be a link of theirs to a file of ours.
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
    # A umask may have taken away what even the owner needs.
    path.chmod(stat.S_IRWXU)


def create_private(path: Path) -> int:
    """A descriptor of a new file at `path`, to write, with mode 0600 whatever the umask is.

    Raises:
        FileExistsError: Something is there, be it a symbolic link that leads nowhere.
        OSError: It can't be made.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    if _HAS_OWNERS:
        os.fchmod(descriptor, 0o600)
    return descriptor


def ensure_private(path: Path) -> None:
    """Make an empty file with mode 0600 at `path` where there is none.

    Raises:
        OSError: It can't be made, or a symbolic link is there: it may lead to anybody's file.
    """
    try:
        os.close(create_private(path))
    except FileExistsError:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a symbolic link", str(path)) from None


def is_accessible_to_others(path: Path) -> bool:
    """Whether anybody but the owner may read or write the file at `path`."""
    if not _HAS_OWNERS:
        return False
    try:
        return bool(path.stat().st_mode & _OPEN_TO_OTHERS)
    except OSError:
        return False


def is_writable_by_others(path: Path) -> bool:
    """Whether anybody but the owner may write in the directory `path`, or it is somebody else's.

    Raises:
        OSError: There is none, or it can't be looked at.
    """
    if not _HAS_OWNERS:
        return False
    found = path.stat()
    # A link of somebody else's making must not lead even root to a directory of theirs.
    is_led_astray = path.is_symlink() and found.st_uid not in {os.geteuid(), 0}
    is_writable = bool(found.st_mode & _WRITABLE_BY_OTHERS)
    return is_writable or is_led_astray or not _is_trusted(found.st_uid)


def _read(path: Path, refused: int, verb: str, remedy: str) -> str | None:
    try:
        with path.open(encoding="utf-8") as stream:
            found = os.fstat(stream.fileno())
            if _HAS_OWNERS and (found.st_mode & refused or not _is_trusted(found.st_uid)):
                raise StorageError(
                    f"others on this machine can {verb} {path}",
                    hint=f"If nobody did, run: {remedy} '{path}', and see that it is yours.",
                )
            return stream.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise StorageError(f"{path} is not UTF-8 text", hint="Delete or mend the file.") from None
    except OSError as failure:
        raise _unusable(path, failure) from None


def _refuse_shared(path: Path) -> None:
    if is_writable_by_others(path):
        raise OSError(
            errno.EACCES, f"others on this machine can write in {path}; run: chmod go-w '{path}'"
        )


def _is_trusted(owner: int) -> bool:
    # To root everybody's files are open, as in a container whose volumes are somebody's.
    return owner in {os.geteuid(), 0} or os.geteuid() == 0


def _unusable(path: Path, failure: OSError) -> StorageError:
    return StorageError(
        f"{path} can't be used: {failure.strerror or failure}",
        hint="Check its permissions, or choose other places with OUTREPLY_CONFIG_DIR and "
        "OUTREPLY_STATE_DIR.",
    )
