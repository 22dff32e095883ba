"""What protects pages and brands from too many posts (reference: Per-page publish guardrails)."""

import math
import sqlite3
from bisect import insort

from outreply_cli.contract.limits import BRAND_PUBLISHES_PER_DAY, PAGE_MIN_GAP
from outreply_cli.contract.platforms import platform_named
from outreply_cli.emulator.call import Refusal

_HOUR, _DAY = 3600.0, 86_400.0
_LIVE = "posts.status IN ('scheduled', 'published')"
_TIME = "coalesce(posts.published_at, posts.scheduled_at)"


def check_guardrails(
    db: sqlite3.Connection, page: sqlite3.Row, moment: float, *, keep_gap: bool
) -> None:
    """Refuse a post on `page` at `moment` (Unix seconds) that a guardrail forbids.

    `keep_gap` is for scheduled posts: they have to be a minute apart.

    Raises:
        Refusal: 429 PAGE_PUBLISH_GUARDRAIL or BRAND_PUBLISH_GUARDRAIL, with the seconds after
            which it may be tried again.
    """
    near = _times(db, "posts.page_id = ?", page["id"], moment)
    gap = PAGE_MIN_GAP.total_seconds()
    too_near = [time for time in near if abs(time - moment) < gap]
    if keep_gap and too_near:
        _refuse_page(
            f"Posts on the same page must be at least {gap:.0f} seconds apart",
            max(too_near) + gap - moment,
        )
    platform = platform_named(page["platform"])
    for most, length, word in (
        (platform.per_hour if platform else None, _HOUR, "hour"),
        (platform.per_day if platform else None, _DAY, "24 hours"),
    ):
        wait = _overflow(near, moment, length, most)
        if wait is not None:
            _refuse_page(f"This page reached its {most} publishes per {word}", wait)
    of_brand = _times(
        db,
        "posts.page_id IN (SELECT id FROM pages WHERE brand_id = ?)",
        page["brand_id"],
        moment,
    )
    wait = _overflow(of_brand, moment, _DAY, BRAND_PUBLISHES_PER_DAY)
    if wait is not None:
        raise Refusal(
            429,
            "BRAND_PUBLISH_GUARDRAIL",
            f"This brand reached {BRAND_PUBLISHES_PER_DAY} publishes in 24 hours",
            headers={"Retry-After": str(math.ceil(wait))},
            retry_after_seconds=math.ceil(wait),
        )


def _times(db: sqlite3.Connection, which: str, value: str, moment: float) -> list[float]:
    rows = db.execute(
        f"SELECT {_TIME} FROM posts WHERE {which} AND {_LIVE} "  # noqa: S608 - our own words
        f"AND {_TIME} > ? AND {_TIME} < ? ORDER BY 1",
        (value, moment - _DAY, moment + _DAY),
    )
    return [row[0] for row in rows]


def _overflow(near: list[float], moment: float, length: float, most: int | None) -> float | None:
    """Seconds by which `moment` would have to be later, or None when it fits."""
    if most is None:
        return None
    times = [time for time in near if abs(time - moment) < length]
    insort(times, moment)
    for first in range(len(times) - most):
        if times[first + most] - times[first] < length:
            return max(1.0, times[first] + length - moment)
    return None


def _refuse_page(message: str, wait: float) -> None:
    seconds = max(1, math.ceil(wait))
    raise Refusal(
        429,
        "PAGE_PUBLISH_GUARDRAIL",
        message,
        headers={"Retry-After": str(seconds)},
        retry_after_seconds=seconds,
    )
