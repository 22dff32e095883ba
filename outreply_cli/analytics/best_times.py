"""Hours of the week at which posts of a page were published, by engagement rate."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.analytics.store import AnalyticsStore
from outreply_cli.pages import Page, page_alias

# Posts are compared at the same age: at their first snapshot in this window.
MIN_AGE, MAX_AGE = timedelta(days=2), timedelta(days=7)
# With fewer posts, a page or an hour of the week is not ranked.
MIN_POSTS, MIN_POSTS_PER_HOUR = 20, 3
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def find_best_times(store: AnalyticsStore, page: Page, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the hours of the week with comparable posts, by their median engagement rate.

    An hour is `ranked` if it has enough posts, and the page too. An hour that a clock change
    repeats is one hour.
    """
    snapshots = {snapshot.number: snapshot for snapshot in store.snapshots(page["id"])}
    published = {post.number: post.published_at for post in store.posts(page["id"])}
    # The time of the snapshot of each post, and the rate in it.
    first: dict[int, tuple[float, float]] = {}
    for post, number, counts in store.counts(page["id"]):
        # Another run may add a snapshot meanwhile.
        snapshot, at, engagement = snapshots.get(number), published.get(post), counts.engagement
        if snapshot is None or at is None or not snapshot.followers or engagement is None:
            continue
        is_comparable = MIN_AGE <= timedelta(seconds=snapshot.taken_at - at) <= MAX_AGE
        if is_comparable and (post not in first or snapshot.taken_at < first[post][0]):
            first[post] = snapshot.taken_at, engagement / snapshot.followers
    hours: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for post, (_, rate) in first.items():
        local = datetime.fromtimestamp(published[post] or 0, UTC).astimezone(zone)
        hours[local.weekday(), local.hour].append(rate)
    items = [
        {
            "page_id": page["id"],
            "page": page_alias(page),
            "weekday": WEEKDAYS[weekday],
            "hour": hour,
            "posts": len(rates),
            "engagement_rate": median(rates),
            "ranked": len(first) >= MIN_POSTS and len(rates) >= MIN_POSTS_PER_HOUR,
        }
        for (weekday, hour), rates in sorted(hours.items())
    ]
    return sorted(items, key=lambda item: (not item["ranked"], -item["engagement_rate"]))


def explain_shortage(items: list[dict[str, Any]]) -> str | None:
    """Return why no hour of a page is ranked; None if one is."""
    if any(item["ranked"] for item in items):
        return None
    posts = sum(item["posts"] for item in items)
    return (
        f"not enough data: {posts} {'post was' if posts == 1 else 'posts were'} measured 2 to 7 "
        f"days after publication; {MIN_POSTS} are required, {MIN_POSTS_PER_HOUR} of them in the "
        "same hour of the week"
    )
