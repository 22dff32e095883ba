"""`/me`, `/account`, brands and pages (reference: Endpoint reference)."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from outreply_cli.emulator.auth import get_rate, get_tier, is_sandbox
from outreply_cli.emulator.media import storage_view
from outreply_cli.emulator.request import (
    ErrorResponse,
    Principal,
    RequestContext,
    format_timestamp,
    invalid_field,
)
from outreply_cli.emulator.state import State
from outreply_cli.emulator.webhooks import WebhookEvent, emit
from outreply_cli.spec.limits import BRAND_PUBLISHES_PER_DAY, PAGE_MIN_GAP
from outreply_cli.spec.platforms import PLATFORMS, platform_named

_WARN_AT = 0.8
_USE = {
    buckets: f"INSERT INTO usage VALUES {', '.join(['(?, ?, ?, 1)'] * buckets)} "  # noqa: S608
    "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = used + 1 RETURNING used"
    for buckets in (1, 2)
}


def me(call: RequestContext) -> dict[str, Any]:
    """`GET /me`: who the token belongs to; needs no scope."""
    user, key = call.caller.user, _key_view(call.caller)
    return {
        "authenticated_as": {
            "user_id": user["id"],
            "email": user["email"],
            "firstname": user["firstname"],
            "lastname": user["lastname"],
        },
        "api_key": {name: key[name] for name in ("id", "name", "prefix", "scopes", "expires_at")},
    }


def account(call: RequestContext) -> dict[str, Any]:
    """`GET /account`: the user, the key and what is left of every quota."""
    user = call.caller.user
    tier = get_tier(user)
    used = get_usage(call.db, user["id"], call.now)
    monthly: dict[str, Any] = {
        "year_month": f"{call.now:%Y-%m}",
        "resets_at": format_timestamp(next_month(call.now).timestamp()),
    }
    for bucket, limit in tier.monthly.items():
        spent = used.get(bucket, 0)
        monthly[bucket] = {"used": spent, "limit": limit, "remaining": max(0, limit - spent)}
    monthly["writes"] = {"used": used.get("writes", 0), "limit": None, "remaining": None}
    monthly["total_requests"] = used.get("requests", 0)
    return {
        "user": {name: user[name] for name in ("id", "email", "firstname", "lastname")},
        "credits": {"remaining": user["credits"], "plan": user["tier"]},
        "tier": user["tier"],
        "api_key": _key_view(call.caller),
        "quota": {
            "storage": {**storage_view(call), "max_file_bytes": tier.max_file_bytes},
            "rate_limit": dict(zip(("per_minute", "per_day"), get_rate(call.caller), strict=True)),
            "monthly": monthly,
            "publish_guardrails": {
                "perPage": {
                    platform.code: {"perHour": platform.per_hour, "per24h": platform.per_day}
                    for platform in PLATFORMS
                    if platform.per_hour is not None
                },
                "minGapBetweenSchedulesMs": int(PAGE_MIN_GAP.total_seconds() * 1000),
                "perBrandPer24hSafetyNet": BRAND_PUBLISHES_PER_DAY,
            },
        },
    }


def brands(call: RequestContext) -> dict[str, Any]:
    """`GET /brands`."""
    rows = call.db.execute(
        "SELECT brands.*, (SELECT count(*) FROM pages WHERE brand_id = brands.id) AS pages_count "
        "FROM brands WHERE user_id = ? ORDER BY created_at, id",
        (call.caller.user["id"],),
    )
    return {
        "brands": [
            {
                **_brand_view(row),
                "created_at": format_timestamp(row["created_at"]),
                "pages_count": row["pages_count"],
            }
            for row in rows
            if _reaches(call.caller, row["id"])
        ]
    }


def brand(call: RequestContext) -> dict[str, Any]:
    """`GET /brands/:brandId`."""
    row = _own_brand(call, call.path["brand_id"])
    return {"brand": {**_brand_view(row), "pages": _pages(call, row["id"], None)}}


def brand_pages(call: RequestContext) -> dict[str, Any]:
    """`GET /brands/:brandId/pages`."""
    return {"pages": _pages(call, _own_brand(call, call.path["brand_id"])["id"], None)}


def pages(call: RequestContext) -> dict[str, Any]:
    """`GET /pages`, filtered by `platform` and `brand_id`."""
    platform, brand_id = call.query.get("platform"), call.query.get("brand_id")
    if platform is not None and platform not in {known.name for known in PLATFORMS}:
        raise invalid_field("platform", f"must be one of {', '.join(p.name for p in PLATFORMS)}")
    if brand_id is not None:
        _own_brand(call, brand_id)
    return {"pages": _pages(call, brand_id, platform)}


def page(call: RequestContext) -> dict[str, Any]:
    """`GET /pages/:pageId`."""
    row = own_page(call, call.path["page_id"])
    view = _page_view(row)
    del view["brand_name"]
    return {
        "page": {
            **view,
            "profile_picture": row["profile_picture"],
            "created_at": format_timestamp(row["created_at"]),
        }
    }


def own_page(call: RequestContext, page_id: str) -> sqlite3.Row:
    """The page called `page_id`, if the caller's user owns it and the token reaches its brand."""
    row: sqlite3.Row | None = call.db.execute(
        "SELECT pages.*, brands.name AS brand_name, brands.user_id FROM pages "
        "JOIN brands ON brands.id = pages.brand_id WHERE pages.id = ? AND brands.user_id = ?",
        (page_id, call.caller.user["id"]),
    ).fetchone()
    if row is None:
        raise ErrorResponse(404, "NOT_FOUND", "Page not found")
    require_brand(call.caller, row["brand_id"])
    return row


def require_brand(caller: Principal, brand_id: str) -> None:
    """Refuse a token that is restricted to other brands (`403 BRAND_NOT_AUTHORIZED`)."""
    if not _reaches(caller, brand_id):
        raise ErrorResponse(403, "BRAND_NOT_AUTHORIZED", brand_id=brand_id)


def get_usage(db: sqlite3.Connection, user_id: str, now: datetime) -> dict[str, int]:
    """What the user has used of each bucket in the UTC month of `now`."""
    return dict(
        db.execute(
            "SELECT bucket, used FROM usage WHERE user_id = ? AND month = ?",
            (user_id, f"{now:%Y-%m}"),
        ).fetchall()
    )


def count_usage(call: RequestContext, *buckets: str, limit: int | None = None) -> None:
    """Use one of each of this month's `buckets`; refuse where the last one's `limit` is reached.

    Sandbox requests do not count (reference: Sandbox tokens).
    """
    if is_sandbox(call.caller):
        return
    user_id = call.caller.user["id"]
    if limit is None:
        _use(call.db, user_id, buckets, call.now)
    elif not spend(call.state, call.db, user_id, buckets, limit, call.now):
        raise ErrorResponse(
            429,
            "MONTHLY_QUOTA_EXCEEDED",
            f"Monthly {buckets[-1]} quota exceeded",
            quota=buckets[-1],
            tier=call.caller.user["tier"],
            limit=limit,
            used=get_usage(call.db, user_id, call.now).get(buckets[-1], 0),
            resets_at=format_timestamp(next_month(call.now).timestamp()),
            upgrade_url="https://outreply.com/pricing",
        )


def spend(  # noqa: PLR0917 - what is spent, and of whom
    state: State,
    db: sqlite3.Connection,
    user_id: str,
    buckets: Sequence[str],
    limit: int,
    now: datetime,
) -> bool:
    """Use one of each of a month's buckets; False, and nothing of the last, beyond its `limit`.

    At 80 % of the last the user's hooks are warned, once for each bucket and month.
    """
    name, used = buckets[-1], _use(db, user_id, buckets, now)
    if used > limit:
        db.execute(
            "UPDATE usage SET used = used - 1 WHERE user_id = ? AND month = ? AND bucket = ?",
            (user_id, f"{now:%Y-%m}", name),
        )
        return False
    # Crossed by this one: so it is told once.
    if used >= _WARN_AT * limit > used - 1:
        told = {"bucket": name, "used": used, "limit": limit, "percent": 80}
        emit(db, WebhookEvent(user_id, "account.quota.warning", told), now, state.new_id)
    return True


def _use(db: sqlite3.Connection, user_id: str, buckets: Sequence[str], now: datetime) -> int:
    month = f"{now:%Y-%m}"
    values: list[str] = []
    for bucket in buckets:
        values += (user_id, month, bucket)
    rows = db.execute(_USE[len(buckets)], values).fetchall()
    used: int = rows[-1]["used"]
    return used


def next_month(now: datetime) -> datetime:
    """The first instant of the next UTC month."""
    years, month = divmod(now.month, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)


def _reaches(caller: Principal, brand_id: str) -> bool:
    return not caller.brand_ids or brand_id in caller.brand_ids


def _own_brand(call: RequestContext, brand_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM brands WHERE id = ? AND user_id = ?", (brand_id, call.caller.user["id"])
    ).fetchone()
    if row is None:
        raise ErrorResponse(404, "NOT_FOUND", "Brand not found")
    require_brand(call.caller, brand_id)
    return row


def _pages(
    call: RequestContext, brand_id: str | None, platform: str | None
) -> list[dict[str, Any]]:
    rows = call.db.execute(
        "SELECT pages.*, brands.name AS brand_name FROM pages "
        "JOIN brands ON brands.id = pages.brand_id WHERE brands.user_id = ? "
        "AND pages.brand_id = coalesce(?, pages.brand_id) "
        "AND pages.platform = coalesce(?, pages.platform) "
        "ORDER BY pages.created_at, pages.id",
        (call.caller.user["id"], brand_id, platform),
    )
    return [_page_view(row) for row in rows if _reaches(call.caller, row["brand_id"])]


def _brand_view(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "name", "logo", "timezone")}


def _page_view(row: sqlite3.Row) -> dict[str, Any]:
    known = platform_named(row["platform"])
    return {
        "id": row["id"],
        "brand_id": row["brand_id"],
        "brand_name": row["brand_name"],
        "platform": known.name if known else row["platform"],
        "name": row["name"],
        "username": row["username"],
        "followers": row["followers"],
        "expired": bool(row["expired"]),
    }


def _key_view(caller: Principal) -> dict[str, Any]:
    row = caller.token
    head, _, secret = row["secret"].rpartition("_")
    return {
        "id": row["id"],
        "name": row["name"],
        "prefix": f"{head}_{secret[:5]}",
        "scopes": json.loads(row["scopes"]),
        "brand_ids": list(caller.brand_ids),
        "expires_at": format_timestamp(row["expires_at"]),
        "last_used_at": format_timestamp(row["last_used_at"]),
        "request_count": row["request_count"],
    }
