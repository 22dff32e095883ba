"""`/me`, `/account`, brands and pages (reference: Endpoint reference)."""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from outreply_cli.emulator.auth import get_rate, get_tier, get_token, is_sandbox
from outreply_cli.emulator.growth import get_followers
from outreply_cli.emulator.guardrails import GUARDRAILS
from outreply_cli.emulator.media import storage_view
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
from outreply_cli.emulator.tokens import get_prefix
from outreply_cli.emulator.webhooks import emit
from outreply_cli.spec.platforms import PLATFORMS

_WARN_AT = 0.8
_BRAND = ("id", "name", "logo", "timezone")


def get_me(context: RequestContext) -> dict[str, Any]:
    """`GET /me`: the token and its user; needs no scope."""
    user, key = context.caller.user, _key_view(context.caller, context.caller.token)
    return {
        "authenticated_as": {
            "user_id": user["id"],
            **view_row(user, "email", "firstname", "lastname"),
        },
        "api_key": {name: key[name] for name in ("id", "name", "prefix", "scopes", "expires_at")},
    }


def get_account(context: RequestContext) -> dict[str, Any]:
    """`GET /account`: the user, the API key and the remaining quotas."""
    user, token = context.caller.user, get_token(context.state, context.caller)
    tier, (per_minute, per_day) = get_tier(user), get_rate(context.caller)
    usage = get_usage(context.state, user["id"], context.now)
    monthly: dict[str, dict[str, Any]] = {}
    for bucket, limit in tier.monthly.items():
        used = usage.get(bucket, 0)
        monthly[bucket] = {"used": used, "limit": limit, "remaining": max(0, limit - used)}
    monthly["writes"] = {"used": usage.get("writes", 0), "limit": None, "remaining": None}
    return {
        "user": view_row(user, "id", "email", "firstname", "lastname"),
        "credits": {"remaining": user["credits"], "plan": user["tier"]},
        "tier": user["tier"],
        "api_key": _key_view(context.caller, token),
        "quota": {
            "storage": {**storage_view(context), "max_file_bytes": tier.max_file_bytes},
            "rate_limit": {"per_minute": per_minute, "per_day": per_day},
            "monthly": {
                "year_month": f"{context.now:%Y-%m}",
                "resets_at": _next_month(context.now),
                **monthly,
                # As in the example of the reference.
                "total_requests": sum(bucket["used"] for bucket in monthly.values()),
            },
            "publish_guardrails": GUARDRAILS,
        },
    }


def list_brands(context: RequestContext) -> dict[str, Any]:
    """`GET /brands`."""
    rows = context.db.execute(
        "SELECT brands.*, (SELECT count(*) FROM pages WHERE brand_id = brands.id) AS pages_count "
        "FROM brands WHERE user_id = ? ORDER BY created_at, id",
        (context.caller.user["id"],),
    )
    return {
        "brands": [
            view_row(row, *_BRAND, "created_at", "pages_count")
            for row in rows
            if _can_reach(context.caller, row["id"])
        ]
    }


def get_brand(context: RequestContext) -> dict[str, Any]:
    """`GET /brands/:brandId`."""
    row = _get_own_brand(context, context.path["brand_id"])
    return {"brand": {**view_row(row, *_BRAND), "pages": _pages(context, row["id"], None)}}


def list_brand_pages(context: RequestContext) -> dict[str, Any]:
    """`GET /brands/:brandId/pages`."""
    return {"pages": _pages(context, _get_own_brand(context, context.path["brand_id"])["id"], None)}


def list_pages(context: RequestContext) -> dict[str, Any]:
    """`GET /pages`, filtered by `platform` and `brand_id`."""
    platform, brand_id = context.query.get("platform"), context.query.get("brand_id")
    names = [platform.name for platform in PLATFORMS]
    if platform is not None and platform not in names:
        raise invalid_field("platform", f"must be one of {', '.join(names)}")
    if brand_id is not None:
        _get_own_brand(context, brand_id)
    return {"pages": _pages(context, brand_id, platform)}


def get_page(context: RequestContext) -> dict[str, Any]:
    """`GET /pages/:pageId`."""
    row = get_own_page(context, context.path["page_id"])
    view = _page_view(context, row)
    del view["brand_name"]
    return {"page": view | view_row(row, "profile_picture", "created_at")}


def get_own_page(context: RequestContext, page_id: str) -> sqlite3.Row:
    """The page with the ID `page_id`, if the user owns it and the token may use its brand."""
    row = find_row(
        context.db, "Page not found",
        "SELECT pages.*, brands.name AS brand_name, brands.user_id FROM pages "
        "JOIN brands ON brands.id = pages.brand_id WHERE pages.id = ? AND brands.user_id = ?",
        (page_id, context.caller.user["id"]),
    )  # fmt: skip
    require_brand(context.caller, row["brand_id"])
    return row


def require_brand(caller: Principal, brand_id: str) -> None:
    """Raise `403 BRAND_NOT_AUTHORIZED` for a token that is restricted to other brands."""
    if not _can_reach(caller, brand_id):
        raise ErrorResponse(403, "BRAND_NOT_AUTHORIZED", brand_id=brand_id)


def get_usage(state: State, user_id: str, now: datetime) -> dict[str, int]:
    """The user's usage of each bucket in the UTC month of `now`."""
    state.write_deferred()
    sql = "SELECT bucket, used FROM usage WHERE user_id = ? AND month = ?"
    return dict(state.connection.execute(sql, (user_id, f"{now:%Y-%m}")).fetchall())


def count_in_month(context: RequestContext, bucket: str) -> None:
    """Count a request in a bucket of its month: `reads`, which has a limit, or `writes`.

    Sandbox requests do not count (reference: Sandbox tokens).

    Raises:
        ErrorResponse: 429 MONTHLY_QUOTA_EXCEEDED.
    """
    if is_sandbox(context.caller):
        return
    user, month = context.caller.user, context.now.date().isoformat()[:7]
    if bucket == "writes":
        context.state.count_later(user["id"], month, bucket)
        return
    limit = get_tier(user).reads
    used = context.state.count_later(user["id"], month, bucket, limit=limit)
    if used > limit:
        raise _quota_exceeded(context, bucket, used - 1, limit)
    _warn_of_quota(context.state, user["id"], context.now, bucket=bucket, used=used, limit=limit)


def count_usage(context: RequestContext, bucket: str, limit: int) -> None:
    """Count one use of a monthly bucket, with the changes of the request.

    Raises:
        ErrorResponse: 429 MONTHLY_QUOTA_EXCEEDED.
    """
    if is_sandbox(context.caller):
        return
    user_id, now = context.caller.user["id"], context.now
    if not spend(context.state, user_id, bucket, limit, now):
        used = context.state.get_use(user_id, f"{now:%Y-%m}", bucket)
        raise _quota_exceeded(context, bucket, used, limit)


def spend(state: State, user_id: str, bucket: str, limit: int, now: datetime) -> bool:
    """Count one use of a monthly bucket; False if it would exceed the `limit`."""
    month = f"{now:%Y-%m}"
    used = state.get_use(user_id, month, bucket) + 1
    if used > limit:
        return False
    state.count_use(user_id, month, bucket)
    _warn_of_quota(state, user_id, now, bucket=bucket, used=used, limit=limit)
    return True


def _warn_of_quota(
    state: State, user_id: str, now: datetime, *, bucket: str, used: int, limit: int
) -> None:
    """Emit a quota warning for the use that reaches 80%: once per bucket and month."""
    if used >= _WARN_AT * limit > used - 1:
        data = {"bucket": bucket, "used": used, "limit": limit, "percent": 80}
        emit(state, user_id, "account.quota.warning", data, now)


def _quota_exceeded(context: RequestContext, bucket: str, used: int, limit: int) -> ErrorResponse:
    return ErrorResponse(
        429,
        "MONTHLY_QUOTA_EXCEEDED",
        f"Monthly {bucket} quota exceeded",
        quota=bucket,
        tier=context.caller.user["tier"],
        limit=limit,
        used=used,
        resets_at=_next_month(context.now),
        upgrade_url="https://outreply.com/pricing",
    )


def _next_month(now: datetime) -> str | None:
    years, month = divmod(now.month, 12)
    return format_unix_time(datetime(now.year + years, month + 1, 1, tzinfo=UTC).timestamp())


def _can_reach(caller: Principal, brand_id: str) -> bool:
    return not caller.brand_ids or brand_id in caller.brand_ids


def _get_own_brand(context: RequestContext, brand_id: str) -> sqlite3.Row:
    sql = "SELECT * FROM brands WHERE id = ? AND user_id = ?"
    row = find_row(context.db, "Brand not found", sql, (brand_id, context.caller.user["id"]))
    require_brand(context.caller, brand_id)
    return row


def _pages(
    context: RequestContext, brand_id: str | None, platform: str | None
) -> list[dict[str, Any]]:
    rows = context.db.execute(
        "SELECT pages.*, brands.name AS brand_name FROM pages "
        "JOIN brands ON brands.id = pages.brand_id WHERE brands.user_id = ? "
        "AND pages.brand_id = coalesce(?, pages.brand_id) "
        "AND pages.platform = coalesce(?, pages.platform) "
        "ORDER BY pages.created_at, pages.id",
        (context.caller.user["id"], brand_id, platform),
    )
    return [_page_view(context, row) for row in rows if _can_reach(context.caller, row["brand_id"])]


def _page_view(context: RequestContext, row: sqlite3.Row) -> dict[str, Any]:
    view = view_row(row, "id", "brand_id", "brand_name", "platform", "name", "username")
    followers = get_followers(context.state, row, context.now)
    return {**view, "followers": followers, "expired": bool(row["expired"])}


def _key_view(caller: Principal, row: sqlite3.Row) -> dict[str, Any]:
    return {
        **view_row(row, "id", "name"),
        "prefix": get_prefix(row),
        "scopes": json.loads(row["scopes"]),
        "brand_ids": list(caller.brand_ids),
        **view_row(row, "expires_at", "last_used_at", "request_count"),
    }
