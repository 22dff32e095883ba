"""Records on disk of what each run with a tunnel has to clean up, in case it is killed.

Each run has its own file, and a lock file next to it that the operating system unlocks when the
run's process ends: the unlocked file of a record is the leftover of a killed run.
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
        process_identity: Distinguishes the process from later ones with the same ID; None if the
            system does not report it.
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


def save_record(path: Path, record: TunnelRecord) -> None:
    """Write a record to its locked file, or delete the file if nothing is left to clean up.

    Raises:
        StorageError: The file cannot be written.
    """
    if record.pid is None and not record.webhook_ids and record.pending_url is None:
        path.unlink(missing_ok=True)
    else:
        write_private(path, json.dumps(asdict(record)) + "\n")


@contextmanager
def new_record_file(state_dir: Path) -> Iterator[Path]:
    """Lock the file of a new run, and yield its path; `save_record` creates it.

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
            yield path
        finally:
            if not path.exists():
                _lock_path(path).unlink(missing_ok=True)


def claim_leftovers(state_dir: Path) -> Iterator[tuple[Path, TunnelRecord]]:
    """The records of killed runs and their files, each locked while the caller handles it.

    Raises:
        StorageError: A file is unusable.
    """
    for path in sorted((state_dir / _DIRECTORY).glob("*.json")):
        with ExitStack() as stack:
            try:
                stack.enter_context(file_lock(_lock_path(path), wait=0))
            except (OSError, sqlite3.Error):
                # The run is still alive, or another process is cleaning up after it.
                continue
            text = read_private(path)
            if text is not None:
                yield path, _parse(path, text)
            if not path.exists():
                _lock_path(path).unlink(missing_ok=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _parse(path: Path, text: str) -> TunnelRecord:
    try:
        return TunnelRecord(**json.loads(text))
    except (ValueError, TypeError):
        raise StorageError(f"{path} is damaged", hint="Delete the file.") from None
