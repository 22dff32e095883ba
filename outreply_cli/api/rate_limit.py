"""The rate limit, shared by all processes of this machine that use the same token.

Reference: Tiers & limits, `X-RateLimit-*`. The remaining requests are kept in SQLite; its lock is
never held while waiting. Requests are counted when they are sent, so that processes together stay
within the limit that the server last reported.
"""

import hashlib
import math
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.spec.token import Token
from outreply_cli.storage.sqlite import open_database, transaction, wrap_corruption

_WINDOW_SECONDS = 60.0
# Resets further apart belong to different windows.
_SAME_WINDOW_SECONDS = 3.0
_MAX_NUMBER = 1e12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rate_limits (
    token TEXT PRIMARY KEY, max_requests INTEGER NOT NULL, remaining INTEGER NOT NULL,
    in_flight INTEGER NOT NULL, resets_at REAL NOT NULL, is_guess INTEGER NOT NULL
) WITHOUT ROWID
"""


class SharedRateLimiter:
    """The rate limit of one token on this machine.

    It never fails: without a usable file, requests are not counted and the server enforces the
    limit. The file, which is opened on first use, stores only a digest of the token.
    """

    def __init__(self, path: Path, token: Token, base_url: str, clock: Clock) -> None:
        self._path = path
        self._key = hashlib.sha256(f"{base_url}\n{token.reveal()}".encode()).hexdigest()[:24]
        self._clock = clock
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._is_unusable = False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db, self._is_unusable = None, True

    def acquire(self) -> float:
        """Count a request and return 0, or return the seconds to wait before the next call."""
        with suppress(sqlite3.Error), self._transaction() as db:
            now = self._clock.now().timestamp()
            row = db.execute(
                "SELECT max_requests, remaining, resets_at FROM rate_limits WHERE token = ?",
                (self._key,),
            ).fetchone()
            if row is None:
                return 0.0
            limit, remaining, resets_at = row
            # The window is over, or the clock was set back since.
            if now >= resets_at or resets_at - now > 2 * _WINDOW_SECONDS:
                self._write(db, limit, limit - 1, 1, now + _WINDOW_SECONDS, is_guess=True)
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
        now = self._clock.now().timestamp()
        left = reset - (server_now if server_now is not None else now)
        # `Date` has no fractions, so a window may look a second longer than it is.
        resets_at = now + min(max(left, 0.0), _WINDOW_SECONDS + 1)
        with suppress(sqlite3.Error), self._transaction() as db:
            row = db.execute(
                "SELECT remaining, in_flight, resets_at, is_guess FROM rate_limits WHERE token = ?",
                (self._key,),
            ).fetchone()
            if row is None:
                self._write(db, limit, remaining, 0, resets_at)
                return
            counted, in_flight, known_reset, is_guess = row
            in_flight = max(0, in_flight - 1)
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
        until = self._clock.now().timestamp() + min(seconds, 2 * _WINDOW_SECONDS)
        with suppress(sqlite3.Error), self._transaction() as db:
            # The pause is newer than the known window.
            db.execute(
                "UPDATE rate_limits SET remaining = 0, resets_at = ?, is_guess = 1 WHERE token = ?",
                (until, self._key),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, wrap_corruption(), transaction(self._connect()) as db:
            yield db

    def _connect(self) -> sqlite3.Connection:
        if self._db is None and not self._is_unusable:
            try:
                self._db = open_database(self._path, _SCHEMA, version=1, durable=False)
            except (OSError, sqlite3.Error, StorageError):
                self._is_unusable = True
        if self._db is None:
            raise sqlite3.OperationalError("the file is unusable")
        return self._db

    def _write(
        self,
        db: sqlite3.Connection,
        limit: int,
        remaining: int,
        in_flight: int,
        resets_at: float,
        *,
        is_guess: bool = False,
    ) -> None:
        db.execute(
            "INSERT OR REPLACE INTO rate_limits VALUES (?, ?, ?, ?, ?, ?)",
            (self._key, limit, remaining, in_flight, resets_at, is_guess),
        )


def _parse_int(text: str | None) -> int | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    # SQLite stores 64-bit integers; larger numbers are neither counts nor times.
    return int(number) if abs(number) < _MAX_NUMBER else None
