"""Deliveries and queues as values for the templates of the inspector."""

import base64
import difflib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from outreply_cli.formats.json import indent_json
from outreply_cli.timestamps import format_timestamp
from outreply_cli.webhooks.diagnose import diagnose
from outreply_cli.webhooks.event import EventError, parse_event, summarize
from outreply_cli.webhooks.models import (
    Attempt,
    Delivery,
    Forward,
    ForwardState,
    QueuedDelivery,
    delivery_state,
)
from outreply_cli.webhooks.store import HistoryEntry

_MAX_BODY_CHARACTERS = 64 * 1024
_MAX_TREE_BYTES = 256 * 1024
# The template calls itself for each level.
_MAX_TREE_DEPTH = 50
_MAX_DIFF_LINES = 5_000
_HIDDEN_HEADERS = frozenset({"Authorization", "Cookie"})
# Headers that describe the connection; HTTP clients set them.
_CONNECTION_HEADERS = frozenset(
    {"Host", "Connection", "Content-Length", "Accept-Encoding", "Transfer-Encoding"}
)


def list_row(entry: HistoryEntry, zone: tzinfo) -> dict[str, Any]:
    """A delivery in the list."""
    delivery = entry.delivery
    return {
        **delivery_summary(delivery, zone),
        "summary": _summary(delivery),
        "forwards": [
            {"target": forward.target, "text": forward_text(forward), "kind": _kind(forward)}
            for forward in entry.forwards
        ],
    }


def delivery_summary(delivery: Delivery, zone: tzinfo) -> dict[str, Any]:
    """The values that the list and the details of a delivery share."""
    return {
        "number": delivery.number,
        "id": delivery.id,
        "event": delivery.event or "unknown event",
        "received": local_time(delivery.received_at, zone),
        "state": delivery_state(delivery.reason, is_duplicate=delivery.is_duplicate),
        "is_valid": delivery.reason is None,
        "is_duplicate": delivery.is_duplicate,
        "response": delivery.status,
        "size": len(delivery.body),
    }


def delivery_details(
    entry: HistoryEntry,
    attempts: Sequence[Attempt],
    zone: tzinfo,
    *,
    secrets: Sequence[str],
    secret_names: Sequence[str],
) -> dict[str, Any]:
    """All values for the page of a delivery.

    Args:
        entry: The delivery.
        attempts: Its attempts, oldest first.
        zone: Time zone of local times.
        secrets: Secrets that explain the signature; they are not shown.
        secret_names: Names of the secrets.
    """
    delivery = entry.delivery
    timestamp = delivery.header("X-OutReply-Timestamp")
    diagnosis = diagnose(
        delivery.body,
        delivery.header("X-OutReply-Signature"),
        secrets,
        names=secret_names,
        timestamp=timestamp,
        now=delivery.received_at,
    )
    headers = [
        (name, "(hidden)" if name in _HIDDEN_HEADERS else value) for name, value in delivery.headers
    ]
    return {
        **delivery_summary(delivery, zone),
        "summary": _summary(delivery),
        "diagnosis": diagnosis,
        "timestamp": timestamp,
        "headers": headers,
        "tree": _load_tree(delivery.body),
        "raw": delivery.body.decode("utf-8", "backslashreplace")[:_MAX_BODY_CHARACTERS],
        "is_cut": len(delivery.body) > _MAX_BODY_CHARACTERS,
        "editable": indent_json(delivery.body)[:_MAX_BODY_CHARACTERS],
        "timeline": [_timeline_item(attempt, delivery, zone) for attempt in attempts],
        "queued": [
            {"target": forward.target, "text": forward_text(forward), "number": forward.number,
             "due": None if forward.due_at is None else local_time(forward.due_at, zone)}
            for forward in entry.forwards
            if forward.state in {ForwardState.QUEUED, ForwardState.RUNNING}
        ],
        "curl": curl_command(delivery),
        "fixture": python_fixture(delivery),
    }  # fmt: skip


def queue_rows(queued: Sequence[QueuedDelivery], zone: tzinfo) -> dict[str, list[dict[str, Any]]]:
    """The queued deliveries by target."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for item in queued:
        forward = item.forward
        rows.setdefault(forward.target, []).append({
            **delivery_summary(item.delivery, zone),
            "forward": forward.number,
            "text": forward_text(forward),
            "attempts": forward.attempts,
            "due": None if forward.due_at is None else local_time(forward.due_at, zone),
        })  # fmt: skip
    return rows


def forward_text(forward: Forward) -> str:
    """The state of a forward in a few words, such as `queued: connection refused`."""
    if forward.state is ForwardState.FORWARDED:
        return str(forward.status)
    if forward.attempts == 0 or forward.state is ForwardState.SKIPPED:
        return str(forward.state)
    return f"{forward.state}: {forward.error or forward.status}"


def local_time(timestamp: float, zone: tzinfo) -> dict[str, str]:
    """A time as the page shows it: the local one, and the full one in UTC."""
    utc = datetime.fromtimestamp(timestamp, UTC)
    local = utc.astimezone(zone)
    return {
        "iso": format_timestamp(utc),
        "date": f"{local:%a, %d %b %Y}",
        "time": f"{local:%H:%M:%S}",
        "full": f"{local:%Y-%m-%d %H:%M:%S %Z} ({utc:%Y-%m-%d %H:%M:%S} UTC)",
    }


def curl_command(delivery: Delivery, url: str = "http://localhost:3000/") -> str:
    """A shell command that sends a delivery again, byte for byte."""
    words = ["curl", "-i", "-X", "POST", url]
    for name, value in _sent_headers(delivery):
        words += ["-H", f"{name}: {value}"]
    text = delivery.body.decode("utf-8", "replace")
    # Other bytes do not survive copying from the page, or quoting in a shell.
    if text.isprintable() and text.encode() == delivery.body:
        return _join_lines([*words, "--data-raw", text])
    encoded = base64.b64encode(delivery.body).decode()
    return f"echo {encoded} | base64 -d | \\\n" + _join_lines([*words, "--data-binary", "@-"])


def python_fixture(delivery: Delivery) -> str:
    """A delivery as constants for a test of a handler."""
    headers = "".join(f"    {name!r}: {value!r},\n" for name, value in _sent_headers(delivery))
    return (
        f"# {delivery.event or 'Unknown event'}, {delivery.id}\n"
        f"BODY = {delivery.body!r}\n"
        f"HEADERS = {{\n{headers}}}\n"
    )


def difference(before: Delivery, after: Delivery) -> list[tuple[str, str]]:
    """A unified diff of two deliveries, with the kind of each line: (kind, line)."""
    old, new = _text_lines(before), _text_lines(after)
    changes = [*difflib.unified_diff(old, new, lineterm="", n=3)]
    found = []
    # The first two lines are for file names.
    for line in changes[2:_MAX_DIFF_LINES]:
        kind = {"+": "added", "-": "removed", "@": "hunk"}.get(line[:1], "same")
        found.append((kind, line))
    return found


def _text_lines(delivery: Delivery) -> list[str]:
    headers = [f"{name}: {value}" for name, value in _sent_headers(delivery)]
    body = indent_json(delivery.body)[:_MAX_BODY_CHARACTERS]
    return [*headers, "", *body.splitlines()]


def _sent_headers(delivery: Delivery) -> Iterator[tuple[str, str]]:
    for name, value in delivery.headers:
        if name not in _CONNECTION_HEADERS and name not in _HIDDEN_HEADERS:
            yield name, value


def _join_lines(words: Sequence[str]) -> str:
    quoted = [shlex.quote(word) for word in words]
    lines = [" ".join(quoted[:5])]
    lines += [" ".join(quoted[index : index + 2]) for index in range(5, len(quoted), 2)]
    return " \\\n  ".join(lines)


def _summary(delivery: Delivery) -> str:
    if not delivery.is_verified:
        return ""
    try:
        return summarize(parse_event(delivery.body))
    except EventError:
        return ""


def _kind(forward: Forward) -> str:
    if forward.state is ForwardState.FORWARDED:
        return "good"
    return "bad" if forward.has_failed else "waiting"


def _timeline_item(attempt: Attempt, delivery: Delivery, zone: tzinfo) -> dict[str, Any]:
    result, response = attempt.result, attempt.result.response
    body = b"" if response is None else response.body
    return {
        "at": local_time(attempt.started_at, zone),
        "after": _format_seconds(attempt.started_at - delivery.received_at),
        "target": attempt.target,
        "text": str(result.error or result.status),
        "status": result.status,
        "is_accepted": result.is_accepted,
        "milliseconds": result.milliseconds,
        "connect_ms": None if response is None else response.connect_ms,
        "first_byte_ms": None if response is None else response.first_byte_ms,
        "headers": () if response is None else response.headers,
        "body": indent_json(body) if body else "",
        "is_truncated": response is not None and response.is_truncated,
        "has_response": response is not None,
    }


def _format_seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _load_tree(body: bytes) -> Any:
    """The JSON of a body that is small and flat enough for a tree; None otherwise."""
    if len(body) > _MAX_TREE_BYTES:
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_tree = isinstance(value, Mapping | list) and _is_flat(value, _MAX_TREE_DEPTH)
    return value if is_tree else None


def _is_flat(value: Any, depth: int) -> bool:
    """Whether `value` is nested in at most `depth` levels."""
    if not isinstance(value, Mapping | list):
        return True
    children = value.values() if isinstance(value, Mapping) else value
    return depth > 0 and all(_is_flat(child, depth - 1) for child in children)
