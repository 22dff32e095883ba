"""Files that only their owner may read, written whole or not at all."""

import os
import stat
from pathlib import Path

from outreply_cli.errors import StorageError


def write_private(path: Path, text: str, *, is_durable: bool = True) -> None:
    """Replace the file at `path` by `text`, with mode 0600 from its first byte on.

    Args:
        path: Its directory is made where there is none.
        text: The whole of it.
        is_durable: Whether it is on the disk before this returns.

    Raises:
        StorageError: It can't be written.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        make_private_dir(path.parent)
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
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
    """What the file at `path` holds, or None where there is none; raises StorageError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise StorageError(f"{path} is not UTF-8 text", hint="Delete or mend the file.") from None
    except OSError as failure:
        raise _unusable(path, failure) from None


def make_private_dir(path: Path) -> None:
    """Make the directory `path` for its owner alone, where there is none; raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def is_open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may read or write the file at `path`."""
    if os.name != "posix":
        return False
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False


def _unusable(path: Path, failure: OSError) -> StorageError:
    return StorageError(
        f"{path} can't be used: {failure.strerror or failure}",
        hint="Check its permissions, or choose other places with OUTREPLY_CONFIG_DIR and "
        "OUTREPLY_STATE_DIR.",
    )
