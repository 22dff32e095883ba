"""What protects pages and brands from too many posts (reference: Per-page publish guardrails)."""

import math
import sqlite3
from bisect import insort

from outreply_cli.emulator.request import too_many
from outreply_cli.spec.limits import BRAND_PUBLISHES_PER_DAY, PAGE_MIN_GAP
from outreply_cli.spec.platforms import platform_named

_HOUR, _DAY = 3600.0, 86_400.0
_PAGE = "PAGE_PUBLISH_GUARDRAIL"
# Left to choose, the database would count a brand's posts by reading every one there is.
_POSTS = "posts INDEXED BY posts_at"
_TIME = "coalesce(posts.published_at, posts.scheduled_at)"
_NEAR = f"posts.status IN ('scheduled', 'published') AND {_TIME} > ? AND {_TIME} < ?"
_OF_BRAND = "posts.page_id IN (SELECT id FROM pages WHERE brand_id = ?)"


def check_guardrails(
    db: sqlite3.Connection, page: sqlite3.Row, moment: float, *, keep_gap: bool
) -> None:
    """Refuse a post on `page` at `moment` (Unix seconds) that a guardrail forbids.

    `keep_gap` is for scheduled posts: they have to be a minute apart.

    Raises:
        Refusal: 429 PAGE_PUBLISH_GUARDRAIL or BRAND_PUBLISH_GUARDRAIL, with the seconds after
            which it may be tried again.
    """
    of_page, of_brand = ("posts.page_id = ?", page["id"]), (_OF_BRAND, page["brand_id"])
    gap = PAGE_MIN_GAP.total_seconds()
    if keep_gap and (too_near := _times(db, of_page, moment, gap)):
        text = f"Posts on the same page must be at least {gap:.0f} seconds apart"
        raise too_many(_PAGE, _whole(too_near[-1] + gap - moment), text)
    platform = platform_named(page["platform"])
    for most, length, word in (
        (platform.per_hour if platform else None, _HOUR, "hour"),
        (platform.per_day if platform else None, _DAY, "24 hours"),
    ):
        wait = None if most is None else _overflow(db, of_page, moment, length, most)
        if wait is not None:
            text = f"This page reached its {most} publishes per {word}"
            raise too_many(_PAGE, _whole(wait), text)
    wait = _overflow(db, of_brand, moment, _DAY, BRAND_PUBLISHES_PER_DAY)
    if wait is not None:
        text = f"This brand reached {BRAND_PUBLISHES_PER_DAY} publishes in 24 hours"
        raise too_many("BRAND_PUBLISH_GUARDRAIL", _whole(wait), text)


def _times(
    db: sqlite3.Connection, which: tuple[str, str], moment: float, length: float
) -> list[float]:
    """When posts are nearer to `moment` than `length` seconds, in order."""
    clause, value = which
    rows = db.execute(
        f"SELECT {_TIME} FROM {_POSTS} WHERE {clause} AND {_NEAR} ORDER BY 1",  # noqa: S608
        (value, moment - length, moment + length),
    )
    return [row[0] for row in rows]


def _overflow(
    db: sqlite3.Connection, which: tuple[str, str], moment: float, length: float, most: int
) -> float | None:
    """Seconds by which `moment` would have to be later, or None when it fits."""
    clause, value = which
    near = db.execute(
        f"SELECT count(*) FROM {_POSTS} WHERE {clause} AND {_NEAR}",  # noqa: S608 - our own words
        (value, moment - length, moment + length),
    ).fetchone()[0]
    if near < most:
        # However they lie, no span has too many: nobody needs to know where each one is.
        return None
    times = _times(db, which, moment, length)
    insort(times, moment)
    for first in range(len(times) - most):
        if times[first + most] - times[first] < length:
            return max(1.0, times[first] + length - moment)
    return None


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
