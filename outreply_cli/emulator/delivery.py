"""Deliveries on their way: signed, sent, tried again on the emulator's clock, logged.

Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import hashlib
import hmac
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from outreply_cli import __version__
from outreply_cli.emulator.account import spend
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.responses import log_exception
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.state import State
from outreply_cli.net.deliver import DeliveryResult, deliver
from outreply_cli.net.dns import Address, Resolver
from outreply_cli.net.ssrf import Reach
from outreply_cli.spec.webhooks import (
    FAILURES_BEFORE_DISABLING,
    RESPONSE_TIMEOUT_SECONDS,
    RETRY_SECONDS,
    ROTATION_SECONDS,
)

_LOG_SECONDS = 30 * 86_400.0
_POLL_SECONDS = 0.2
_RECOVERY_SECONDS = 5.0


def signature_header(body: bytes, row: sqlite3.Row, now: datetime) -> str:
    """`X-OutReply-Signature` of a hook: both secrets sign for 24 hours after a rotation."""
    signing = [row["secret"]]
    rotated = row["rotated_at"]
    if rotated is not None and now.timestamp() - rotated < ROTATION_SECONDS:
        signing.append(row["previous_secret"])
    digests = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in signing]
    return ", ".join(f"sha256={digest}" for digest in digests)


class DeliveryWorker:
    """Does what is due and tells of it, from a thread of its own while the emulator serves.

    Args:
        state: Where posts, comments and deliveries wait.
        resolver: Resolves the hosts of webhook URLs.
    """

    def __init__(self, state: State, resolver: Resolver) -> None:
        self._state, self._resolver = state, resolver
        self._ended = threading.Event()
        self._working = threading.RLock()

    def run(self) -> None:
        """Let happen and deliver what falls due until `stop`."""
        pause = _POLL_SECONDS
        while not self._ended.wait(pause):
            try:
                self.deliver_due()
                pause = _POLL_SECONDS
            except Exception as failure:  # noqa: BLE001 - one mishap must not end all deliveries
                log_exception(failure, "deliveries")
                pause = _RECOVERY_SECONDS

    def stop(self) -> None:
        """Make `run` return after what it is at."""
        self._ended.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing fall due but what the block itself makes happen."""
        with self._working:
            yield

    def deliver_due(self) -> int:
        """Do all that is due and send what is to be told of it; returns how many attempts."""
        attempts = 0
        with self._working:
            while not self._ended.is_set():
                row = self._take()
                if row is None:
                    return attempts
                self._attempt(row)
                attempts += 1
        return attempts

    def next_due(self) -> float | None:
        """The Unix time of the earliest delivery that waits, or None."""
        with self._state.transaction() as db:
            row = db.execute("SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL")
            found: float | None = row.fetchone()[0]
        return found

    def _take(self) -> sqlite3.Row | None:
        """The next delivery that is due, counted in its month; None where there is none."""
        with self._state.transaction() as db:
            now = self._state.clock.now()
            process_due(self._state, db, now)
            while (row := _next(db, now)) is not None:
                user = db.execute("SELECT * FROM users WHERE id = ?", (row["user_id"],)).fetchone()
                limit = get_tier(user).webhooks
                if spend(self._state, db, user["id"], ("webhooks",), limit, now):
                    return row
                db.execute(
                    "UPDATE deliveries SET due_at = NULL, error = 'monthly quota' WHERE id = ?",
                    (row["id"],),
                )
        return None

    def _attempt(self, row: sqlite3.Row) -> None:
        now = self._state.clock.now()
        body = row["body"].encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"OutReply-Emulator/{__version__}",
            "X-OutReply-Signature": signature_header(body, row, now),
            "X-OutReply-Timestamp": str(int(now.timestamp())),
            "X-OutReply-Event": row["event"],
            "X-OutReply-Delivery": row["id"],
        }
        result = deliver(
            row["url"],
            body,
            headers,
            reach=Reach.PUBLIC if self._state.settings.sends_anywhere else Reach.LOOPBACK,
            timeout=RESPONSE_TIMEOUT_SECONDS,
            lookup=self._resolve,
        )
        with self._state.transaction() as db:
            self._record(db, row, result)

    def _resolve(self, host: str, timeout: float) -> Sequence[Address]:
        return self._resolver.resolve([host], timeout)[host] or ()

    def _record(self, db: sqlite3.Connection, row: sqlite3.Row, result: DeliveryResult) -> None:
        # The clock may have been moved while the target thought about it.
        moment = self._state.clock.now().timestamp()
        attempt = row["attempts"] + 1
        retries = RETRY_SECONDS[attempt - 1 : attempt]
        due_at = None if result.is_accepted or not retries else moment + retries[0]
        db.execute(
            "UPDATE deliveries SET attempts = ?, due_at = ?, status = ?, error = ?, "
            "milliseconds = ?, last_at = ? WHERE id = ?",
            (attempt, due_at, result.status, result.error, result.milliseconds, moment,
             row["id"]),
        )  # fmt: skip
        db.execute(
            "DELETE FROM deliveries WHERE created_at < ? AND due_at IS NULL",
            (moment - _LOG_SECONDS,),
        )
        if result.is_accepted:
            db.execute("UPDATE hooks SET failures = 0 WHERE id = ?", (row["hook_id"],))
            return
        db.execute("UPDATE hooks SET failures = failures + 1 WHERE id = ?", (row["hook_id"],))
        disabled = db.execute(
            "UPDATE hooks SET disabled_at = ? WHERE id = ? AND failures >= ?",
            (moment, row["hook_id"], FAILURES_BEFORE_DISABLING),
        )
        if disabled.rowcount:
            db.execute("UPDATE deliveries SET due_at = NULL WHERE hook_id = ?", (row["hook_id"],))


def _next(db: sqlite3.Connection, now: datetime) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT deliveries.*, hooks.url, hooks.secret, hooks.previous_secret, "
        "hooks.rotated_at, hooks.user_id FROM deliveries "
        "JOIN hooks ON hooks.id = deliveries.hook_id "
        "WHERE due_at <= ? ORDER BY due_at, deliveries.number LIMIT 1",
        (now.timestamp(),),
    ).fetchone()
    return row
