"""Output of `outreply webhooks` and `outreply serve-webhook`."""

import json
import operator
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from outreply_cli.commands.webhooks.responses import print_response, response_to_dict
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError
from outreply_cli.formats.json import indent_json
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.timestamps import format_timestamp
from outreply_cli.ui.cells import cell_len
from outreply_cli.ui.columns import Column, short_time_column
from outreply_cli.ui.fields import as_text
from outreply_cli.ui.output import Output
from outreply_cli.webhooks.event import summarize
from outreply_cli.webhooks.models import forward_text
from outreply_cli.webhooks.retry_simulator import RetrySimulator

if TYPE_CHECKING:
    from outreply_cli.net.delivery_result import DeliveryResult
    from outreply_cli.webhooks.forward import ForwardAttempt
    from outreply_cli.webhooks.models import Attempt, Delivery
    from outreply_cli.webhooks.receiver import Received
    from outreply_cli.webhooks.store import HistoryEntry

WEBHOOK_COLUMNS = [
    Column("ID", "id"),
    Column("URL", "url", shrinkable=True),
    Column("Events", "events", lambda hook: _format_events(hook.get("events")), shrinkable=True),
    Column(
        "Status", "active", lambda hook: "disabled" if hook.get("active") is False else "active"
    ),
]  # fmt: skip
# After these, an attempt that fails in the same way as the one before is shown once per minute.
_ATTEMPTS_SHOWN = 3
_RESPONSES_SHOWN = 3
_MAX_EARLY_ATTEMPTS = 1_000
_GOOD, _BAD, _DIM = "green", "red", "dim"


def _format_events(events: Any) -> str:
    return ", ".join(map(str, events)) if isinstance(events, list) else as_text(events)


def duration_column() -> Column:
    """The column of `latency_ms`."""
    return Column("Duration", "latency_ms", lambda item: f"{item['latency_ms']:.0f} ms")


def _result_fields(result: "DeliveryResult") -> dict[str, Any]:
    return {
        "status": result.status,
        "error": result.error,
        "latency_ms": round(result.milliseconds, 3),
    }


def result_to_dict(event: str, url: str, result: "DeliveryResult", **ids: Any) -> dict[str, Any]:
    """The JSON object of a delivery that was triggered or replayed."""
    return {
        **ids,
        "event": event,
        "to": url,
        **_result_fields(result),
        "accepted": result.is_accepted,
        "response": response_to_dict(result),
    }


def print_results(
    context: Context,
    results: "Sequence[tuple[Mapping[str, Any], DeliveryResult]]",
    *,
    is_forged: bool = False,
) -> None:
    """Print the JSON objects of deliveries that were triggered or replayed.

    A table is followed by the response to a single delivery, or by those of deliveries that failed.
    A forged delivery fails unless it is rejected with a status of 4xx.

    Raises:
        UnreachableError: No delivery got a response.
        PartialFailureError: Some deliveries were not accepted.
    """
    from outreply_cli.net.deliver import UnreachableError

    items = [item for item, _ in results]
    context.output.print_list(
        items,
        [
            Column("ID", "id", shrinkable=True), Column("Event", "event"), Column("To", "to"),
            Column("Response", "status", lambda item: str(item["error"] or item["status"])),
            duration_column(),
        ],
    )  # fmt: skip
    is_expected = _is_rejected if is_forged else operator.attrgetter("is_accepted")
    failed = [(item, result) for item, result in results if not is_expected(result)]
    if context.options.output == "table":
        shown = results if len(results) == 1 else failed
        # Identical responses are shown once.
        distinct = {
            (result.status, result.response.body): result
            for _, result in shown
            if result.response is not None
        }
        for result in [*distinct.values()][:_RESPONSES_SHOWN]:
            print_response(context, result)
    if results and all(result.status is None for _, result in results):
        item, result = results[0]
        hints = [result.hint for _, result in results if result.hint is not None]
        raise UnreachableError(
            f"no response from {item['to']}: {result.error}",
            hint=[*hints, "Start the handler, or use another URL with --to."][0],
        )
    if is_forged:
        if failed:
            raise PartialFailureError(
                f"the handler did not reject an invalid signature: HTTP {failed[0][1].status}",
                hint="Verify the signature, and respond with 401. See: outreply help webhooks",
            )
        context.info("The handler rejected the invalid signature, as expected.")
    elif failed:
        cause = failed[0][1].error or f"HTTP {failed[0][1].status}"
        raise PartialFailureError(
            f"{len(failed)} of {len(items)} deliveries not accepted (first: {cause})",
            hint="Check your handler with: outreply webhooks check URL",
        )


def _is_rejected(result: "DeliveryResult") -> bool:
    return result.status is not None and 400 <= result.status < 500


def delivery_to_dict(delivery: "Delivery") -> dict[str, Any]:
    """The JSON object of a delivery that was received."""
    return {
        "received_at": iso_time(delivery.received_at),
        "id": delivery.id,
        "event": delivery.event,
        "verified": delivery.is_verified,
        "reason": delivery.reason,
        "duplicate": delivery.is_duplicate,
        "bytes": len(delivery.body),
        "status": delivery.status,
    }


def history_entry_to_dict(
    entry: "HistoryEntry", attempts: "Sequence[Attempt] | None"
) -> dict[str, Any]:
    """The JSON object of a delivery in the history.

    Args:
        entry: The delivery.
        attempts: Attempts to include, with the headers and the body; None to leave them out.
    """
    delivery = entry.delivery
    item = {
        "number": delivery.number,
        **delivery_to_dict(delivery),
        "state": delivery.state,
        "forwards": [
            {
                "target": forward.target,
                "state": str(forward.state),
                "status": forward.status,
                "error": forward.error,
                "latency_ms": forward.milliseconds,
                "attempts": forward.attempts,
                "due_at": None if forward.due_at is None else iso_time(forward.due_at),
            }
            for forward in entry.forwards
        ],
    }
    if attempts is not None:
        item["headers"] = [list(pair) for pair in delivery.headers]
        item["body"] = delivery.body.decode("utf-8", "backslashreplace")
        item["attempts"] = [
            {
                "target": attempt.target,
                "started_at": iso_time(attempt.started_at),
                **_result_fields(attempt.result),
                "response": response_to_dict(attempt.result),
            }
            for attempt in attempts
        ]
    return item


def history_columns(zone: ZoneInfo) -> list[Column]:
    """The columns of `webhooks history`."""
    return [
        Column("Number", "number"),
        short_time_column("Received", "received_at", zone),
        Column("Event", "event"),
        Column("ID", "id"),
        Column("State", "state", shrinkable=True),
        Column("Response", "status"),
        Column(
            "Forwarded to", "forwards",
            lambda item: ", ".join(
                f"{forward['target']} "
                + forward_text(*(forward[key] for key in ("state", "attempts", "error", "status")))
                for forward in item["forwards"]
            ),
            shrinkable=True,
        ),
    ]  # fmt: skip


@dataclass
class DeliveryReport:
    """Prints deliveries and forward attempts as they happen.

    The JSON object of a delivery is printed after one attempt at each of its targets, except those
    that reject an earlier delivery, or that another receiver forwards to. `usernames` maps page IDs
    to user names.
    """

    output: Output
    zone: ZoneInfo
    show_bodies: bool = False
    usernames: Mapping[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    retries: RetrySimulator = field(default_factory=RetrySimulator)
    _pending: dict[int, dict[str, Any]] = field(default_factory=dict)
    _failures: dict[str, tuple[Any, float]] = field(default_factory=dict)
    _busy_targets: set[str] = field(default_factory=set)
    # First attempts at deliveries that are not shown yet.
    _early: deque[tuple[int, dict[str, Any]]] = field(
        default_factory=lambda: deque(maxlen=_MAX_EARLY_ATTEMPTS)
    )

    def show_received(self, received: "Received") -> None:
        """Print a delivery; its JSON object follows once it is forwarded."""
        delivery = received.delivery
        self.counts[delivery.label] += 1
        if delivery.is_verified and not received.matches_filter:
            return
        if received.forward is not None:
            self._count(received.forward[1])
        if self.output.quiet:
            self._write(sanitize(delivery.id))
        elif self.output.format == "table":
            self._show_line(received)
        else:
            self._show_object(received)

    def show_forwarded(self, attempt: "ForwardAttempt") -> None:
        """Print a forward attempt."""
        self._busy_targets.discard(attempt.target)
        if attempt.retry_in is None:
            self._count(attempt.result)
        if self.output.quiet:
            return
        if self.output.format == "table":
            self._show_attempt(attempt)
            return
        # Its object is printed after the first attempt.
        if attempt.attempt == 1:
            self._add_first_attempt(attempt)
        if attempt.waiting:
            self.note_busy(attempt.target)

    def _add_first_attempt(self, attempt: "ForwardAttempt") -> None:
        number = attempt.delivery.number
        forward = _attempt_to_dict(attempt.target, attempt.result, attempt.attempt)
        pending = self._pending.get(number)
        if pending is None:
            # Its response is delayed, or it was received earlier or by another receiver.
            self._early.append((number, forward))
        else:
            pending["forwards"].append(forward)
            self._await_no_more(number, attempt.target)

    def note_busy(self, target: str) -> None:
        """Stop waiting for attempts at a target: it rejects, or another receiver forwards to it."""
        self._busy_targets.add(target)
        for number in list(self._pending):
            self._await_no_more(number, target)

    def close(self) -> None:
        """Print the JSON objects of deliveries that are not forwarded yet."""
        for number in list(self._pending):
            self._finish(number)

    def summary(self) -> str:
        """Return a one-line summary of what was received and forwarded."""
        names = ("verified", "duplicate", "invalid", "forwarded", "failed to forward")
        return ", ".join(
            f"{self.counts[name]} {name}" for name in names if self.counts[name] or name == names[0]
        )

    def _count(self, result: "DeliveryResult") -> None:
        self.counts["forwarded" if result.is_accepted else "failed to forward"] += 1

    def _show_line(self, received: "Received") -> None:
        delivery = received.delivery
        state_style = _BAD if delivery.reason is not None else _GOOD
        status = "dropped" if received.status is None else str(received.status)
        cells = [
            (self._time(delivery.received_at), _DIM),
            (delivery.event or "-", "bold"),
            (summarize(received.event, self.usernames) if received.event is not None else "", ""),
            (delivery.state, _DIM if delivery.is_duplicate else state_style),
            (status, "" if received.status == 200 else _BAD),
            (f"{received.milliseconds:.0f} ms", _DIM),
        ]
        if received.forward is not None:
            cells.append((self._format_forward(*received.forward), ""))
        self._show_cells(cells, wrapped=2)
        if self.show_bodies:
            self._write(sanitize(indent_json(delivery.body), keep_lines=True))

    def _show_attempt(self, attempt: "ForwardAttempt") -> None:
        if self._is_repetition(attempt):
            return
        text = self._format_forward(attempt.target, attempt.result)
        if attempt.retry_in is not None:
            text += f", retrying in {attempt.retry_in:g} s"
        elif not attempt.result.is_accepted:
            text += ", gave up"
        if attempt.waiting:
            text += f", {attempt.waiting} waiting"
        self._show_cells([
            (self._time(datetime.now(UTC).timestamp()), _DIM),
            (attempt.delivery.event, "bold"),
            (text, _GOOD if attempt.result.is_accepted else _BAD),
        ])  # fmt: skip

    def shows_response(self, attempt: "ForwardAttempt") -> bool:
        """Whether to print the response: of a command, of a first failure, or with --verbose."""
        if self.output.quiet or self.output.format != "table" or attempt.result.response is None:
            return False
        failed = not attempt.result.is_accepted and attempt.attempt == 1
        return failed or self.show_bodies or attempt.target.startswith("exec:")

    def _is_repetition(self, attempt: "ForwardAttempt") -> bool:
        """Whether an earlier attempt failed in the same way, and was shown within a minute."""
        now = time.monotonic()
        result = attempt.result
        failure = attempt.delivery.number, result.error, result.status
        last, shown_at = self._failures.get(attempt.target, (None, 0.0))
        if result.is_accepted or attempt.retry_in is None:
            self._failures.pop(attempt.target, None)
            return False
        if failure == last and attempt.attempt > _ATTEMPTS_SHOWN and now < shown_at + 60:
            return True
        self._failures[attempt.target] = failure, now
        return False

    def _format_forward(self, target: str, result: "DeliveryResult") -> str:
        to = f"to {target}" if self.output.plain else f"→ {target}"
        if result.status is None or result.error:
            return f"{to} {result.error}"
        return f"{to} {result.status} {result.milliseconds:.0f} ms"

    def _show_cells(self, cells: list[tuple[str, str]], wrapped: int | None = None) -> None:
        """Write styled cells on a line; the cell `wrapped` gets a second line if they don't fit."""
        shown = [(sanitize(text), style) for text, style in cells]
        if not self.output.is_terminal:
            self._write("\t".join(text for text, _ in shown))
            return
        width = cell_len("  ".join(text for text, _ in shown if text))
        second = None
        if wrapped is not None and shown[wrapped][0] and width > self.output.width:
            second = shown.pop(wrapped)
        self._write("  ".join(self.output.style_text(*cell) for cell in shown if cell[0]))
        if second is not None:
            indent = " " * len(f"{shown[0][0]}  ")
            self._write(indent + self.output.style_text(*second))

    def _show_object(self, received: "Received") -> None:
        delivery = received.delivery
        item: dict[str, Any] = {
            **delivery_to_dict(delivery),
            "status": received.status,
            "latency_ms": round(received.milliseconds, 3),
            "forward": {},
            "data": received.event.payload.get("data") if received.event is not None else None,
        }
        forwards = [_attempt_to_dict(*received.forward, 1)] if received.forward is not None else []
        forwards += [forward for number, forward in self._early if number == delivery.number]
        attempted = {forward["target"] for forward in forwards}
        awaited = {*delivery.queued_targets} - self._busy_targets - attempted
        self._pending[delivery.number] = {"item": item, "forwards": forwards, "awaited": awaited}
        if not awaited:
            self._finish(delivery.number)

    def _await_no_more(self, number: int, target: str) -> None:
        awaited = self._pending[number]["awaited"]
        awaited.discard(target)
        if not awaited:
            self._finish(number)

    def _finish(self, number: int) -> None:
        pending = self._pending.pop(number)
        item, forwards = pending["item"], pending["forwards"]
        if forwards:
            item["forward"] = forwards[0]
        if len(forwards) > 1:
            item["forwards"] = forwards
        self._write(json.dumps(self.output.select(item), ensure_ascii=True))

    def _write(self, line: str) -> None:
        self.output.stream.write(line + "\n")
        self.output.stream.flush()

    def _time(self, timestamp: float) -> str:
        return f"{datetime.fromtimestamp(timestamp, self.zone):%H:%M:%S}"


def _attempt_to_dict(target: str, result: "DeliveryResult", attempt: int) -> dict[str, Any]:
    return {"target": target, **_result_fields(result), "attempt": attempt}


def iso_time(timestamp: float) -> str:
    """A stored timestamp in ISO 8601."""
    return format_timestamp(datetime.fromtimestamp(timestamp, UTC))
