"""Webhook subscriptions, and the events that become deliveries (reference: Webhooks).

The routes are those that the official SDKs call; the reference leaves them to the dashboard.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outreply_cli.emulator.request import (
    ErrorResponse,
    NetworkAccess,
    RequestContext,
    format_timestamp,
    invalid_field,
)
from outreply_cli.emulator.state import State
from outreply_cli.net.dns import Address, resolve
from outreply_cli.net.ssrf import BlockedAddressError, Reach, allowed_addresses, parse_http_url
from outreply_cli.spec.limits import EVENTS

_URL_MAX_CHARACTERS = 2_000


def create(call: RequestContext) -> dict[str, Any]:
    """`POST /webhooks`: the secret is in this answer and in no other."""
    url = call.text("url", required=True, longest=_URL_MAX_CHARACTERS) or ""
    events = call.body.get("events")
    if not isinstance(events, list) or not events or not all(e in EVENTS for e in events):
        raise invalid_field("events", f"must be a list of: {', '.join(EVENTS)}")
    if url in call.refused_urls:
        raise invalid_field("url", call.refused_urls[url])
    hook_id, secret = call.state.new_id(), new_secret(call.state)
    call.db.execute(
        "INSERT INTO hooks (id, user_id, url, events, secret, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (hook_id, call.caller.user["id"], url, json.dumps(list(dict.fromkeys(events))), secret,
         call.now.timestamp()),
    )  # fmt: skip
    return {"webhook": {**_view(_own(call, hook_id)), "secret": secret}}


def hooks(call: RequestContext) -> dict[str, Any]:
    """`GET /webhooks`."""
    rows = call.db.execute(
        "SELECT * FROM hooks WHERE user_id = ? ORDER BY number", (call.caller.user["id"],)
    )
    return {"webhooks": [_view(row) for row in rows]}


def hook(call: RequestContext) -> dict[str, Any]:
    """`GET /webhooks/:id`."""
    return {"webhook": _view(_own(call, call.path["hook_id"]))}


def delete(call: RequestContext) -> dict[str, Any]:
    """`DELETE /webhooks/:id`: what is still to be delivered is dropped."""
    row = _own(call, call.path["hook_id"])
    call.db.execute("DELETE FROM deliveries WHERE hook_id = ?", (row["id"],))
    call.db.execute("DELETE FROM hooks WHERE id = ?", (row["id"],))
    return {"success": True, "id": row["id"]}


def look_up(body: Mapping[str, Any], outside: NetworkAccess) -> Mapping[str, str]:
    """Why the URL of a new webhook may not be used, where it may not."""
    url = body.get("url")
    if not isinstance(url, str) or len(url) > _URL_MAX_CHARACTERS:
        return {}
    try:
        check_webhook_url(url, is_public_allowed=outside.sends_anywhere, lookup=outside.resolve)
    except ValueError as error:
        return {url: str(error)}
    return {}


def check_webhook_url(
    url: str, *, is_public_allowed: bool, lookup: Callable[[str], Sequence[Address]] = resolve
) -> None:
    """Raise ValueError, whose text completes "`url` …", for a URL that no webhook may have."""
    try:
        host = parse_http_url(url).host
    except ValueError:
        raise ValueError("must be an http or https URL") from None
    reach = Reach.PUBLIC if is_public_allowed else Reach.LOOPBACK
    try:
        addresses = allowed_addresses(host, reach, lookup)
    except BlockedAddressError as error:
        if error.is_out_of_reach:
            raise ValueError("must be on this machine; see --allow-external") from None
        raise ValueError("must not be a link-local or metadata address") from None
    if not addresses and not is_public_allowed:
        raise ValueError("must be on this machine; see --allow-external")


def new_secret(state: State) -> str:
    """A signing secret."""
    return f"whsec_{state.new_hex(48)}"


def rotate(state: State, hook_id: str) -> str:
    """Give a hook a new secret; the old one signs beside it for 24 hours."""
    secret = new_secret(state)
    changed = state.connection.execute(
        "UPDATE hooks SET previous_secret = secret, secret = ?, rotated_at = ? WHERE id = ?",
        (secret, state.clock.now().timestamp(), hook_id),
    )
    if changed.rowcount == 0:
        raise _unknown_to_steering()
    return secret


def enable(state: State, hook_id: str) -> None:
    """Let a hook that was disabled be told again (reference: Retries & auto-disable)."""
    changed = state.connection.execute(
        "UPDATE hooks SET disabled_at = NULL, failures = 0 WHERE id = ?", (hook_id,)
    )
    if changed.rowcount == 0:
        raise _unknown_to_steering()


@dataclass(frozen=True)
class WebhookEvent:
    """Something that hooks may be told.

    Attributes:
        event: One of the reference's five.
        data: Beside `userId`, what the payload's `data` holds.
    """

    user_id: str
    event: str
    data: Mapping[str, Any]


def emit(
    db: sqlite3.Connection, happening: WebhookEvent, now: datetime, new_id: Callable[[], str]
) -> None:
    """Queue a happening for every hook of the user that wants it."""
    user_id, event = happening.user_id, happening.event
    rows = db.execute(
        "SELECT * FROM hooks WHERE user_id = ? AND disabled_at IS NULL", (user_id,)
    ).fetchall()
    moment = now.timestamp()
    for row in rows:
        if event not in json.loads(row["events"]):
            continue
        delivery_id = f"evt_{new_id()}"
        payload = {
            "id": delivery_id,
            "event": event,
            "created_at": format_timestamp(moment),
            "data": {"userId": user_id, **happening.data},
        }
        db.execute(
            "INSERT INTO deliveries (id, hook_id, event, body, created_at, due_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (delivery_id, row["id"], event, json.dumps(payload, ensure_ascii=False), moment,
             moment),
        )  # fmt: skip


def _own(call: RequestContext, hook_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM hooks WHERE id = ? AND user_id = ?", (hook_id, call.caller.user["id"])
    ).fetchone()
    if row is None:
        raise ErrorResponse(404, "NOT_FOUND", "Webhook not found")
    return row


def _unknown_to_steering() -> ErrorResponse:
    # People who steer the emulator get a hint; the API's own answers have none.
    hint = "See: outreply webhooks list --profile emulator"
    return ErrorResponse(404, "NOT_FOUND", "Webhook not found", hint=hint)


def _view(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "url": row["url"],
        "events": json.loads(row["events"]),
        "active": row["disabled_at"] is None,
        "consecutive_failures": row["failures"],
        "created_at": format_timestamp(row["created_at"]),
    }
