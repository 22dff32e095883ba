"""The rate limit of a token in a team's store."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from outreply_cli.api.rate_limit import WINDOW_SECONDS, RateLimiter
from outreply_cli.clock import Clock
from outreply_cli.spec.token import Token
from outreply_cli.storage.postgres import PostgresDatabase, PostgresError

# Pause after an error; otherwise, each further request would wait for the connection.
_PAUSE_SECONDS = 60.0


class TeamRateLimiter(RateLimiter):
    """The rate limit of one token on all hosts of a team, by the clock of their database."""

    _ERRORS = PostgresError
    _FOR_UPDATE = " FOR UPDATE"

    def __init__(
        self, database: PostgresDatabase, token: Token, base_url: str, clock: Clock
    ) -> None:
        super().__init__(token, base_url, clock)
        self._database = database
        self._usable_at = -math.inf

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def acquire(self) -> float:
        """Count a request and return 0, or return the seconds to wait before the next call."""
        with suppress(PostgresError), self._transaction() as db:
            # One statement, unless the limit is reached or its window is over.
            row = db.execute(
                "UPDATE rate_limits SET remaining = remaining - 1, in_flight = in_flight + 1 "
                "WHERE token = ? AND remaining > 0 AND resets_at BETWEEN "
                "extract(epoch FROM clock_timestamp()) "
                "AND extract(epoch FROM clock_timestamp()) + ? RETURNING token",
                (self._key, 2 * WINDOW_SECONDS),
            ).fetchone()
            if row is not None:
                return 0.0
        return super().acquire()

    def _now(self, db: Any) -> float:
        row = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8 AS now").fetchone()
        return float(row["now"])

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock:
            if self._clock.monotonic() < self._usable_at:
                raise PostgresError("the store is unusable")
            try:
                with self._database.transaction() as db:
                    yield db
            except PostgresError:
                self._usable_at = self._clock.monotonic() + _PAUSE_SECONDS
                raise
