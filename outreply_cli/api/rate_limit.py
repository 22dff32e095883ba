"""The rate limit, shared by every process of this machine that uses the same token.

Reference: Tiers & limits, `X-RateLimit-*`. What is left is kept in SQLite; its lock is never held
while anybody waits. Requests are counted when they go out, so that a burst of several processes
together stays within what the server last said.
"""

import hashlib
import math
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.spec.token import Token
from outreply_cli.storage.sqlite import open_database, transaction, wrap_corruption

_WINDOW_SECONDS = 60.0
# Resets that lie further apart than this belong to different windows.
_SAME_WINDOW_SECONDS = 3.0
_LARGEST_NUMBER = 1e12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS budgets (
    token TEXT PRIMARY KEY, most INTEGER NOT NULL, remaining INTEGER NOT NULL,
    in_flight INTEGER NOT NULL, resets_at REAL NOT NULL, is_guess INTEGER NOT NULL
) WITHOUT ROWID
"""


class RateLimiter(Protocol):
    """Who may send a request now."""

    def acquire(self) -> float:
        """Seconds to wait before asking again; 0 means: it is counted, send it."""

    def update(self, headers: Mapping[str, str], server_now: float | None) -> None:
        """Take what an answer says; `server_now` is its `Date` in Unix seconds."""

    def throttle(self, seconds: float) -> None:
        """Take that the server refused, and wants `seconds` of pause."""

    def close(self) -> None:
        """Give back what it holds."""


class SharedRateLimiter:
    """The budget of one token on this machine.

    It is a courtesy and no lock: where its file can't be used, requests go out uncounted, and the
    server's refusals are waited out as they come.

    Args:
        path: The SQLite file of all budgets.
        token: Whose budget; only a digest of it is stored.
        base_url: The server that counts.
        clock: The present; wall time, because processes share it.
    """

    def __init__(self, path: Path, token: Token, base_url: str, clock: Clock) -> None:
        self._key = hashlib.sha256(f"{base_url}\n{token.reveal()}".encode()).hexdigest()[:24]
        self._clock = clock
        self._turn = threading.Lock()
        self._db: sqlite3.Connection | None = None
        with suppress(OSError, sqlite3.Error, StorageError):
            self._db = open_database(path, _SCHEMA, version=1, durable=False)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()

    def acquire(self) -> float:
        """Seconds to wait before asking again; 0 means: it is counted, send it."""
        with self._turn, suppress(sqlite3.Error), wrap_corruption():
            if self._db is None:
                return 0.0
            now = self._clock.now().timestamp()
            with transaction(self._db) as db:
                row = db.execute(
                    "SELECT most, remaining, resets_at FROM budgets WHERE token = ?", (self._key,)
                ).fetchone()
                if row is None:
                    return 0.0
                most, remaining, resets_at = row
                # A reset in the far future is a clock that was set back: it is over.
                if now >= resets_at or resets_at - now > 2 * _WINDOW_SECONDS:
                    guess = now + _WINDOW_SECONDS
                    self._write(db, most, most - 1, 1, guess, is_guess=True)
                    return 0.0
                if remaining <= 0:
                    return float(resets_at - now)
                db.execute(
                    "UPDATE budgets SET remaining = remaining - 1, in_flight = in_flight + 1 "
                    "WHERE token = ?",
                    (self._key,),
                )
        return 0.0

    def update(self, headers: Mapping[str, str], server_now: float | None) -> None:
        """Take what an answer says; `server_now` is its `Date` in Unix seconds."""
        most = _whole(headers.get("x-ratelimit-limit"))
        remaining = _whole(headers.get("x-ratelimit-remaining"))
        reset = _whole(headers.get("x-ratelimit-reset"))
        if self._db is None or most is None or remaining is None or reset is None or most < 1:
            return
        now = self._clock.now().timestamp()
        left = reset - (server_now if server_now is not None else now)
        resets_at = now + min(max(left, 0.0), _WINDOW_SECONDS + _SAME_WINDOW_SECONDS)
        with self._turn, suppress(sqlite3.Error), wrap_corruption(), transaction(self._db) as db:
            row = db.execute(
                "SELECT remaining, in_flight, resets_at, is_guess FROM budgets WHERE token = ?",
                (self._key,),
            ).fetchone()
            if row is None:
                self._write(db, most, remaining, 0, resets_at)
                return
            counted, in_flight, known_reset, is_guess = row
            in_flight = max(0, in_flight - 1)
            if is_guess and counted <= 0 < remaining:
                # A pause that was asked for stays as long as it is, whatever others are answered.
                self._write(db, most, counted, in_flight, known_reset, is_guess=True)
            elif left > 0 and is_guess:
                self._write(db, most, min(counted, remaining), in_flight, resets_at)
            elif resets_at > known_reset + _SAME_WINDOW_SECONDS:
                # The server began a window that we did not expect; what is on its way counts in it.
                self._write(db, most, max(0, remaining - in_flight), in_flight, resets_at)
            elif resets_at >= known_reset - _SAME_WINDOW_SECONDS:
                self._write(db, most, min(counted, remaining), in_flight, known_reset)
            else:
                # A late answer of the window before this one: its figures are history.
                self._write(db, most, counted, in_flight, known_reset, is_guess=bool(is_guess))

    def throttle(self, seconds: float) -> None:
        """Take that the server refused, and wants `seconds` of pause."""
        if self._db is None:
            return
        until = self._clock.now().timestamp() + min(seconds, 2 * _WINDOW_SECONDS)
        with self._turn, suppress(sqlite3.Error), wrap_corruption(), transaction(self._db) as db:
            # Its pause is newer word than the window that it told of before.
            db.execute(
                "UPDATE budgets SET remaining = 0, resets_at = ?, is_guess = 1 WHERE token = ?",
                (until, self._key),
            )

    def _write(
        self,
        db: sqlite3.Connection,
        most: int,
        remaining: int,
        in_flight: int,
        resets_at: float,
        *,
        is_guess: bool = False,
    ) -> None:
        db.execute(
            "INSERT OR REPLACE INTO budgets VALUES (?, ?, ?, ?, ?, ?)",
            (self._key, most, remaining, in_flight, resets_at, is_guess),
        )


def _whole(text: str | None) -> int | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    # Larger ones are no counts and no times, and a database holds no number without end.
    return int(number) if abs(number) < _LARGEST_NUMBER else None
