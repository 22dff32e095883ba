"""Deliveries on their way: signed, sent, tried again on the emulator's clock, logged.

Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import hashlib
import hmac
import http.client
import sqlite3
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from outreply_cli import __version__
from outreply_cli.emulator.account import usage_of
from outreply_cli.emulator.state import State
from outreply_cli.emulator.tokens import tier_of

RETRY_SECONDS = (30.0, 120.0, 600.0, 1_800.0, 7_200.0)
FAILURES_BEFORE_DISABLING = 20
ROTATION_SECONDS = 86_400.0
ANSWER_SECONDS = 10.0
_LOG_SECONDS = 30 * 86_400.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """What a target answered.

    Attributes:
        status: Of HTTP; None where no answer came.
        error: Why none came.
    """

    status: int | None
    milliseconds: float
    error: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether it counts as delivered: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def signature_header(body: bytes, row: sqlite3.Row, now: datetime) -> str:
    """`X-OutReply-Signature` of a hook: both secrets sign for 24 hours after a rotation."""
    signing = [row["secret"]]
    rotated = row["rotated_at"]
    if rotated is not None and now.timestamp() - rotated < ROTATION_SECONDS:
        signing.append(row["previous_secret"])
    digests = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in signing]
    return ", ".join(f"sha256={digest}" for digest in digests)


class Deliverer:
    """Sends what is due, from a thread of its own while the emulator serves.

    Args:
        state: Where deliveries wait.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._ended = threading.Event()
        self._working = threading.Lock()

    def run(self) -> None:
        """Deliver what falls due until `stop`."""
        while not self._ended.wait(_POLL_SECONDS):
            self.deliver_due()

    def stop(self) -> None:
        """Make `run` return after what it is at."""
        self._ended.set()

    def deliver_due(self) -> int:
        """Send everything that is due now; returns how many attempts were made."""
        attempts = 0
        with self._working:
            while not self._ended.is_set():
                row = self._next_due()
                if row is None:
                    return attempts
                self._attempt(row)
                attempts += 1
        return attempts

    def next_due(self) -> float | None:
        """The Unix time of the earliest delivery that waits, or None."""
        with self._state.change() as db:
            row = db.execute("SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL")
            found: float | None = row.fetchone()[0]
        return found

    def _next_due(self) -> sqlite3.Row | None:
        with self._state.change() as db:
            row: sqlite3.Row | None = db.execute(
                "SELECT deliveries.*, hooks.url, hooks.secret, hooks.previous_secret, "
                "hooks.rotated_at, hooks.user_id FROM deliveries "
                "JOIN hooks ON hooks.id = deliveries.hook_id "
                "WHERE due_at <= ? ORDER BY due_at, deliveries.number LIMIT 1",
                (self._state.clock.now().timestamp(),),
            ).fetchone()
        return row

    def _attempt(self, row: sqlite3.Row) -> None:
        now = self._state.clock.now()
        with self._state.change() as db:
            if not _spend(db, row["user_id"], now):
                db.execute(
                    "UPDATE deliveries SET due_at = NULL, error = 'monthly quota' WHERE id = ?",
                    (row["id"],),
                )
                return
        body = row["body"].encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"OutReply-Emulator/{__version__}",
            "X-OutReply-Signature": signature_header(body, row, now),
            "X-OutReply-Timestamp": str(int(now.timestamp())),
            "X-OutReply-Event": row["event"],
            "X-OutReply-Delivery": row["id"],
        }
        outcome = post(row["url"], body, headers)
        with self._state.change() as db:
            self._record(db, row, outcome)

    def _record(self, db: sqlite3.Connection, row: sqlite3.Row, outcome: Outcome) -> None:
        # The clock may have been moved while the target thought about it.
        moment = self._state.clock.now().timestamp()
        attempt = row["attempts"] + 1
        retries = RETRY_SECONDS[attempt - 1 : attempt]
        due_at = None if outcome.is_success or not retries else moment + retries[0]
        db.execute(
            "UPDATE deliveries SET attempts = ?, due_at = ?, status = ?, error = ?, "
            "milliseconds = ?, last_at = ? WHERE id = ?",
            (attempt, due_at, outcome.status, outcome.error, outcome.milliseconds, moment,
             row["id"]),
        )  # fmt: skip
        db.execute("DELETE FROM deliveries WHERE created_at < ?", (moment - _LOG_SECONDS,))
        if outcome.is_success:
            db.execute("UPDATE hooks SET failures = 0 WHERE id = ?", (row["hook_id"],))
            return
        db.execute("UPDATE hooks SET failures = failures + 1 WHERE id = ?", (row["hook_id"],))
        disabled = db.execute(
            "UPDATE hooks SET disabled_at = ? WHERE id = ? AND failures >= ?",
            (moment, row["hook_id"], FAILURES_BEFORE_DISABLING),
        )
        if disabled.rowcount:
            db.execute("UPDATE deliveries SET due_at = NULL WHERE hook_id = ?", (row["hook_id"],))


def post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """Send one delivery; redirects are not followed, an answer is waited for 10 s in all."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    began = time.monotonic()
    status, error = None, None
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        response.read(65_536)
        status = response.status
        if time.monotonic() - began > ANSWER_SECONDS:
            status, error = None, "timed out"
    except TimeoutError:
        error = "timed out"
    except (OSError, http.client.HTTPException, ValueError) as failure:
        error = type(failure).__name__
    finally:
        connection.close()
    return Outcome(status, (time.monotonic() - began) * 1000, error)


def _spend(db: sqlite3.Connection, user_id: str, now: datetime) -> bool:
    user = db.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    if usage_of(db, user_id, now).get("webhooks", 0) >= tier_of(user).webhooks:
        return False
    db.execute(
        "INSERT INTO usage VALUES (?, ?, 'webhooks', 1) "
        "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = used + 1",
        (user_id, f"{now:%Y-%m}"),
    )
    return True
