"""Webhook subscriptions, and the events that become deliveries (reference: Webhooks).

The routes are those that the official SDKs call; the reference has them in the dashboard only.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.media_urls import LOOKUP_SECONDS
from outreply_cli.emulator.request import (
    ErrorResponse,
    Principal,
    RequestContext,
    find_row,
    format_unix_time,
    invalid_field,
    view_row,
)
from outreply_cli.emulator.state import State
from outreply_cli.net.address import Address
from outreply_cli.net.dns import Resolver, resolve
from outreply_cli.net.ssrf import BlockedAddressError, Reach, resolve_allowed
from outreply_cli.net.urls import parse_http_url
from outreply_cli.spec.limits import EVENTS

_MAX_URL_CHARACTERS = 2_000


def create_webhook(context: RequestContext) -> dict[str, Any]:
    """`POST /webhooks`: the only response that contains the secret."""
    url = context.text("url", required=True, max_length=_MAX_URL_CHARACTERS) or ""
    events = context.body.get("events")
    # In a list: looking up an unhashable value, such as an object, in a mapping would raise.
    if not isinstance(events, list) or not events or not all(name in [*EVENTS] for name in events):
        raise invalid_field("events", f"must be a list of: {', '.join(EVENTS)}")
    if url in context.invalid_urls:
        raise invalid_field("url", context.invalid_urls[url])
    row = context.state.insert(
        "hooks", id=context.state.new_id(), user_id=context.caller.user["id"], url=url,
        events=json.dumps(list(dict.fromkeys(events))), secret=new_secret(context.state),
        created_at=context.now.timestamp(), brand_ids=json.dumps(list(context.caller.brand_ids)),
    )  # fmt: skip
    view = {**_view(row), "secret": row["secret"]}
    return {**view, "webhook": view}


def list_webhooks(context: RequestContext) -> dict[str, Any]:
    """`GET /webhooks`."""
    rows = context.db.execute(
        "SELECT * FROM hooks WHERE user_id = ? ORDER BY number", (context.caller.user["id"],)
    )
    return {"webhooks": [_view(row) for row in rows if _may_manage(context.caller, row)]}


def get_webhook(context: RequestContext) -> dict[str, Any]:
    """`GET /webhooks/:id`."""
    view = _view(_get_own(context, context.path["webhook_id"]))
    return {**view, "webhook": view}


def delete_webhook(context: RequestContext) -> dict[str, Any]:
    """`DELETE /webhooks/:id`: also drops its pending deliveries."""
    row = _get_own(context, context.path["webhook_id"])
    context.db.execute(
        "DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE hook_id = ?)",
        (row["id"],),
    )
    context.db.execute("DELETE FROM deliveries WHERE hook_id = ?", (row["id"],))
    context.db.execute("DELETE FROM hooks WHERE id = ?", (row["id"],))
    return {"success": True, "id": row["id"]}


def check_urls(
    body: Mapping[str, Any], resolver: Resolver, config: EmulatorConfig
) -> Mapping[str, str]:
    """The URL of a new webhook if it is not allowed, with the reason."""
    url = body.get("url")
    if not isinstance(url, str) or len(url) > _MAX_URL_CHARACTERS:
        return {}
    try:
        lookup = partial(resolver.lookup, timeout=LOOKUP_SECONDS)
        check_webhook_url(url, allow_external=config.allow_external, lookup=lookup)
    except ValueError as error:
        return {url: str(error)}
    return {}


def check_webhook_url(
    url: str, *, allow_external: bool, lookup: Callable[[str], Sequence[Address]] = resolve
) -> None:
    """Raise ValueError, whose text completes "`url` …", for a URL that is not allowed."""
    try:
        host = parse_http_url(url).host
    except ValueError:
        raise ValueError("must be an http or https URL") from None
    reach = Reach.PUBLIC if allow_external else Reach.LOOPBACK
    try:
        addresses = resolve_allowed(host, reach, lookup)
    except BlockedAddressError as error:
        if not error.is_out_of_reach:
            raise ValueError("must not be a link-local or metadata address") from None
        addresses = ()
    if not addresses and not allow_external:
        raise ValueError(
            "must be on this machine, unless the emulator was started with --allow-external"
        )


def new_secret(state: State) -> str:
    """Generate a signing secret."""
    return f"whsec_{state.new_hex(48)}"


def emit(state: State, user_id: str, name: str, data: Mapping[str, Any], at: datetime) -> None:
    """Queue a delivery of the event `name` for every active webhook that subscribes to it.

    `data` is that of the payload, without `userId`. A webhook that was created with a token for
    certain brands gets the events of these brands only.
    """
    sql = "SELECT * FROM hooks WHERE user_id = ? AND disabled_at IS NULL"
    timestamp = at.timestamp()
    for row in state.connection.execute(sql, (user_id,)).fetchall():
        brands = json.loads(row["brand_ids"])
        if name not in json.loads(row["events"]) or (brands and data.get("brandId") not in brands):
            continue
        delivery_id = f"evt_{state.new_id()}"
        payload = {
            "id": delivery_id,
            "event": name,
            "type": name,
            "created_at": format_unix_time(timestamp),
            "data": {"userId": user_id, **data},
        }
        state.insert(
            "deliveries", id=delivery_id, hook_id=row["id"], event=name,
            body=json.dumps(payload, ensure_ascii=False), created_at=timestamp, due_at=timestamp,
        )  # fmt: skip


def _get_own(context: RequestContext, hook_id: str) -> sqlite3.Row:
    text, sql = "Webhook not found", "SELECT * FROM hooks WHERE id = ? AND user_id = ?"
    row = find_row(context.db, text, sql, (hook_id, context.caller.user["id"]))
    if not _may_manage(context.caller, row):
        raise ErrorResponse(404, "NOT_FOUND", text)
    return row


def _may_manage(caller: Principal, row: sqlite3.Row) -> bool:
    brands = json.loads(row["brand_ids"])
    return not caller.brand_ids or (bool(brands) and set(brands) <= set(caller.brand_ids))


def _view(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **view_row(row, "id", "url"),
        "events": json.loads(row["events"]),
        "active": row["disabled_at"] is None,
        "consecutive_failures": row["failures"],
        **view_row(row, "created_at"),
    }
