"""Stored webhook deliveries, with their forwards and attempts."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from outreply_cli.net.delivery_result import DeliveryResult, HandlerResponse
from outreply_cli.storage.sqlite import check_types

_DELIVERY_TYPES = {"number": int, "id": str, "event": str, "received_at": float,
                   "reason": str | None, "status": int, "body": bytes}  # fmt: skip
_FORWARD_TYPES = {"number": int, "delivery": int, "target": str, "attempts": int,
                  "due_at": float | None, "status": int | None, "error": str | None,
                  "milliseconds": float | None}  # fmt: skip
_ATTEMPT_TYPES = {"target": str, "started_at": float, "milliseconds": float,
                  "status": int | None, "error": str | None}  # fmt: skip

# No attempt is delayed longer: if one is due later, the clock was set back.
MAX_DUE_SECONDS = 60.0


@dataclass
class Delivery:
    """A delivery.

    Attributes:
        id: Key of the event, the same for each redelivery; a digest of the body if invalid.
        event: Event name; empty if unknown.
        reason: Reason that the delivery is invalid; None if valid.
        status: HTTP status of the response.
        number: Number in the store; 0 until it is stored.
        is_duplicate: Whether the event was delivered before.
    """

    id: str
    received_at: float
    event: str
    is_verified: bool
    reason: str | None
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    number: int = 0
    is_duplicate: bool = False

    def header(self, name: str) -> str | None:
        """The value of a header, repeated ones joined by commas; None if absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def state(self) -> str:
        """The state in words."""
        if self.reason is not None:
            return f"invalid: {self.reason}"
        return "verified (duplicate)" if self.is_duplicate else "verified"

    @property
    def label(self) -> str:
        """The state in one word, for counts."""
        if not self.is_verified:
            return "invalid"
        return "duplicate" if self.is_duplicate else "verified"


@dataclass
class IncomingDelivery(Delivery):
    """A delivery that is about to be stored; the store completes it.

    Attributes:
        targets: Names of the forward targets.
        forward_if_duplicate: Whether to forward it to targets that received the event.
        times_seen: Number of earlier deliveries of the event.
        served_targets: The targets that received the event, or will receive it.
    """

    targets: Sequence[str] = ()
    forward_if_duplicate: bool = False
    times_seen: int = 0
    served_targets: Collection[str] = ()

    @property
    def queued_targets(self) -> Sequence[str]:
        """The targets that it is queued for."""
        if self.forward_if_duplicate:
            return self.targets
        return [target for target in self.targets if target not in self.served_targets]


class ForwardState(StrEnum):
    """State of a delivery at a forward target."""

    QUEUED = "queued"
    # A command is running. Recorded before it starts, so that it is never rerun automatically.
    RUNNING = "running"
    FORWARDED = "forwarded"
    # Not retried automatically: a command failed, or the sender got the response of the target.
    FAILED = "failed"
    # Skipped by a user.
    SKIPPED = "skipped"


# States of deliveries that still have to be forwarded, and of those not retried automatically.
OPEN_STATES = (ForwardState.QUEUED, ForwardState.RUNNING)
GIVEN_UP_STATES = (ForwardState.FAILED, ForwardState.SKIPPED)


@dataclass(frozen=True)
class Forward:
    """A delivery at a forward target.

    Attributes:
        number: Position in the queue of the target.
        delivery: Number of the delivery.
        attempts: Attempts so far.
        due_at: Time of the next attempt; None if there is none.
        status, error, milliseconds: Result of the latest attempt; None without one.
    """

    number: int
    delivery: int
    target: str
    state: ForwardState
    attempts: int
    due_at: float | None
    status: int | None
    error: str | None
    milliseconds: float | None

    @property
    def text(self) -> str:
        """The state in a few words, such as `queued: connection refused`."""
        return forward_text(self.state, self.attempts, self.error, self.status)

    @property
    def kind(self) -> str:
        """Whether it is `good`, `bad` or `waiting`."""
        if self.state is ForwardState.FORWARDED:
            return "good"
        has_result = self.error is not None or self.status is not None
        return "bad" if has_result or self.state is ForwardState.SKIPPED else "waiting"

    def is_due(self, now: float) -> bool:
        """Whether the next attempt is due at the time `now` of this machine.

        The clocks of hosts that share the queue may differ.
        """
        if self.due_at is None or self.attempts == 0:
            return True
        return self.due_at <= now or self.due_at > now + MAX_DUE_SECONDS


@dataclass(frozen=True)
class QueuedDelivery:
    """A delivery in a forward target's queue."""

    forward: Forward
    delivery: Delivery


@dataclass(frozen=True)
class Attempt:
    """A stored attempt to forward or replay a delivery."""

    target: str
    started_at: float
    result: DeliveryResult


@dataclass(frozen=True)
class QueueLength:
    """The deliveries that wait for a target.

    Attributes:
        count: Number of deliveries.
        oldest_at: Time when the oldest one was received.
    """

    target: str
    count: int
    oldest_at: float


def forward_text(state: str, attempts: int, error: str | None, status: int | None) -> str:
    """The state of a forward in a few words."""
    if state == ForwardState.FORWARDED:
        return str(status)
    if attempts == 0 or state == ForwardState.SKIPPED:
        return str(state)
    return f"{state}: {error or status}"


def delivery_from_row(row: Any) -> Delivery:
    """The delivery in a row of the store; raises TypeError or ValueError if it is damaged."""
    check_types(row, _DELIVERY_TYPES)
    return Delivery(
        is_verified=bool(row["verified"]),
        is_duplicate=bool(row["duplicate"]),
        headers=_load_headers(row["headers"]),
        **{name: row[name] for name in _DELIVERY_TYPES},
    )


def delivery_values(delivery: Delivery) -> Mapping[str, Any]:
    """The columns of a delivery."""
    return {
        "id": delivery.id,
        "received_at": delivery.received_at,
        "event": delivery.event,
        "verified": int(delivery.is_verified),
        "reason": delivery.reason,
        "duplicate": int(delivery.is_duplicate),
        "status": delivery.status,
        "headers": json.dumps(list(delivery.headers)),
        "body": delivery.body,
    }


def forward_from_row(row: Any) -> Forward:
    """The forward in a row of the store; raises TypeError or ValueError if it is damaged."""
    check_types(row, _FORWARD_TYPES)
    values = {name: row[name] for name in _FORWARD_TYPES}
    return Forward(state=ForwardState(row["state"]), **values)


def attempt_from_row(row: Any) -> Attempt:
    """The attempt in a row of the store; raises TypeError or ValueError if it is damaged."""
    check_types(row, _ATTEMPT_TYPES)
    response = None
    if row["headers"] is not None:
        response = HandlerResponse(
            _load_headers(row["headers"]), bytes(row["body"]), bool(row["truncated"]),
            float(row["connect_ms"]), float(row["first_byte_ms"]),
        )  # fmt: skip
    result = DeliveryResult(row["status"], row["error"], row["milliseconds"], response=response)
    return Attempt(row["target"], row["started_at"], result)


def attempt_values(attempt: Attempt) -> Mapping[str, Any]:
    """The columns of an attempt."""
    response = attempt.result.response
    return {
        "target": attempt.target,
        "started_at": attempt.started_at,
        "milliseconds": float(attempt.result.milliseconds),
        "status": attempt.result.status,
        "error": attempt.result.error,
        "headers": None if response is None else json.dumps(list(response.headers)),
        "body": None if response is None else response.body,
        "truncated": None if response is None else int(response.is_truncated),
        "connect_ms": None if response is None else response.connect_ms,
        "first_byte_ms": None if response is None else response.first_byte_ms,
    }


def _load_headers(text: str) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in json.loads(text)]
