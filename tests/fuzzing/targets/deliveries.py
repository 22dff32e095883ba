"""Webhook deliveries: stored byte for byte, and printed safely and in bounded size."""

import asyncio
import io
import json
from functools import cache
from queue import SimpleQueue
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.commands.webhooks.output import DeliveryReport
from outreply_cli.formats.json import indent_json
from outreply_cli.net.server.response import Response
from outreply_cli.ui.output import Output
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.mock_responses import ResponseScript
from outreply_cli.webhooks.receiver import Received, Receiver, ReceiverConfig
from outreply_cli.webhooks.store import DeliveryStore
from tests.clocks import ManualClock
from tests.fuzzing.target import InputReader, Target, scratch
from tests.fuzzing.targets.screens import assert_sanitized
from tests.fuzzing.targets.signatures import TARGETS as SIGNED

_ZONE = ZoneInfo("Asia/Tokyo")


@cache
def _store() -> DeliveryStore:
    return DeliveryStore(scratch() / "deliveries.db")


@cache
def _receiver() -> tuple[Receiver, SimpleQueue[Received]]:
    results: SimpleQueue[Received] = SimpleQueue()
    receiver = Receiver(
        _store(),
        config=ReceiverConfig(["s"]),
        script=ResponseScript(),
        clock=ManualClock(),
        on_received=results.put,
        on_failure=lambda _failure: None,
    )
    return receiver, results


async def _deliver(receiver: Receiver, environ: dict[str, Any]) -> Response | None:
    response: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
    assert receiver.accept(environ, response.set_result)
    return await asyncio.wait_for(response, 10)


def _check(data: bytes) -> None:
    reader = InputReader(data)
    is_signed, format_ = reader.number(4) > 0, ("table", "jsonl")[reader.number(2)]
    event, agent, body = reader.part(), reader.part(), reader.rest()
    receiver, results = _receiver()
    environ: dict[str, Any] = {
        "PATH_INFO": "/", "REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body),
        "HTTP_X_OUTREPLY_SIGNATURE": sign(body, "s") if is_signed else event.decode("latin-1"),
        "HTTP_X_OUTREPLY_EVENT": event.decode("latin-1"),
        "HTTP_USER_AGENT": agent.decode("latin-1"),
    }  # fmt: skip
    response = asyncio.run(_deliver(receiver, environ))
    assert response is not None
    json.loads(response.body)
    received = results.get_nowait()
    delivery = received.delivery
    assert response.status == delivery.status
    assert delivery.status in ({200, 400} if is_signed else {401})
    stored = _store().find(f"#{delivery.number}")
    assert (stored.body, stored.event, stored.id) == (delivery.body, delivery.event, delivery.id)
    assert [*stored.headers] == [*delivery.headers]
    assert delivery.body == (body if delivery.is_verified else body[: 64 * 1024])
    stream = io.StringIO()
    report = DeliveryReport(Output(stream, format=format_), _ZONE, show_bodies=True)
    report.show_received(received)
    report.close()
    if format_ == "jsonl":
        printed = json.loads(stream.getvalue())
        assert printed["verified"] == delivery.is_verified
    else:
        assert_sanitized(stream.getvalue().replace("\t", " "))
        assert len(stream.getvalue()) <= 60 * len(body) + 2_000
    assert len(indent_json(body)) <= 10 * len(body) + 2_000


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
