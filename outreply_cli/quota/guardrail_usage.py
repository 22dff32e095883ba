"""What is used of the guardrails now and at the fullest time ahead.

Reference: Tiers & limits, per-page publish guardrails. They are measured in rolling windows, over
what went out and what is scheduled alike.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.pages import page_alias
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.posts.listing import list_all_published, list_all_scheduled

_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class WindowUsage:
    """One rolling window.

    Attributes:
        limit: Posts that any such window may hold.
        used: The most posts in one that contains the present: what the next publish meets.
        fullest: The most posts in one that ends in the future.
        fullest_at: Where that one begins; None when there is no post.
    """

    length: timedelta
    limit: int
    used: int
    fullest: int
    fullest_at: datetime | None


@dataclass(frozen=True)
class GuardrailUsage:
    """The windows of one page, or of one brand when `page_id` is None.

    Attributes:
        name: How people write the page, or the brand's name.
    """

    name: str
    page_id: str | None
    windows: tuple[WindowUsage, ...]


def window_usage(
    instants: Sequence[datetime], now: datetime, length: timedelta, limit: int
) -> WindowUsage:
    """What the sorted `instants` use of windows of `length` that hold `limit` posts.

    Two posts that are exactly `length` apart are in no window together.
    """
    used, fullest, fullest_at = 0, 0, None
    for place, start in enumerate(instants):
        if start <= now - length:
            continue
        count = bisect_left(instants, start + length) - place
        if start <= now:
            used = max(used, count)
        if count > fullest:
            fullest, fullest_at = count, start
    from_now = bisect_left(instants, now + length) - bisect_left(instants, now)
    return WindowUsage(length, limit, max(used, from_now), fullest, fullest_at)


def guardrail_usage(
    pages: Iterable[Resource], posts: Iterable[Resource], limits: GuardrailLimits, now: datetime
) -> list[GuardrailUsage]:
    """The use of each page with limits of its own, then of each brand."""
    of_page: dict[str, list[datetime]] = defaultdict(list)
    for post in posts:
        moment = post_time(post)
        if moment is not None and post.get("status") != "failed":
            of_page[str(post.get("page_id"))].append(moment)
    found = []
    brands: dict[str, str] = {}
    of_brand: dict[str, list[datetime]] = defaultdict(list)
    for page in pages:
        page_id, brand_id = str(page.get("id")), str(page.get("brand_id"))
        brands[brand_id] = str(page.get("brand_name") or brand_id)
        of_brand[brand_id] += of_page[page_id]
        instants = sorted(of_page[page_id])
        windows = tuple(
            window_usage(instants, now, length, most)
            for length, most in limits.windows_for(str(page.get("platform")))
        )
        if windows:
            found.append(GuardrailUsage(page_alias(page), page_id, windows))
    return found + [
        GuardrailUsage(
            name, None, (window_usage(sorted(of_brand[key]), now, _DAY, limits.per_brand_day),)
        )
        for key, name in brands.items()
    ]


def fetch_guardrail_usage(client: Client, account: Resource) -> list[GuardrailUsage] | None:
    """What is used of the guardrails; None when the token may not read pages or posts."""
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
