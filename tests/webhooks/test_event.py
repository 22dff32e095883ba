"""Events: their summaries, and sample events with changed values."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.clock import SystemClock
from outreply_cli.errors import InvalidInputError
from outreply_cli.webhooks.conditions import parse_conditions
from outreply_cli.webhooks.event import Event, is_selected, summarize
from outreply_cli.webhooks.inspector_view import format_seconds, summarize_delivery
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.samples import sample_event

QUOTA = {"bucket": "replies", "used": 80, "limit": 100}


@pytest.mark.parametrize(
    ("name", "data", "summary"),
    [
        ("account.quota.warning", QUOTA, "replies: 80 of 100 used (80 %)"),
        ("account.quota.warning", {}, "?: ? of ? used (80 %)"),
        ("comment.replied", {"reply": {"message": "Thanks"}}, 'replied: "Thanks"'),
        ("comment.replied", {"reply": "Thanks"}, "replied"),
        ("comment.received", {"comment": {"author": {"name": "Jo"}}}, "@Jo commented"),
        ("comment.received", {"comment": 5}, "@someone commented"),
        ("post.failed", {"post": {"page_id": "p", "error": "no"}}, "@acme failed: no"),
        ("post.published", {"post": {"platform": "x"}}, "a post on X published"),
        ("page.expired", {"post": {"page_id": "p"}}, ""),
    ],
)
def test_summary_shows_what_the_event_has(name: str, data: dict[str, Any], summary: str) -> None:
    event = Event("evt_1", name, None, data, {})
    assert summarize(event, {"p": "acme"}) == summary


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("data.post", "is not PATH=VALUE"), ("=x", "is not PATH=VALUE"),
        ("event.name=x", "'event' is not an object"),
        ("data.post.id.x=1", "'id' is not an object"),
        (r'data.x="\ud800"', "the value of data.x is not valid Unicode text"),
    ],
)  # fmt: skip
def test_invalid_change_of_a_sample_event_is_rejected(setting: str, text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        sample_event("post.published", SystemClock().now(), [setting])


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_stored_body_that_is_not_an_event_meets_no_condition(tmp_path: Path, body: bytes) -> None:
    delivery = IncomingDelivery(
        "evt_1", 0.0, "", is_verified=True, reason=None, status=200, headers=[], body=body
    )
    selects = partial(is_selected, conditions=parse_conditions("event!=post.failed", "--filter"))
    assert not selects(delivery)
    assert summarize_delivery(delivery) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"), (0.25, "250 ms"), (1, "1.0 s"), (119, "119.0 s"), (120, "2 min"),
        (7_200, "2.0 h"),
    ],
)  # fmt: skip
def test_duration_is_shown_in_one_unit(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
