"""The store of snapshots: the same on both databases."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.analytics.store import AnalyticsStore, Counts, open_analytics
from outreply_cli.errors import StorageError
from outreply_cli.journal.store import Store
from tests.analytics.conftest import FIRST, OpenStore, add, page, post

AT = datetime(2026, 10, 31, 12, tzinfo=UTC)


def counts(store: AnalyticsStore) -> list[Counts]:
    return [values for _, _, values in store.counts("page-acme")]


def test_day_has_one_snapshot(store: AnalyticsStore) -> None:
    assert add(store, 0, [post("a", AT, likes=1, comments=2, shares=3)], truncated=True)
    assert not add(store, 0, [post("a", AT, likes=9), post("b", AT, likes=9)])
    assert counts(store) == [(1, 2, 3)]
    assert [item.id for item in store.posts()] == ["post-a"]
    (snapshot,) = store.snapshots("page-acme")
    assert (snapshot.day, snapshot.followers, snapshot.truncated) == (FIRST, 1_000, True)
    assert store.last_days() == {"page-acme": FIRST}


def test_snapshots_and_counts_are_read_from_the_given_day_on(store: AnalyticsStore) -> None:
    for number in (0, 1, 3):
        add(store, number, [post("a", AT, likes=10 - number)], of=page(followers=1_000 - number))
    days = [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=3)]
    assert [snapshot.day for snapshot in store.snapshots("page-acme")] == days
    assert [snapshot.day for snapshot in store.snapshots("page-acme", days[1])] == days[1:]
    assert [values.likes for values in counts(store)] == [10, 9, 7]
    assert len(list(store.counts("page-acme", days[2]))) == 1


@pytest.mark.parametrize(
    "value", [None, "7", True, 1.5, float("nan"), float("inf"), 10**30, [1], {"a": 1}]
)
def test_value_that_is_not_a_count_is_missing(store: AnalyticsStore, value: Any) -> None:
    add(store, 0, [post("a", AT, likes=value, shares=2.0)], of=page(followers=value))
    assert counts(store) == [(None, None, 2)]
    assert counts(store)[0].engagement == 2
    assert store.snapshots("page-acme")[0].followers is None


def test_post_without_metrics_is_stored_without_counts(store: AnalyticsStore) -> None:
    items: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "b", "metrics": None},
        {"id": "c", "metrics": [1]},
    ]
    add(store, 0, items)
    assert counts(store) == []
    assert [item.published_at for item in store.posts()] == [None] * 3


def test_unknown_metric_is_kept_and_does_not_count(store: AnalyticsStore) -> None:
    add(store, 0, [post("a", AT, reach=500, likes=1)])
    assert counts(store) == [(1, None, None)]
    rows = store._rows(
        "SELECT metric, value FROM analytics_metrics JOIN analytics_posts ON number = post "
        "WHERE account = ? ORDER BY metric"
    )
    assert rows == [("likes", 1), ("reach", 500)]


def test_characters_that_a_database_rejects_are_removed_or_replaced(store: AnalyticsStore) -> None:
    strange = "a\0b\ud800 ü"
    add(store, 0, [{"id": strange, "message": strange, "metrics": {strange: 1, "likes": 2}}],
        of=page() | {"id": strange, "name": strange})  # fmt: skip
    (stored,) = store.pages()
    assert stored["name"] == "ab? ü"
    assert store.posts(stored["id"])[0].message == "ab? ü"
    assert [values.likes for _, _, values in store.counts(stored["id"])] == [2]


def test_page_is_stored_with_its_latest_name(store: AnalyticsStore) -> None:
    add(store, 0, [])
    add(store, 1, [], of=page() | {"username": "new", "brand_name": None})
    (stored,) = store.pages()
    assert (stored["username"], stored["brand_name"]) == ("new", "")


def test_accounts_are_separate(open_store: OpenStore) -> None:
    mine, yours = open_store(), open_store("you")
    assert add(mine, 0, [post("a", AT, likes=1)])
    assert yours.pages() == []
    assert yours.posts() == []
    assert list(yours.counts("page-acme")) == []
    assert add(yours, 0, [post("a", AT, likes=2)])
    assert [values.likes for values in counts(mine)] == [1]
    assert [values.likes for values in counts(yours)] == [2]


def test_concurrent_runs_add_one_snapshot(open_store: OpenStore) -> None:
    stores = [open_store() for _ in range(4)]
    posts = [post(str(number), AT, likes=number) for number in range(50)]
    with ThreadPoolExecutor(len(stores)) as pool:
        added = list(pool.map(lambda store: add(store, 0, posts), stores))
    assert sum(added) == 1
    assert len(counts(stores[0])) == 50


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "analytics.db").write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="analytics database"):
        open_analytics(Store(tmp_path), "me")


def test_moved_snapshots_are_added_once(
    open_store: OpenStore, tmp_path: Path, store: AnalyticsStore
) -> None:
    with closing(open_analytics(Store(tmp_path / "other"), "me")) as other:
        for day in range(3):
            add(other, day, [post("a", AT, likes=day, saves=7), post("b", AT)])
        # The same day is in both, with other numbers.
        add(store, 1, [post("c", AT, likes=9)])
        for _ in range(2):
            store.add_rows(other.copy_rows())
        assert {item.id for item in store.posts()} == {"post-a", "post-b", "post-c"}
        assert len(store.snapshots("page-acme")) == 3
        expected, found = by_post_and_day(other), by_post_and_day(store)
        assert expected.items() <= found.items()
        assert len(found) == len(expected) + 1


def by_post_and_day(store: AnalyticsStore) -> dict[tuple[str, date], Counts]:
    posts = {item.number: item.id for item in store.posts()}
    days = {snapshot.number: snapshot.day for snapshot in store.snapshots("page-acme")}
    return {(posts[post], days[snap]): c for post, snap, c in store.counts("page-acme")}
