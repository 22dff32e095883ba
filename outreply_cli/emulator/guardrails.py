"""Publish guardrails of pages and brands (reference: Per-page publish guardrails)."""

import math
import sqlite3
from bisect import insort

from outreply_cli.emulator.request import too_many
from outreply_cli.spec.limits import BRAND_PUBLISHES_PER_DAY, MIN_PAGE_GAP
from outreply_cli.spec.platforms import PLATFORMS, find_platform

_HOUR, _DAY = 3600.0, 86_400.0
_PAGE = "PAGE_PUBLISH_GUARDRAIL"
# Without the hint, SQLite counts a brand's posts by reading every post.
_POSTS = "posts INDEXED BY posts_at"
_TIME = "coalesce(posts.published_at, posts.scheduled_at)"
_NEAR = f"posts.status IN ('scheduled', 'published') AND {_TIME} > ? AND {_TIME} < ?"
_OF_BRAND = "posts.page_id IN (SELECT id FROM pages WHERE brand_id = ?)"

# The guardrails as `GET /account` shows them.
GUARDRAILS = {
    "perPage": {
        platform.code: {"perHour": platform.per_hour, "per24h": platform.per_day}
        for platform in PLATFORMS
        if platform.per_hour is not None
    },
    "minGapBetweenSchedulesMs": int(MIN_PAGE_GAP.total_seconds() * 1000),
    "perBrandPer24hSafetyNet": BRAND_PUBLISHES_PER_DAY,
}


def check_guardrails(
    db: sqlite3.Connection, page: sqlite3.Row, timestamp: float, *, keep_gap: bool
) -> None:
    """Check a new post on `page` at a Unix time against the guardrails.

    `keep_gap` requires the minimum gap between scheduled posts.

    Raises:
        ErrorResponse: 429 PAGE_PUBLISH_GUARDRAIL or BRAND_PUBLISH_GUARDRAIL.
    """
    of_page, of_brand = ("posts.page_id = ?", page["id"]), (_OF_BRAND, page["brand_id"])
    gap = MIN_PAGE_GAP.total_seconds()
    if keep_gap and (too_near := _times(db, of_page, timestamp, gap)):
        text = f"Posts on the same page must be at least {gap:.0f} seconds apart"
        raise too_many(_PAGE, _round_up(too_near[-1] + gap - timestamp), text)
    platform = find_platform(page["platform"])
    for limit, length, unit in (
        (platform.per_hour if platform else None, _HOUR, "hour"),
        (platform.per_day if platform else None, _DAY, "24 hours"),
    ):
        wait = None if limit is None else _get_wait(db, of_page, timestamp, length, limit)
        if wait is not None:
            text = f"This page reached its {limit} publishes per {unit}"
            raise too_many(_PAGE, _round_up(wait), text)
    wait = _get_wait(db, of_brand, timestamp, _DAY, BRAND_PUBLISHES_PER_DAY)
    if wait is not None:
        text = f"This brand reached {BRAND_PUBLISHES_PER_DAY} publishes in 24 hours"
        raise too_many("BRAND_PUBLISH_GUARDRAIL", _round_up(wait), text)


def _times(
    db: sqlite3.Connection, condition: tuple[str, str], timestamp: float, length: float
) -> list[float]:
    """The times of posts within `length` seconds of `timestamp`, in order."""
    clause, value = condition
    rows = db.execute(
        f"SELECT {_TIME} FROM {_POSTS} WHERE {clause} AND {_NEAR} ORDER BY 1",  # noqa: S608
        (value, timestamp - length, timestamp + length),
    )
    return [row[0] for row in rows]


def _get_wait(
    db: sqlite3.Connection, condition: tuple[str, str], timestamp: float, length: float, limit: int
) -> float | None:
    """The seconds until the post would fit, or None if it fits now."""
    clause, value = condition
    near = db.execute(
        f"SELECT count(*) FROM {_POSTS} WHERE {clause} AND {_NEAR}",  # noqa: S608
        (value, timestamp - length, timestamp + length),
    ).fetchone()[0]
    if near < limit:
        # No window can exceed the limit, regardless of the exact times.
        return None
    times = _times(db, condition, timestamp, length)
    insort(times, timestamp)
    for first in range(len(times) - limit):
        if times[first + limit] - times[first] < length:
            return max(1.0, times[first] + length - timestamp)
    return None


def _round_up(seconds: float) -> int:
    return max(1, math.ceil(seconds))
