"""The event in a delivery's body (reference: Payload shape), and its one-line summary."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeGuard

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.formats.text import quote
from outreply_cli.spec.platforms import find_platform
from outreply_cli.webhooks.conditions import Conditions
from outreply_cli.webhooks.models import Delivery

_MAX_QUOTE_CHARACTERS = 40
_MAX_KEY_CHARACTERS = 200


class EventError(InvalidInputError, ValueError):
    """A body that is not an event."""

    code = "INVALID_EVENT"


@dataclass(frozen=True)
class Event:
    """An event.

    Attributes:
        key: Deduplication key: the payload's `id`, else a digest of the body.
        name: Event name, such as `post.published`; empty if missing.
        created_at: Creation time as received; None if missing.
        data: The payload's `data`.
        payload: The whole payload.
    """

    key: str
    name: str
    created_at: str | None
    data: Mapping[str, Any]
    payload: Mapping[str, Any]

    def meets(self, conditions: Conditions) -> bool:
        """Whether the payload meets all conditions, even if the event's name is only in `type`."""
        payload = {**self.payload, "event": self.name}
        return all(condition.matches(payload) for condition in conditions)


def parse_event(body: bytes | str) -> Event:
    """The event in a delivery's body; verify the signature first.

    Raises:
        EventError: The body is not a JSON object. EventError is a ValueError.
    """
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    try:
        payload = parse_json(raw.decode())
    except ValueError:
        raise EventError("body is not valid JSON") from None
    if not isinstance(payload, dict):
        raise EventError("body is not a JSON object")
    names = (payload.get("event"), payload.get("type"))
    name = next((name for name in names if isinstance(name, str)), "")
    event_id = payload.get("id")
    data = payload.get("data")
    created = payload.get("created_at")
    return Event(
        key=event_id if _is_key(event_id) else body_digest(raw),
        name=name,
        created_at=created if isinstance(created, str) else None,
        data=data if isinstance(data, dict) else {},
        payload=payload,
    )


def body_digest(body: bytes) -> str:
    """The key of a body without an `id`."""
    return f"sha256-{hashlib.sha256(body).hexdigest()[:24]}"


def check_complete(delivery: Delivery) -> None:
    """Raise InvalidInputError for an invalid delivery of which only a part is stored."""
    if not delivery.is_verified and delivery.id != body_digest(delivery.body):
        raise InvalidInputError(
            f"delivery #{delivery.number} is invalid, and only the start of its body is stored",
            hint="Nothing was sent. Leave it out, or send an edited copy.",
        )


def is_selected(delivery: Delivery, conditions: Conditions) -> bool:
    """Whether a stored delivery is valid and its event meets all conditions."""
    if not delivery.is_verified:
        return False
    try:
        return parse_event(delivery.body).meets(conditions)
    except EventError:
        return False


def summarize(event: Event, usernames: Mapping[str, str] = MappingProxyType({})) -> str:
    """A one-line summary of an event; untrusted text that callers sanitize.

    The `usernames` by page ID are for payloads without one.
    """
    data = event.data
    if event.name == "account.quota.warning":
        percent = data.get("percent", 80)
        used, limit = data.get("used", "?"), data.get("limit", "?")
        return f"{data.get('bucket', '?')}: {used} of {limit} used ({percent} %)"
    comment, post = _mapping(data.get("comment")), _mapping(data.get("post"))
    if event.name == "comment.replied":
        return f"replied{_quote(_mapping(data.get('reply')).get('message'))}"
    if event.name == "comment.received":
        author = _mapping(comment.get("author"))
        name = author.get("username") or author.get("name") or "someone"
        return f"@{name} commented{_on_platform(comment)}{_quote(comment.get('message'))}"
    if event.name.startswith("post."):
        action = event.name.removeprefix("post.")
        error = post.get("error") or data.get("error")
        reason = f": {error}" if error and action == "failed" else ""
        page = str(post.get("page_id") or "a post")
        username = post.get("username") or usernames.get(page)
        name = f"@{username}" if username else page
        return f"{name}{_on_platform(post)}{_quote(post.get('message'))} {action}{reason}"
    return ""


def _is_key(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _MAX_KEY_CHARACTERS and value.isprintable()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _on_platform(item: Mapping[str, Any]) -> str:
    name = item.get("platform")
    if not isinstance(name, str):
        return ""
    platform = find_platform(name)
    return f" on {platform.label if platform else name}"


def _quote(text: Any) -> str:
    quoted = quote(text, _MAX_QUOTE_CHARACTERS) if isinstance(text, str) else ""
    return f": {quoted}" if quoted else ""
