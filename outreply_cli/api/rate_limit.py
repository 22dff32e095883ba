"""The rate limit, shared by all processes of this machine, or of a team, with the same token.

Reference: Tiers & limits, `X-RateLimit-*`. The remaining requests are kept in a database; its lock
is never held while waiting. Requests are counted when they are sent, so that processes together
stay within the limit that the server last reported.
"""

import hashlib
import math
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.spec.token import Token
from outreply_cli.storage.sqlite import FileSchema, open_database, transaction, wrap_corruption

WINDOW_SECONDS = 60.0
# Resets further apart belong to different windows.
_SAME_WINDOW_SECONDS = 3.0
_MAX_NUMBER = 1e12
_TABLE = """
CREATE TABLE IF NOT EXISTS rate_limits (
    token TEXT PRIMARY KEY, max_requests INTEGER NOT NULL, remaining INTEGER NOT NULL,
    in_flight INTEGER NOT NULL, resets_at REAL NOT NULL, is_guess INTEGER NOT NULL
) WITHOUT ROWID
"""
_SCHEMA = FileSchema("the rate limits", _TABLE, version=1, durable=False)


class RateLimiter:
    """The rate limit of one token, whose database a subclass opens.

    It never fails: without a usable database, requests are not counted and the server enforces the
    limit. Only a digest of the token is stored.
    """

    _ERRORS: type[Exception] = sqlite3.Error
    # Locks the row that is read; a writing transaction of SQLite locks the file.
    _FOR_UPDATE = ""

    def __init__(self, token: Token, base_url: str, clock: Clock) -> None:
        self._key = hashlib.sha256(f"{base_url}\n{token.reveal()}".encode()).hexdigest()[:24]
        self._clock = clock
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the database."""
        raise NotImplementedError

    def acquire(self) -> float:
        """Count a request and return 0, or return the seconds to wait before the next call."""
        with suppress(self._ERRORS), self._transaction() as db:
            now = self._now(db)
            row = self._read(db)
            if row is None:
                return 0.0
            limit, remaining, resets_at = row["max_requests"], row["remaining"], row["resets_at"]
            # The window is over, or the clock was set back since.
            if now >= resets_at or resets_at - now > 2 * WINDOW_SECONDS:
                self._write(db, limit, limit - 1, 1, now + WINDOW_SECONDS, is_guess=True)
                return 0.0
            if remaining <= 0:
                return float(resets_at - now)
            db.execute(
                "UPDATE rate_limits SET remaining = remaining - 1, in_flight = in_flight + 1 "
                "WHERE token = ?",
                (self._key,),
            )
        return 0.0

    def update(self, headers: Mapping[str, str], server_now: float | None) -> None:
        """Update the limit from response headers; `server_now` is their `Date` (Unix time)."""
        limit = _parse_int(headers.get("x-ratelimit-limit"))
        remaining = _parse_int(headers.get("x-ratelimit-remaining"))
        reset = _parse_int(headers.get("x-ratelimit-reset"))
        if limit is None or remaining is None or reset is None or limit < 1:
            return
        left = reset - (server_now if server_now is not None else self._clock.now().timestamp())
        with suppress(self._ERRORS), self._transaction() as db:
            # `Date` has no fractions, so a window may look a second longer than it is.
            resets_at = self._now(db) + min(max(left, 0.0), WINDOW_SECONDS + 1)
            row = self._read(db)
            if row is None:
                self._write(db, limit, remaining, 0, resets_at)
                return
            counted, known_reset, is_guess = row["remaining"], row["resets_at"], row["is_guess"]
            in_flight = max(0, row["in_flight"] - 1)
            if is_guess and counted <= 0 < remaining:
                # A pause that the server requested lasts, regardless of other responses.
                self._write(db, limit, counted, in_flight, known_reset, is_guess=True)
            elif left > 0 and is_guess:
                self._write(db, limit, min(counted, remaining), in_flight, resets_at)
            elif resets_at > known_reset + _SAME_WINDOW_SECONDS:
                # A new window started early; requests in flight count in it.
                self._write(db, limit, max(0, remaining - in_flight), in_flight, resets_at)
            elif resets_at >= known_reset - _SAME_WINDOW_SECONDS:
                self._write(db, limit, min(counted, remaining), in_flight, known_reset)
            else:
                # A late response of the previous window: its numbers are outdated.
                self._write(db, limit, counted, in_flight, known_reset, is_guess=bool(is_guess))

    def throttle(self, seconds: float) -> None:
        """Send nothing for `seconds`: the server rejected a request."""
        with suppress(self._ERRORS), self._transaction() as db:
            until = self._now(db) + min(seconds, 2 * WINDOW_SECONDS)
            # The pause is newer than the known window.
            db.execute(
                "UPDATE rate_limits SET remaining = 0, resets_at = ?, is_guess = 1 WHERE token = ?",
                (until, self._key),
            )

    def _now(self, db: Any) -> float:  # noqa: ARG002 - for subclasses
        """Return the Unix time of the clock that all processes share."""
        return self._clock.now().timestamp()

    def _read(self, db: Any) -> Any:
        return db.execute(
            f"SELECT * FROM rate_limits WHERE token = ?{self._FOR_UPDATE}",  # noqa: S608
            (self._key,),
        ).fetchone()

    def _transaction(self) -> AbstractContextManager[Any]:
        """Commit all changes of the block; raises one of `_ERRORS`."""
        raise NotImplementedError

    def _write(
        self,
        db: Any,
        limit: int,
        remaining: int,
        in_flight: int,
        resets_at: float,
        *,
        is_guess: bool = False,
    ) -> None:
        db.execute(
            "INSERT INTO rate_limits VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (token) DO UPDATE SET "
            "max_requests = excluded.max_requests, remaining = excluded.remaining, "
            "in_flight = excluded.in_flight, resets_at = excluded.resets_at, "
            "is_guess = excluded.is_guess",
            (self._key, limit, remaining, in_flight, resets_at, int(is_guess)),
        )


class MachineRateLimiter(RateLimiter):
    """The rate limit of one token on this machine, in a file that is opened on first use."""

    def __init__(self, path: Path, token: Token, base_url: str, clock: Clock) -> None:
        super().__init__(token, base_url, clock)
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._is_unusable = False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db, self._is_unusable = None, True

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock, wrap_corruption(), transaction(self._connect()) as db:
            yield db

    def _connect(self) -> sqlite3.Connection:
        if self._db is None and not self._is_unusable:
            try:
                self._db = open_database(self._path, _SCHEMA)
            except (OSError, sqlite3.Error, StorageError):
                self._is_unusable = True
        if self._db is None:
            raise sqlite3.OperationalError("the file is unusable")
        return self._db


def _parse_int(text: str | None) -> int | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    # SQLite stores 64-bit integers; larger numbers are neither counts nor times.
    return int(number) if abs(number) < _MAX_NUMBER else None
