"""One process at a time for a calendar; a process that dies lets go at once."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outreply_cli.errors import OutReplyError, StorageError
from outreply_cli.private_files import make_private_dir


class CalendarBusyError(OutReplyError):
    """Another process is carrying the calendar out."""

    code = "CALENDAR_BUSY"


@contextmanager
def calendar_lock(state_dir: Path, account: str, calendar: str, *, wait: float) -> Iterator[None]:
    """Hold the lock of a calendar while the block runs.

    SQLite's own file lock is used, because the operating system drops it when a process dies,
    on every platform.

    Args:
        state_dir: Where locks are kept.
        account: As the journal calls it.
        calendar: As the journal calls it.
        wait: Seconds to wait for another process that holds it.

    Raises:
        CalendarBusyError: Another process held it for longer than `wait`; it is named.
        StorageError: The lock's file can't be used.
    """
    directory = state_dir / "locks"
    name = f"{account}\n{calendar}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(name).hexdigest()[:32]
    path, owner = directory / f"{digest}.lock", directory / f"{digest}.pid"
    try:
        make_private_dir(directory)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        lock = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as failure:
        raise StorageError(
            f"the lock {path} can't be used: {failure}",
            hint="Mend its permissions, or choose another place with OUTREPLY_STATE_DIR.",
        ) from None
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as failure:
            if "locked" not in str(failure):
                raise StorageError(f"the lock {path} can't be used: {failure}") from None
            holder = owner.read_text() if owner.exists() else "unknown"
            raise CalendarBusyError(
                f"another process is working on it (pid {holder})",
                hint="Wait until it has ended, or wait longer with --wait-lock 10m.",
                details={"pid": int(holder) if holder.isdecimal() else None},
            ) from None
        owner.write_text(str(os.getpid()))
        yield
    finally:
        lock.close()
