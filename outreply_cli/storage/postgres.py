"""A team's PostgreSQL database: its address, transactions and portable statements.

Statements are those of SQLite, with `?` for values. All tables are in one schema, which is set in
each transaction: a pooler such as PgBouncer may give each transaction another session.
"""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import Any, NamedTuple

from outreply_cli.clock import Clock
from outreply_cli.errors import InvalidInputError, StorageError, install_hint

try:
    import psycopg
    from psycopg import pq
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.rows import DictRow, dict_row
except ImportError as failure:
    raise InvalidInputError(
        f"OUTREPLY_STORE_URL requires outreply-cli[postgres] ({failure})",
        hint=install_hint("postgres"),
    ) from None

SCHEMA = "outreply"
# The driver's error, for modules that must not import it themselves.
PostgresError = psycopg.Error
# Another transaction was faster; the same one may succeed if it is tried again.
CONFLICT_ERRORS = (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected)
_CONNECT_SECONDS = 10
# Settings that decide which server and role a password belongs to.
_ADDRESS = ("user", "host", "hostaddr", "port", "dbname", "service")
# Few enough to be sent at once: if a process stops in the middle of a statement, the server waits.
_ROWS_PER_INSERT = 50
# The values of one row in a statement.
_ROW = re.compile(r"VALUES (\([^()]*\))")
_STATEMENT_SECONDS = 30
# A process that stops in a transaction holds locks; transactions take milliseconds.
_IDLE_SECONDS = 10
_SETTINGS: dict[str, Any] = {
    # Finds a connection that is half open before a lease expires.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
    "connect_timeout": _CONNECT_SECONDS,
    "client_encoding": "utf8",
    "application_name": "outreply",
}
_SETTINGS_OF_TRANSACTION = (
    f"SET LOCAL search_path TO {SCHEMA}; "
    f"SET LOCAL statement_timeout TO '{_STATEMENT_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout TO '{_IDLE_SECONDS}s'; "
    # From PostgreSQL 17 on, even if a part of a statement has arrived.
    f"SELECT set_config('transaction_timeout', '{_STATEMENT_SECONDS}s', true) "
    "WHERE current_setting('server_version_num')::int >= 170000"
)
_UNLIMITED = (
    "SELECT set_config(name, '0', true) FROM pg_settings "
    "WHERE name IN ('statement_timeout', 'transaction_timeout')"
)


class PasswordError(psycopg.OperationalError):
    """The server asks for a password, and no usable one was found; `hint` is the next step."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class PostgresDatabase:
    """A connection that is opened on first use, and again once it is lost; safe between threads.

    Attributes:
        name: Host and database, for messages.
        address: User, host and database; another password belongs to each.
        has_password: Whether the URL has a password.
    """

    def __init__(
        self,
        url: str,
        find_password: Callable[[str], str | None] | None = None,
        password_hint: str = "",
    ) -> None:
        """Check `url`.

        Args:
            url: The URL.
            find_password: Returns the password of an address, or None; called if the server asks
                for one, and the URL, PGPASSWORD and PGPASSFILE have none.
            password_hint: The next step if there is none.

        Raises:
            InvalidInputError: The URL is invalid.
        """
        settings = _parse_url(url)
        host = str(settings.get("host") or "localhost")
        port = f":{settings['port']}" if settings.get("port") else ""
        self.name = f"{host}{port}/{settings.get('dbname') or ''}"
        self.address = _address(settings)
        self.has_password = bool(settings.get("password"))
        self._find_password, self._password_hint = find_password, password_hint
        self._conninfo = make_conninfo(**{**_SETTINGS, **settings})
        # From the keyring, once it has worked.
        self._password: str | None = None
        self._connection: psycopg.Connection[DictRow] | None = None
        self._lock = threading.RLock()
        self._is_open = False
        self._is_closed = False

    def close(self) -> None:
        """Close the connection; it is not opened again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._is_closed = None, True

    def requires_password(self, password: str) -> bool:
        """Connect with a password, and return whether the server asked for it.

        Raises:
            psycopg.Error: The database cannot be used, or the password is wrong.
        """
        with closing(self._connect(password)) as connection:
            return connection.pgconn.used_password

    @contextmanager
    def transaction(self, *, is_snapshot: bool = False) -> Iterator["PostgresDatabase"]:
        """Commit all writes of the block, or roll them back if it raises; blocks may be nested.

        With `is_snapshot`, all statements read one consistent snapshot.

        Raises:
            psycopg.Error: The database cannot be used; whether a commit succeeded may be unknown.
        """
        with self._lock:
            if self._is_open:
                yield self
                return
            connection = self._begin(is_snapshot=is_snapshot)
            self._is_open = True
            try:
                yield self
            except BaseException:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            else:
                connection.execute("COMMIT")
            finally:
                self._is_open = False

    def remove_timeouts(self) -> None:
        """Let the open transaction take as long as it needs."""
        self.execute(_UNLIMITED)

    @property
    def process_id(self) -> int:
        """ID of the process that the server named when the connection was opened."""
        assert self._connection is not None
        return self._connection.info.backend_pid

    def execute(self, statement: str, values: Sequence[Any] = ()) -> "psycopg.Cursor[DictRow]":
        """Execute a statement in the open transaction."""
        assert self._connection is not None
        return self._connection.execute(_translate(statement), tuple(values))

    def executemany(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Execute a statement for each of `values`."""
        # Of a statement with many rows, `DO UPDATE` must not touch a row twice; `DO NOTHING` may.
        if "DO NOTHING" in statement:
            self.insert(statement, values)
            return
        for row in values:
            self.execute(statement, row)

    def insert(self, statement: str, values: Iterable[Sequence[Any]]) -> list[DictRow]:
        """Insert many rows with few round trips, and return what the statement returns.

        Without the pipeline of the driver: the server does not notice if a process is stopped in
        it, and would keep its locks.
        """
        found = _ROW.search(statement)
        assert found is not None
        rows: list[DictRow] = []
        remaining = [tuple(row) for row in values]
        while remaining:
            part, remaining = remaining[:_ROWS_PER_INSERT], remaining[_ROWS_PER_INSERT:]
            many = ", ".join([found[1]] * len(part))
            cursor = self.execute(
                f"{statement[: found.start(1)]}{many}{statement[found.end(1) :]}",
                [value for row in part for value in row],
            )
            if cursor.description:
                rows += cursor.fetchall()
        return rows

    def _begin(self, *, is_snapshot: bool) -> "psycopg.Connection[DictRow]":
        level = " ISOLATION LEVEL REPEATABLE READ" if is_snapshot else ""
        if self._is_closed:
            raise psycopg.OperationalError("the connection is closed")
        for attempt in range(2):
            if self._connection is None or self._connection.closed:
                self._connection = self._open()
            try:
                self._connection.execute(f"BEGIN{level}; {_SETTINGS_OF_TRANSACTION}".encode())
            except psycopg.OperationalError:
                # The server has closed an idle connection; nothing was sent in it.
                self._connection.close()
                if attempt:
                    raise
            else:
                break
        assert self._connection is not None
        return self._connection

    def _open(self) -> "psycopg.Connection[DictRow]":
        if self._password is not None:
            return self._connect(self._password)
        try:
            return self._connect()
        except psycopg.OperationalError as error:
            if self._find_password is None or error.pgconn is None:
                raise
            if not error.pgconn.needs_password:
                raise
        try:
            password = self._find_password(self.address)
        except StorageError as error:
            raise PasswordError(
                f"the database asks for a password, and {error.message}",
                error.hint or self._password_hint,
            ) from None
        if password is None:
            raise PasswordError(
                "the database asks for a password, and the keyring has none", self._password_hint
            )
        try:
            connection = self._connect(password)
        except psycopg.OperationalError as error:
            if error.pgconn is not None and error.pgconn.used_password:
                message = f"{_first_line(error)} (password from the keyring)"
                raise PasswordError(message, self._password_hint) from None
            raise
        self._password = password
        return connection

    def _connect(self, password: str | None = None) -> "psycopg.Connection[DictRow]":
        conninfo = self._conninfo
        if password is not None:
            conninfo = make_conninfo(conninfo, password=password)
        return psycopg.connect(
            conninfo, autocommit=True, row_factory=dict_row, prepare_threshold=None
        )


class Measurements(NamedTuple):
    """Measurements of a database.

    Attributes:
        version: Version of the server.
        latency_ms: Milliseconds of a round trip.
        clock_offset: Seconds that its clock is ahead of this machine's.
        is_pooled: Whether the connection is one to a pooler, such as PgBouncer.
        missing_privileges: Tables that the role may not change.
    """

    version: str
    latency_ms: float
    clock_offset: float
    is_pooled: bool
    missing_privileges: list[str]


def measure(database: PostgresDatabase, clock: Clock) -> Measurements:
    """Measure a database; raises psycopg.Error."""
    with database.transaction() as db:
        tables = db.execute(
            "SELECT DISTINCT tablename AS name FROM pg_tables, "
            "unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege "
            "WHERE schemaname = ? AND NOT has_table_privilege("
            "format('%I.%I', schemaname, tablename), privilege) ORDER BY tablename",
            (SCHEMA,),
        ).fetchall()
        started_at = clock.monotonic()
        row = db.execute(
            "SELECT extract(epoch FROM clock_timestamp())::float8 AS now, "
            "current_setting('server_version') AS version, pg_backend_pid() AS pid"
        ).fetchone()
        latency = clock.monotonic() - started_at
        assert row is not None
        offset = float(row["now"]) - clock.now().timestamp() + latency / 2
    return Measurements(
        str(row["version"]).split()[0],
        latency * 1000,
        offset,
        # A pooler reports other process IDs than the server.
        row["pid"] != database.process_id,
        [str(table["name"]) for table in tables],
    )


@contextmanager
def wrap_postgres_errors(name: str, *, hint: str) -> Iterator[None]:
    """Raise StorageError, with the `name` of the store, if the block cannot use the database."""
    try:
        yield
    except PasswordError as error:
        raise StorageError(f"{name} cannot be used: {error}", hint=error.hint) from None
    # A stored value that is invalid raises the error of SQLite.
    except (psycopg.Error, sqlite3.DatabaseError, UnicodeError) as error:
        raise StorageError(f"{name} cannot be used: {_first_line(error)}", hint=hint) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _address(settings: Mapping[str, Any]) -> str:
    """Return the user, server and database of a password; libpq's variables complete the URL."""
    defaults = {
        option.keyword.decode(): (option.val or b"").decode(errors="replace")
        for option in pq.Conninfo.get_defaults()
    }
    found = {name: str(settings.get(name) or defaults.get(name) or "") for name in _ADDRESS}
    host = found["host"] or found["hostaddr"] or "localhost"
    if found["hostaddr"] not in ("", host):
        host += f" ({found['hostaddr']})"
    service = f" of {found['service']}" if found["service"] else ""
    database = found["dbname"] or found["user"]
    return f"{found['user']}@{host}:{found['port']}/{database}{service}"


def _parse_url(url: str) -> dict[str, Any]:
    """Return the settings in a URL; an error quotes none of them, because one is the password."""
    form = "Use the form: postgresql://USER@HOST/DATABASE"
    try:
        settings: dict[str, Any] = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        raise InvalidInputError("the store URL is invalid", hint=form) from None
    host, port = str(settings.get("host") or ""), str(settings.get("port") or "")
    names = host + str(settings.get("dbname") or "")
    # Such a URL was split in the middle of its password.
    if (
        "@" in names
        or ("/" in host and not host.startswith("/"))
        or not port.isascii()
        or (port and not port.replace(",", "").isdigit())
    ):
        raise InvalidInputError(
            "the store URL is invalid",
            hint=f"{form}; in the password, write @ as %40, / as %2F and : as %3A.",
        )
    return settings


@lru_cache(maxsize=256)
def _translate(statement: str) -> bytes:
    return statement.replace("%", "%%").replace("?", "%s").encode()
