"""Example events with realistic data and headers (reference: Events, Payload shape)."""

import copy
import json
import re
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from outreply_cli import __version__
from outreply_cli.errors import InvalidInputError, malformed_value_error
from outreply_cli.formats.json import load_data, parse_json
from outreply_cli.spec.events import check_event
from outreply_cli.timestamps import format_timestamp
from outreply_cli.webhooks.signature import sign

_STALE_SECONDS = 3_600
# The `data` of each event's payload, without the IDs of the user and the brand.
_DATA: dict[str, dict[str, Any]] = load_data(__file__, "sample_events.json")
_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


def sample_event(event: str, now: datetime, settings: Sequence[str] = ()) -> dict[str, Any]:
    """An example payload with `settings` such as `data.post.message=TEXT` or `=JSON`.

    Raises:
        InvalidInputError: The event is unknown, or a setting is invalid.
    """
    check_event(event, "EVENT")
    payload = {
        "id": f"evt_{randomness.token_hex(12)}",
        "event": event,
        "created_at": format_timestamp(now),
        "data": {
            "userId": "6a1f3c0de9a1b2c3d4e5f6d1",
            "brandId": "6a1f3c0de9a1b2c3d4e5f6b1",
            **copy.deepcopy(_DATA[event]),
        },
    }
    for setting in settings:
        _set(payload, setting)
    return payload


def encode_body(payload: Any) -> bytes:
    """The raw body of a payload."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def delivery_headers(
    body: bytes,
    event: str,
    secret: str | None,
    now: datetime,
    *,
    is_rotated: bool = False,
    is_stale: bool = False,
    is_forged: bool = False,
) -> list[tuple[str, str]]:
    """The headers of a delivery; without a secret, it is not signed.

    `is_rotated` puts another secret's signature first, as during a rotation; `is_stale` makes the
    timestamp an hour old; `is_forged` signs with another secret.
    """
    timestamp = int(now.timestamp()) - (_STALE_SECONDS if is_stale else 0)
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", f"outreply-cli/{__version__}"),
        ("X-OutReply-Event", event),
        ("X-OutReply-Timestamp", str(timestamp)),
    ]
    if secret is not None:
        signatures = [sign(body, randomness.token_hex(16) if is_forged else secret)]
        if is_rotated:
            signatures.insert(0, sign(body, randomness.token_hex(16)))
        headers.append(("X-OutReply-Signature", ", ".join(signatures)))
    return headers


def _set(payload: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals or not _PATH.fullmatch(path):
        raise malformed_value_error(
            "--set", setting, "PATH=VALUE", hint="For example: --set data.post.message=Hello"
        )
    *parents, last = path.split(".")
    fields = payload
    for name in parents:
        child = fields.setdefault(name, {})
        if not isinstance(child, dict):
            raise InvalidInputError(f"--set: {name!r} is not an object")
        fields = child
    try:
        value = parse_json(text)
        encode_body(value)
    except UnicodeEncodeError:
        raise InvalidInputError(f"--set: the value of {path} is not valid Unicode text") from None
    except (ValueError, RecursionError):
        value = text
    fields[last] = value
