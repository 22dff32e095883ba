"""Deliveries from anybody: answered, kept byte for byte, and shown without harm or flood."""

import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.commands.webhooks.output import DeliveryReport
from outreply_cli.formats.json import indented
from outreply_cli.ui.output import Output
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.mock_responses import ResponseScript
from outreply_cli.webhooks.receiver import Received, Receiver, ReceiverConfig
from outreply_cli.webhooks.store import DeliveryStore
from tests.clocks import ManualClock
from tests.fuzzing.target import Taken, Target, scratch
from tests.fuzzing.targets.screens import assert_harmless
from tests.fuzzing.targets.signatures import TARGETS as SIGNED

_ZONE = ZoneInfo("Asia/Tokyo")


@cache
def _inbox() -> DeliveryStore:
    return DeliveryStore(scratch() / "inbox.db")


def _check(data: bytes) -> None:
    taken = Taken(data)
    is_signed, format_ = taken.number(4) > 0, ("table", "jsonl")[taken.number(2)]
    event, agent, body = taken.part(), taken.part(), taken.rest()
    told: list[Received] = []
    receiver = Receiver(
        _inbox(),
        terms=ReceiverConfig(["s"]),
        answering=ResponseScript(),
        clock=ManualClock(),
        tell=told.append,
    )
    environ: dict[str, Any] = {
        "PATH_INFO": "/", "REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body),
        "HTTP_X_OUTREPLY_SIGNATURE": sign(body, "s") if is_signed else event.decode("latin-1"),
        "HTTP_X_OUTREPLY_EVENT": event.decode("latin-1"),
        "HTTP_USER_AGENT": agent.decode("latin-1"),
    }  # fmt: skip
    statuses: list[str] = []

    def start(status: str, *_: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return io.BytesIO().write

    answer = b"".join(receiver(environ, start))
    json.loads(answer)
    (received,) = told
    arrival = received.arrival
    assert int(statuses[0][:3]) == arrival.status
    assert arrival.status in ({200, 400} if is_signed else {401})
    kept = _inbox().find(f"#{arrival.number}")
    assert (kept.body, kept.event, kept.id) == (arrival.body, arrival.event, arrival.id)
    assert [*kept.headers] == [*arrival.headers]
    assert arrival.body == (body if arrival.is_verified else body[: 64 * 1024])
    stream = io.StringIO()
    report = DeliveryReport(Output(stream, format=format_), _ZONE, with_bodies=True)
    report.show_received(received)
    report.close()
    if format_ == "jsonl":
        shown = json.loads(stream.getvalue())
        assert shown["verified"] == arrival.is_verified
    else:
        assert_harmless(stream.getvalue().replace("\t", " "))
        assert len(stream.getvalue()) <= 60 * len(body) + 2_000
    assert len(indented(body)) <= 10 * len(body) + 2_000


_EVENTS = next(target for target in SIGNED if target.name == "events")
TARGETS = (
    Target(
        "deliveries", _check,
        [bytes([kind, format_]) + b"post.published\0\0OutReply/1\0\0" + body
         for body in _EVENTS.seeds for kind in (0, 1) for format_ in (0, 1)],
        [*_EVENTS.words, b"[" * 300 + b"]" * 300 + b",", b"\x85", b"\xff", b"\0\0"],
        smoke=60,
    ),
)  # fmt: skip
