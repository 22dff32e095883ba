"""What a delivery says (reference: Payload shape), and the same in words."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.spec.platforms import platform_named

_QUOTED_CHARACTERS = 40
_KEY_CHARACTERS = 200


class EventError(InvalidInputError, ValueError):
    """A body that is no event."""

    code = "INVALID_EVENT"


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        key: What tells redeliveries of it: its `id`, else the SHA-256 of its bytes.
        name: Such as `post.published`; empty where the payload has none.
        created_at: As it came; None where it is missing.
        data: The event's own part.
        payload: Everything.
    """

    key: str
    name: str
    created_at: str | None
    data: Mapping[str, Any]
    payload: Mapping[str, Any]


def parse_event(body: bytes | str) -> Event:
    """The event in a delivery's body; verify it first.

    Raises:
        EventError: It is not JSON, or not an object. EventError is a ValueError.
    """
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    try:
        payload = parse_json(raw.decode())
    except ValueError:
        raise EventError("the body is not JSON that can be read") from None
    if not isinstance(payload, dict):
        raise EventError("the body is JSON, but no object")
    name = payload.get("event", payload.get("type"))
    identity = payload.get("id")
    data = payload.get("data")
    created = payload.get("created_at")
    return Event(
        key=identity if _is_key(identity) else body_digest(raw),
        name=name if isinstance(name, str) else "",
        created_at=created if isinstance(created, str) else None,
        data=data if isinstance(data, dict) else {},
        payload=payload,
    )


def body_digest(body: bytes) -> str:
    """What tells redeliveries of a body that has no id."""
    return f"sha256-{hashlib.sha256(body).hexdigest()[:24]}"


def summarize(event: Event, usernames: Mapping[str, str] = MappingProxyType({})) -> str:
    """What an event is about, on one line; from a stranger: make it harmless before it is shown.

    Args:
        event: The event.
        usernames: Those of the pages that are known, by page id: the reference's posts have none.
    """
    data = event.data
    if event.name == "account.quota.warning":
        percent = data.get("percent", 80)
        used, limit = data.get("used", "?"), data.get("limit", "?")
        return f"{data.get('bucket', '?')}: {used} of {limit} used ({percent} %)"
    comment, post = _mapping(data.get("comment")), _mapping(data.get("post"))
    if event.name == "comment.replied":
        return f"replied{_quoted(_mapping(data.get('reply')).get('message'))}"
    if event.name == "comment.received":
        author = _mapping(comment.get("author"))
        who = author.get("username") or author.get("name") or "somebody"
        return f"@{who} commented{_where(comment)}{_quoted(comment.get('message'))}"
    if event.name.startswith("post."):
        done = event.name.removeprefix("post.")
        error = post.get("error") or data.get("error")
        because = f": {error}" if error and done == "failed" else ""
        page = str(post.get("page_id") or "a post")
        name = post.get("username") or usernames.get(page)
        who = f"@{name}" if name else page
        return f"{who}{_where(post)}{_quoted(post.get('message'))} {done}{because}"
    return ""


def _is_key(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _KEY_CHARACTERS and value.isprintable()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _where(thing: Mapping[str, Any]) -> str:
    platform = thing.get("platform")
    if not isinstance(platform, str):
        return ""
    known = platform_named(platform)
    return f" on {known.label if known else platform}"


def _quoted(text: Any) -> str:
    if not isinstance(text, str) or not text:
        return ""
    line = " ".join(text[: 4 * _QUOTED_CHARACTERS].split())
    short = line if len(line) <= _QUOTED_CHARACTERS else line[:_QUOTED_CHARACTERS].rstrip() + "…"
    return f': "{short}"'
