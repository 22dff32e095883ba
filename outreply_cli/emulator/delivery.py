"""Webhook deliveries: signed, sent, retried on the emulator's clock, and logged.

Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import hashlib
import hmac
import sqlite3
import threading
from datetime import datetime
from typing import Any

from outreply_cli import __version__
from outreply_cli.emulator.account import spend
from outreply_cli.emulator.audit import delete_expired_entries
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.log import log_exception
from outreply_cli.emulator.request import format_unix_time
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.state import State
from outreply_cli.net.deliver import deliver
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.net.dns import Resolver
from outreply_cli.net.ssrf import Reach
from outreply_cli.spec.limits import LOG_RETENTION
from outreply_cli.spec.webhooks import (
    FAILURES_BEFORE_DISABLING,
    RESPONSE_TIMEOUT_SECONDS,
    RETRY_SECONDS,
    ROTATION_SECONDS,
)

_POLL_SECONDS = 0.2
_RECOVERY_SECONDS = 5.0
_DUE = (
    "SELECT deliveries.*, hooks.url, hooks.secret, hooks.previous_secret, hooks.rotated_at, "
    "hooks.user_id FROM deliveries JOIN hooks ON hooks.id = deliveries.hook_id "
    "WHERE due_at <= ? ORDER BY due_at, deliveries.number LIMIT 1"
)


def signature_header(body: bytes, row: sqlite3.Row, now: datetime) -> str:
    """The `X-OutReply-Signature` of a body, by both secrets for 24 hours after a rotation."""
    keys = [row["secret"]]
    rotated_at = row["rotated_at"]
    if rotated_at is not None and now.timestamp() - rotated_at < ROTATION_SECONDS:
        keys.append(row["previous_secret"])
    digests = [hmac.new(key.encode(), body, hashlib.sha256).hexdigest() for key in keys]
    return ", ".join(f"sha256={digest}" for digest in digests)


def list_attempts(state: State, delivery_id: str) -> list[dict[str, Any]]:
    """The attempts of a delivery, oldest first."""
    rows = state.connection.execute(
        "SELECT at, status, error, milliseconds FROM attempts WHERE delivery_id = ? "
        "ORDER BY number",
        (delivery_id,),
    )
    return [dict(row) | {"at": format_unix_time(row["at"])} for row in rows]


def delete_expired(state: State) -> None:
    """Delete the deliveries that the log no longer keeps; the caller commits."""
    before = (state.clock.now() - LOG_RETENTION).timestamp()
    # In the order of their numbers, so that the cost does not grow with the log.
    expired = (
        "FROM deliveries WHERE due_at IS NULL AND number < coalesce("
        "(SELECT min(number) FROM deliveries WHERE created_at >= ?), "
        "(SELECT max(number) + 1 FROM deliveries))"
    )
    state.connection.execute(
        f"DELETE FROM attempts WHERE delivery_id IN (SELECT id {expired})",  # noqa: S608
        (before,),
    )
    state.connection.execute(f"DELETE {expired}", (before,))


class DeliveryWorker:
    """Processes what is due and sends the deliveries, in a thread while the emulator serves.

    Attributes:
        lock: Lock held while anything is processed or sent.
    """

    def __init__(self, state: State, resolver: Resolver) -> None:
        self._state, self._resolver = state, resolver
        self._stopped, self.lock = threading.Event(), threading.RLock()

    def run(self) -> None:
        """Process what becomes due until `stop` is called."""
        pause = _POLL_SECONDS
        while not self._stopped.wait(pause):
            try:
                self.deliver_due()
                pause = _POLL_SECONDS
            except Exception as failure:  # noqa: BLE001 - logged; later deliveries continue
                log_exception(failure, "deliveries")
                pause = _RECOVERY_SECONDS

    def stop(self) -> None:
        """Make `run` return after the current delivery."""
        self._stopped.set()

    def deliver_due(self) -> int:
        """Process and send everything that is due; returns the number of delivery attempts."""
        attempts = 0
        with self.lock:
            with self._state.transaction():
                delete_expired_entries(self._state)
                delete_expired(self._state)
            while not self._stopped.is_set() and (row := self._next_delivery()) is not None:
                self._attempt(row)
                attempts += 1
        return attempts

    def next_due_at(self) -> float | None:
        """The Unix time of the earliest pending delivery, or None."""
        with self._state.transaction() as db:
            sql = "SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL"
            due_at: float | None = db.execute(sql).fetchone()[0]
        return due_at

    def _next_delivery(self) -> sqlite3.Row | None:
        """The next delivery that is due, counted in the monthly quota; None if none is due."""
        with self._state.transaction() as db:
            now = self._state.clock.now()
            process_due(self._state, now)
            while (row := db.execute(_DUE, (now.timestamp(),)).fetchone()) is not None:
                user = db.execute("SELECT * FROM users WHERE id = ?", (row["user_id"],)).fetchone()
                if spend(self._state, user["id"], "webhooks", get_tier(user).webhooks, now):
                    due: sqlite3.Row = row
                    return due
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
            # Receivers compare it with their own clock, which the emulator's may be ahead of.
            "X-OutReply-Timestamp": str(int(self._state.clock.system.now().timestamp())),
            "X-OutReply-Event": row["event"],
            "X-OutReply-Delivery": row["id"],
        }
        result = deliver(
            row["url"],
            body,
            headers,
            reach=Reach.PUBLIC if self._state.config.allow_external else Reach.LOOPBACK,
            timeout=RESPONSE_TIMEOUT_SECONDS,
            lookup=self._resolver.lookup,
        )
        self._record(row, result)

    def _record(self, row: sqlite3.Row, result: DeliveryResult) -> None:
        with self._state.transaction() as db:
            # Read again: the clock may have been moved during the attempt.
            now, hook_id = self._state.clock.now().timestamp(), row["hook_id"]
            attempt = row["attempts"] + 1
            retries = RETRY_SECONDS[attempt - 1 : attempt]
            due_at = None if result.is_accepted or not retries else now + retries[0]
            db.execute(
                "UPDATE deliveries SET attempts = ?, due_at = ?, status = ?, error = ?, "
                "milliseconds = ?, last_at = ? WHERE id = ?",
                (attempt, due_at, result.status, result.error, result.milliseconds, now, row["id"]),
            )
            self._state.insert(
                "attempts", delivery_id=row["id"], at=now, status=result.status,
                error=result.error, milliseconds=result.milliseconds,
            )  # fmt: skip
            if result.is_accepted:
                db.execute("UPDATE hooks SET failures = 0 WHERE id = ?", (hook_id,))
                return
            db.execute("UPDATE hooks SET failures = failures + 1 WHERE id = ?", (hook_id,))
            disabled = db.execute(
                "UPDATE hooks SET disabled_at = ? WHERE id = ? AND failures >= ?",
                (now, hook_id, FAILURES_BEFORE_DISABLING),
            )
            if disabled.rowcount:
                db.execute("UPDATE deliveries SET due_at = NULL WHERE hook_id = ?", (hook_id,))
