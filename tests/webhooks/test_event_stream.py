"""The stream of what a receiver reports, and its stop conditions."""

from collections.abc import Iterable

import pytest

from outreply_cli.errors import InterruptedRunError
from outreply_cli.webhooks.conditions import parse_conditions
from outreply_cli.webhooks.event import parse_event
from outreply_cli.webhooks.event_stream import EventStream, EventTimeoutError
from outreply_cli.webhooks.forward import TargetBusy
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.receiver import Received

# Long for a machine that is busy; streams that end early do not wait for it.
LONG = 60.0


def make_received(
    name: str, event: str = "post.published", *, duplicate: bool = False, matches: bool = True
) -> Received:
    body = f'{{"id": "{name}", "event": "{event}"}}'.encode()
    delivery = IncomingDelivery(
        name, 0.0, event, is_verified=True, reason=None, status=200, headers=[], body=body,
        is_duplicate=duplicate,
    )  # fmt: skip
    return Received(delivery, parse_event(body), 200, 1.0, matches)


def invalid(name: str) -> Received:
    delivery = IncomingDelivery(
        name, 0.0, "post.published", is_verified=False, reason="signature mismatch", status=401,
        headers=[], body=b"",
    )  # fmt: skip
    return Received(delivery, None, 401, 1.0, matches_filter=False)


def make_stream(
    items: Iterable[Received | TargetBusy],
    *,
    max_events: int | None = None,
    until: str | None = None,
    timeout: float | None = LONG,
) -> EventStream:
    conditions = None if until is None else parse_conditions(until, "--until")
    stream = EventStream(max_events=max_events, timeout=timeout, until=conditions)
    for item in items:
        stream.put(item)
    return stream


@pytest.mark.parametrize(
    "first",
    [
        make_received("evt_1", duplicate=True), make_received("evt_2", matches=False),
        invalid("evt_2"), TargetBusy("http://localhost/"),
    ],
    ids=["same event again", "other event", "invalid delivery", "report"],
)  # fmt: skip
@pytest.mark.parametrize("is_old", [False, True], ids=["new", "received by an earlier run"])
def test_max_events_counts_different_events(first: Received | TargetBusy, is_old: bool) -> None:
    items = [
        make_received("evt_1", duplicate=is_old),
        first,
        make_received("evt_3", duplicate=is_old),
    ]
    rest = make_received("evt_4")
    stream = make_stream([*items, rest], max_events=2)
    assert list(stream) == items
    assert (stream.is_closed, stream.is_interrupted) == (True, False)
    assert list(stream.drain()) == [rest]


@pytest.mark.parametrize("is_old", [False, True], ids=["new", "received by an earlier run"])
def test_until_stops_at_the_first_event_that_matches(is_old: bool) -> None:
    awaited = make_received("evt_2", "post.failed", duplicate=is_old)
    items = [make_received("evt_1"), make_received("evt_3", "post.failed", matches=False), awaited]
    stream = make_stream([*items, make_received("evt_4", "post.failed")], until="event=post.failed")
    assert list(stream) == items


@pytest.mark.parametrize("timeout", [0.0, 0.3])
def test_timeout_without_the_awaited_event_is_an_error(timeout: float) -> None:
    stream = make_stream([make_received("evt_1")], max_events=2, timeout=timeout)
    with pytest.raises(EventTimeoutError):
        list(stream)
    assert stream.started
    # Nothing was awaited.
    assert list(make_stream([], timeout=timeout)) == []


@pytest.mark.parametrize("until", [None, "event=post.failed"])
def test_close_ends_the_stream(until: str | None) -> None:
    stream = make_stream([make_received("evt_1")], until=until, timeout=None)
    stream.close()
    stream.put(make_received("evt_2"))
    items: list[object] = []
    if until is None:
        items += stream
    else:
        with pytest.raises(InterruptedRunError):
            items += stream
    assert (stream.is_closed, stream.is_interrupted) == (True, True)
    assert [item.delivery.id for item in stream.drain() if isinstance(item, Received)] == ["evt_2"]
