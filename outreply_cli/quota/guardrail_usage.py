"""Current and peak usage of the publish guardrails.

Reference: Tiers & limits, per-page publish guardrails. They apply to rolling windows that include
both published and scheduled posts.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.api.client import Client, Resource, get_page_id, post_time
from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.pages import page_alias
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.posts.listing import list_all_published, list_all_scheduled

_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class WindowUsage:
    """Usage of one rolling window by the number of posts.

    Attributes:
        used: Maximum in a window that contains the present.
        peak: Maximum in a window that ends in the future.
        peak_at: Start of that window; None without posts.
    """

    length: timedelta
    limit: int
    used: int
    peak: int
    peak_at: datetime | None


@dataclass(frozen=True)
class GuardrailUsage:
    """Usage of each window of a page, whose alias is `name`, or of a brand (no `page_id`)."""

    name: str
    page_id: str | None
    windows: tuple[WindowUsage, ...]


def window_usage(
    times: Sequence[datetime], now: datetime, length: timedelta, limit: int
) -> WindowUsage:
    """Return the usage of windows of `length` with at most `limit` posts.

    `times` of posts are sorted. Posts exactly `length` apart never share a window.
    """
    used, peak, peak_at = 0, 0, None
    for index, start in enumerate(times):
        if start <= now - length:
            continue
        count = bisect_left(times, start + length) - index
        if start <= now:
            used = max(used, count)
        if count > peak:
            peak, peak_at = count, start
    from_now = bisect_left(times, now + length) - bisect_left(times, now)
    return WindowUsage(length, limit, max(used, from_now), peak, peak_at)


def guardrail_usage(
    pages: Iterable[Resource], posts: Iterable[Resource], limits: GuardrailLimits, now: datetime
) -> list[GuardrailUsage]:
    """Return the usage of each page with guardrails, then of each brand."""
    page_times: dict[str, list[datetime]] = defaultdict(list)
    for post in posts:
        time = post_time(post)
        if time is not None and post.get("status") != "failed":
            page_times[get_page_id(post)].append(time)
    usages = []
    brand_names: dict[str, str] = {}
    brand_times: dict[str, list[datetime]] = defaultdict(list)
    for page in pages:
        page_id, brand_id = str(page.get("id")), str(page.get("brand_id") or "")
        brand_names[brand_id] = str(page.get("brand_name") or brand_id)
        brand_times[brand_id] += page_times[page_id]
        times = sorted(page_times[page_id])
        windows = tuple(
            window_usage(times, now, length, limit)
            for length, limit in limits.windows_for(str(page.get("platform") or ""))
        )
        if windows:
            usages.append(GuardrailUsage(page_alias(page), page_id, windows))
    for brand_id, name in brand_names.items():
        window = window_usage(sorted(brand_times[brand_id]), now, _DAY, limits.per_brand_day)
        usages.append(GuardrailUsage(name, None, (window,)))
    return usages


def fetch_guardrail_usage(client: Client, account: Resource) -> list[GuardrailUsage] | None:
    """Fetch guardrail usage; None when the token may not read pages or posts."""
    now = client.now()
    try:
        pages = client.pages().items
        page_ids = [str(page.get("id")) for page in pages]
        posts = [
            *list_all_scheduled(client, page_ids).items,
            *list_all_published(client, page_ids, now - _DAY).items,
        ]
    except PermissionDeniedError:
        return None
    return guardrail_usage(pages, posts, GuardrailLimits.from_account(account), now)
