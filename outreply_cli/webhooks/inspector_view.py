"""Deliveries and queues as values for the templates of the inspector."""

import base64
import difflib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

from outreply_cli.formats.json import indent_json, load_json
from outreply_cli.timestamps import format_timestamp
from outreply_cli.webhooks.diagnose import diagnose
from outreply_cli.webhooks.event import EventError, parse_event, summarize
from outreply_cli.webhooks.models import Delivery

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


def template_functions(zone: tzinfo) -> dict[str, Callable[..., Any]]:
    """The functions that the templates call, by name; `zone` is that of local times."""
    functions = (format_seconds, indent_json, summarize_delivery)
    named = {function.__name__: function for function in functions}
    return {"local_time": partial(local_time, zone=zone), **named}


def delivery_details(
    delivery: Delivery, *, secrets: Sequence[str], secret_names: Sequence[str]
) -> dict[str, Any]:
    """Explanation on the page of a delivery.

    Args:
        delivery: The delivery.
        secrets: Secrets that explain the signature; they are not shown.
        secret_names: Names of the secrets.
    """
    timestamp = delivery.header("X-OutReply-Timestamp")
    return {
        "delivery": delivery,
        "diagnosis": diagnose(
            delivery.body, delivery.header("X-OutReply-Signature"), secrets,
            names=secret_names, timestamp=timestamp, now=delivery.received_at,
        ),
        "timestamp": timestamp,
        "headers": [
            (name, "(hidden)" if name in _HIDDEN_HEADERS else value)
            for name, value in delivery.headers
        ],
        "tree": _load_tree(delivery.body),
        "raw": delivery.body.decode("utf-8", "backslashreplace")[:_MAX_BODY_CHARACTERS],
        "is_cut": len(delivery.body) > _MAX_BODY_CHARACTERS,
        "editable": indent_json(delivery.body)[:_MAX_BODY_CHARACTERS],
        "curl": curl_command(delivery),
        "fixture": python_fixture(delivery),
    }  # fmt: skip


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


def curl_command(delivery: Delivery) -> str:
    """A shell command that sends a delivery again, byte for byte."""
    words = ["curl", "-i", "-X", "POST", "http://localhost:3000/"]
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


def summarize_delivery(delivery: Delivery) -> str:
    """A summary of a verified event; empty for others."""
    if not delivery.is_verified:
        return ""
    try:
        return summarize(parse_event(delivery.body))
    except EventError:
        return ""


def format_seconds(seconds: float) -> str:
    """A duration as the page shows it, such as `1.5 s`."""
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _load_tree(body: bytes) -> Any:
    """The JSON of a body that is small and flat enough for a tree; None otherwise."""
    if len(body) > _MAX_TREE_BYTES:
        return None
    value = load_json(body)
    is_tree = isinstance(value, Mapping | list) and _is_flat(value, _MAX_TREE_DEPTH)
    return value if is_tree else None


def _is_flat(value: Any, depth: int) -> bool:
    """Whether `value` is nested in at most `depth` levels."""
    if not isinstance(value, Mapping | list):
        return True
    children = value.values() if isinstance(value, Mapping) else value
    return depth > 0 and all(_is_flat(child, depth - 1) for child in children)
