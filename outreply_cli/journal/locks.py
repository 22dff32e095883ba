"""One process at a time for a calendar; a process that dies lets go at once."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from outreply_cli.errors import OutReplyError, StorageError
from outreply_cli.storage.private_files import make_private_dir, write_private
from outreply_cli.storage.sqlite import file_lock


class CalendarBusyError(OutReplyError):
    """Another process is carrying the calendar out."""

    code = "CALENDAR_BUSY"


@contextmanager
def calendar_lock(state_dir: Path, account: str, calendar: str, *, wait: float) -> Iterator[None]:
    """Hold the lock of a calendar while the block runs.

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
    with ExitStack() as stack:
        try:
            make_private_dir(directory)
            stack.enter_context(file_lock(path, wait=wait))
            write_private(owner, str(os.getpid()), is_durable=False)
        except (OSError, sqlite3.Error) as failure:
            if "locked" in str(failure):
                raise _busy(owner) from None
            raise StorageError(
                f"the lock {path} can't be used: {failure}",
                hint="Mend its permissions, or choose another place with OUTREPLY_STATE_DIR.",
            ) from None
        yield


def _busy(owner: Path) -> CalendarBusyError:
    holder = owner.read_text() if owner.exists() else "unknown"
    return CalendarBusyError(
        f"another process is working on it (pid {holder})",
        hint="Wait until it has ended, or wait longer with --wait-lock 10m.",
        details={"pid": int(holder) if holder.isdecimal() else None},
    )
