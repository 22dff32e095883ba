"""A lock for each calendar, released when the process that holds it dies."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from outreply_cli.errors import OutReplyError, StorageError
from outreply_cli.storage.private_files import make_private_dir, write_private
from outreply_cli.storage.sqlite import describe_error, file_lock


class CalendarBusyError(OutReplyError):
    """Another process holds the lock of the calendar."""

    code = "CALENDAR_BUSY"


@contextmanager
def calendar_lock(state_dir: Path, account: str, calendar: str, *, wait: float) -> Iterator[None]:
    """Hold the lock of a calendar, as named in the journal, while the block runs.

    Raises:
        CalendarBusyError: Another process held the lock for longer than `wait` seconds.
        StorageError: The lock file is not usable.
    """
    directory = state_dir / "locks"
    name = f"{account}\n{calendar}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(name).hexdigest()[:32]
    path, owner = directory / f"{digest}.lock", directory / f"{digest}.pid"
    with ExitStack() as stack:
        try:
            make_private_dir(directory)
            stack.enter_context(file_lock(path, wait=wait))
            write_private(owner, str(os.getpid()), is_durable=False)
        except (OSError, sqlite3.Error) as error:
            if "locked" not in str(error):
                raise StorageError(
                    f"the lock {path} cannot be used: {describe_error(error)}",
                    hint="Fix its permissions, or set OUTREPLY_STATE_DIR to another directory.",
                ) from None
            pid = owner.read_text() if owner.exists() else "unknown"
            raise CalendarBusyError(
                f"another process is working on this calendar (pid {pid})",
                hint="Wait until it has finished, then run the command again.",
                details={"pid": int(pid) if pid.isdecimal() else None},
            ) from None
        yield
