"""The name of an event: `event`, else `type`, as the reference and the SDKs write it."""

import json

import pytest

from outreply_cli.webhooks.event import parse_event


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"event": "post.published", "type": "other"}, "post.published"),
        ({"type": "post.published"}, "post.published"),
        ({"event": None, "type": "post.published"}, "post.published"),
        ({"event": 1, "type": "post.published"}, "post.published"),
        ({"event": None}, ""),
        ({}, ""),
    ],
)
def test_name_is_read_from_event_or_type(payload: dict[str, object], name: str) -> None:
    assert parse_event(json.dumps(payload).encode()).name == name
