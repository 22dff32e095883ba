"""Output of the commands of `outreply webhooks`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import indented
from outreply_cli.timestamps import format_timestamp
from outreply_cli.ui.output import Output
from outreply_cli.ui.sanitize import sanitize
from outreply_cli.webhooks.event import summarize
from outreply_cli.webhooks.mock_responses import RetrySimulator

if TYPE_CHECKING:
    from outreply_cli.net.deliver import DeliveryResult
    from outreply_cli.webhooks.forward import ForwardAttempt
    from outreply_cli.webhooks.receiver import Received

_GOOD, _BAD, _DIM = "green", "red", "dim"


@dataclass
class Summary:
    """What came in all."""

    good: int = 0
    duplicates: int = 0
    bad: int = 0
    forwarded: int = 0
    not_forwarded: int = 0

    def text(self) -> str:
        """One line."""
        parts = [f"{self.good} good"]
        parts += [f"{self.duplicates} seen before"] if self.duplicates else []
        parts += [f"{self.bad} bad"] if self.bad else []
        parts += [f"{self.forwarded} passed on"] if self.forwarded else []
        parts += [f"{self.not_forwarded} not taken"] if self.not_forwarded else []
        return ", ".join(parts)


@dataclass
class DeliveryReport:
    """Shows what is received and passed on.

    Args:
        output: Where to.
        zone: Whose time is shown.
        targets: How many queues a delivery goes to, whose first attempts its object waits for.
        with_bodies: Whether bodies are shown.
        usernames: Of the pages that are known, by page id.

    Raises:
        InvalidInputError: The format is none for a stream.
    """

    output: Output
    zone: ZoneInfo
    targets: int = 0
    with_bodies: bool = False
    usernames: Mapping[str, str] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)
    senders_view: RetrySimulator = field(default_factory=RetrySimulator)
    _open: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.output.format not in {"table", "json", "jsonl"}:
            raise InvalidInputError(
                f"deliveries are no {self.output.format}", hint="Use -o jsonl, or leave it out."
            )

    def show_received(self, received: "Received") -> None:
        """Show one that has been answered; programs get it once it was passed on."""
        arrival = received.arrival
        if not arrival.is_verified:
            self.summary.bad += 1
        elif arrival.is_duplicate:
            self.summary.duplicates += 1
        else:
            self.summary.good += 1
        if arrival.is_verified and not received.is_wanted:
            return
        if received.forward is not None:
            self._count(received.forward[1])
        if self.output.quiet:
            self._write(sanitize(arrival.id))
        elif self.output.format == "table":
            self._show_line(received)
        else:
            self._show_object(received)

    def show_forwarded(self, forwarded: "ForwardAttempt") -> None:
        """Show one attempt to pass a delivery on."""
        self._count(forwarded.outcome)
        if self.output.quiet:
            return
        if self.output.format == "table":
            self._show_attempt(forwarded)
            return
        waiting = self._open.get(forwarded.delivery.number)
        if waiting is not None:
            waiting["forwards"].append(
                _attempt(forwarded.target, forwarded.outcome, forwarded.attempt)
            )
            if len(waiting["forwards"]) >= self.targets:
                self._finish(forwarded.delivery.number)

    def close(self) -> None:
        """Show what still waited to be passed on."""
        for number in list(self._open):
            self._finish(number)

    def _count(self, outcome: "DeliveryResult") -> None:
        if outcome.is_accepted:
            self.summary.forwarded += 1
        else:
            self.summary.not_forwarded += 1

    def _show_line(self, received: "Received") -> None:
        arrival = received.arrival
        state, style = "ok", _GOOD
        if arrival.reason is not None:
            state, style = f"bad: {arrival.reason}", _BAD
        elif arrival.is_duplicate:
            state, style = "ok, seen before", _DIM
        answer = "dropped" if received.status is None else str(received.status)
        words = summarize(received.event, self.usernames) if received.event is not None else ""
        cells = [
            (self._time(arrival.received_at), _DIM),
            (arrival.event or "-", "bold"),
            (words, ""),
            (state, style),
            (answer, "" if received.status == 200 else _BAD),
            (f"{received.milliseconds:.0f} ms", _DIM),
        ]
        if received.forward is not None:
            cells.append((self._passed(*received.forward), ""))
        self._show_cells(cells, longest=2)
        if self.with_bodies:
            self._write(sanitize(indented(arrival.body), keep_lines=True))

    def _show_attempt(self, forwarded: "ForwardAttempt") -> None:
        text = self._passed(forwarded.target, forwarded.outcome)
        if forwarded.retry_in is not None:
            text += f", again in {forwarded.retry_in:g} s"
        elif not forwarded.outcome.is_accepted:
            text += ", given up"
        style = _GOOD if forwarded.outcome.is_accepted else _BAD
        self._show_cells([
            (self._time(datetime.now(UTC).timestamp()), _DIM), (forwarded.delivery.event, "bold"),
            (text, style),
        ])  # fmt: skip

    def _passed(self, target: str, outcome: "DeliveryResult") -> str:
        to = f"to {target}" if self.output.plain else f"→ {target}"
        if outcome.status is None or outcome.error:
            return f"{to} {outcome.error}"
        return f"{to} {outcome.status} {outcome.milliseconds:.0f} ms"

    def _show_cells(self, cells: list[tuple[str, str]], longest: int | None = None) -> None:
        """Write `cells` on a line, the `longest` of them on one of its own where they don't fit."""
        shown = [(sanitize(text), style) for text, style in cells]
        if not self.output.is_terminal:
            self._write("\t".join(text for text, _ in shown))
            return
        from rich.text import Text

        from outreply_cli.ui.tables import console_for

        gap = Text("  ")
        line = gap.join(Text(text, style=style) for text, style in shown if text)
        console = console_for(self.output)
        if longest is None or not shown[longest][0] or line.cell_len <= self.output.width:
            console.print(line, soft_wrap=True)
            return
        told = Text(*shown.pop(longest))
        console.print(gap.join(Text(text, style=style) for text, style in shown), soft_wrap=True)
        console.print(Text(" " * len(f"{shown[0][0]}  ")).append_text(told), soft_wrap=True)

    def _show_object(self, received: "Received") -> None:
        arrival = received.arrival
        item: dict[str, Any] = {
            "received_at": format_timestamp(datetime.fromtimestamp(arrival.received_at, UTC)),
            "id": arrival.id,
            "event": arrival.event,
            "verified": arrival.is_verified,
            "reason": arrival.reason,
            "duplicate": arrival.is_duplicate,
            "bytes": len(arrival.body),
            "status": received.status,
            "latency_ms": round(received.milliseconds, 3),
            "forward": {},
            "data": received.event.payload.get("data") if received.event is not None else None,
        }
        forwards = [_attempt(*received.forward, 1)] if received.forward is not None else []
        self._open[arrival.number] = {"item": item, "forwards": forwards}
        is_passed_on = bool(arrival.targets) and (
            arrival.duplicates_too or not arrival.is_duplicate
        )
        if not is_passed_on or len(forwards) >= self.targets:
            self._finish(arrival.number)

    def _finish(self, number: int) -> None:
        waiting = self._open.pop(number)
        item, forwards = waiting["item"], waiting["forwards"]
        if forwards:
            item["forward"] = forwards[0]
        if len(forwards) > 1:
            item["forwards"] = forwards
        self._write(json.dumps(item, ensure_ascii=True))

    def _write(self, line: str) -> None:
        self.output.stream.write(line + "\n")
        self.output.stream.flush()

    def _time(self, moment: float) -> str:
        return f"{datetime.fromtimestamp(moment, self.zone):%H:%M:%S}"


def history_columns(show_time: Callable[[Mapping[str, Any]], str]) -> list[Any]:
    """The columns of `webhooks history`."""
    from outreply_cli.ui.output import Column

    return [
        Column("Number", "number"),
        Column("Received", "received_at", show_time),
        Column("Event", "event"),
        Column("Id", "id"),
        Column("State", "state", lambda it: str(it["reason"] or _seen(it)), shrinkable=True),
        Column("Answer", "status"),
        Column("Passed on", "forwards", _all_passed_on, shrinkable=True),
    ]


def _seen(item: Mapping[str, Any]) -> str:
    return "ok, seen before" if item["duplicate"] else "ok"


def _all_passed_on(item: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{each['target']} {each['error'] or each['status'] or 'waits'}"
        for each in item["forwards"]
    )


def _attempt(target: str, outcome: "DeliveryResult", attempt: int) -> dict[str, Any]:
    return {
        "target": target,
        "status": outcome.status,
        "error": outcome.error,
        "latency_ms": round(outcome.milliseconds, 3),
        "attempt": attempt,
    }
