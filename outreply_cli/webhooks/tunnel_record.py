"""What a run with a tunnel has to remove at its end, on disk in case it is killed.

Each run has a file of its own, and holds a lock beside it that the system releases when the run
dies: a file without a holder is what a killed run left behind.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex

from outreply_cli.errors import StorageError
from outreply_cli.storage.private_files import make_private_dir, read_private, write_private
from outreply_cli.storage.sqlite import describe_error, file_lock

_DIRECTORY = "tunnels"


@dataclass
class TunnelRecord:
    """The process and the webhooks of a run.

    Attributes:
        tool: Name of the tool.
        base_url: Base URL of the API that has the webhooks.
        profile: Profile whose token manages them; None for a token of the environment.
        token_digest: Digest of that token.
        pid: Process ID of the tool; None before it starts.
        process_identity: What distinguishes the process from later ones with the same ID; None
            if the system does not report it.
        webhook_ids: IDs of the webhooks that the run created.
        pending_url: URL of a webhook that is being created, whose ID is not known yet.
    """

    tool: str
    base_url: str
    profile: str | None
    token_digest: str
    pid: int | None = None
    process_identity: str | None = None
    webhook_ids: list[str] = field(default_factory=list)
    pending_url: str | None = None


class RecordFile:
    """The file of a record, held by this process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, record: TunnelRecord) -> None:
        """Write the record to disk; raises StorageError."""
        write_private(self.path, json.dumps(asdict(record)) + "\n")

    def remove(self) -> None:
        """Remove the file: nothing is left to be removed."""
        self.path.unlink(missing_ok=True)


@contextmanager
def new_record_file(state_dir: Path) -> Iterator[RecordFile]:
    """Hold the file of a new run, not written yet.

    Raises:
        StorageError: The directory cannot be used.
    """
    path = state_dir / _DIRECTORY / f"{token_hex(8)}.json"
    with ExitStack() as stack:
        try:
            make_private_dir(path.parent)
            stack.enter_context(file_lock(_lock_path(path), wait=0))
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"cannot use {path.parent}: {describe_error(error)}",
                hint="Check its permissions, or set OUTREPLY_STATE_DIR to another directory.",
            ) from None
        try:
            yield RecordFile(path)
        finally:
            if not path.exists():
                _lock_path(path).unlink(missing_ok=True)


def claim_leftovers(state_dir: Path) -> Iterator[tuple[RecordFile, TunnelRecord]]:
    """The records of runs that were killed, each held while the caller handles it.

    Raises:
        StorageError: A file is unusable.
    """
    for path in sorted((state_dir / _DIRECTORY).glob("*.json")):
        with ExitStack() as stack:
            try:
                stack.enter_context(file_lock(_lock_path(path), wait=0))
            except (OSError, sqlite3.Error):
                # Its run is alive, or another start removes what it left behind.
                continue
            text = read_private(path)
            if text is not None:
                yield RecordFile(path), _parse(path, text)
            if not path.exists():
                _lock_path(path).unlink(missing_ok=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _parse(path: Path, text: str) -> TunnelRecord:
    try:
        return TunnelRecord(**json.loads(text))
    except (ValueError, TypeError):
        raise StorageError(f"{path} is damaged", hint="Delete the file.") from None
