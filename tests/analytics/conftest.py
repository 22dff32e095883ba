"""Stores of snapshots on both databases."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.analytics.store import AnalyticsStore, open_analytics
from outreply_cli.journal.store import Store
from tests.postgres import open_migrated

OpenStore = Callable[..., AnalyticsStore]
FIRST = date(2026, 11, 1)


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Open a store of an account: each call is another process."""
    url = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        open_migrated(url).close()
    with ExitStack() as stack:

        def open_one(account: str = "me") -> AnalyticsStore:
            store = open_analytics(Store(tmp_path / "state", url), account)
            return stack.enter_context(closing(store))

        yield open_one


@pytest.fixture
def store(open_store: OpenStore) -> AnalyticsStore:
    return open_store()


def page(name: str = "acme", followers: Any = 1_000) -> dict[str, Any]:
    return {
        "id": f"page-{name}", "platform": "instagram", "username": name, "name": name.upper(),
        "brand_id": "brand-1", "brand_name": "Acme Co.", "followers": followers,
    }  # fmt: skip


def post(name: str, published_at: datetime, **metrics: Any) -> dict[str, Any]:
    return {
        "id": f"post-{name}", "published_at": published_at.isoformat(), "message": f"Post {name}",
        "metrics": metrics,
    }  # fmt: skip


def add(
    store: AnalyticsStore,
    number: int,
    posts: list[dict[str, Any]],
    *,
    of: dict[str, Any] | None = None,
    truncated: bool = False,
) -> bool:
    """Store the snapshot of 06:00 UTC of a day, counted from FIRST."""
    day = FIRST + timedelta(days=number)
    taken_at = datetime.combine(day, time(6), UTC).timestamp()
    return store.add(of or page(), posts, day=day, taken_at=taken_at, truncated=truncated)
