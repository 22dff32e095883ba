"""Watching posts with more comments than the API lists, in any order."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client, ListResult
from outreply_cli.comments.inbox import watch_comments
from outreply_cli.comments.store import CommentStore, open_comments
from outreply_cli.journal.store import Store
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from tests.clocks import ManualClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CommentStore]:
    with closing(open_comments(Store(tmp_path / "comments"), "account")) as store:
        yield store


class OldestFirst(Client):
    """A client of an API that lists the oldest 100 comments of a post."""

    def __init__(self, client: Client, comments: list[dict[str, Any]]) -> None:
        super().__init__(client.transport)
        self._comments = comments

    def comments(self, post_id: str, *, since: datetime | None = None) -> ListResult[Any]:
        assert since is not None
        later = [item for item in self._comments if parse_timestamp(item["created_at"]) > since]
        found = later if post_id == self._comments[0]["post_id"] else []
        return ListResult(found[:100], truncated=len(found) >= 100)


@pytest.mark.parametrize("seconds", [1, 30])
def test_all_comments_of_a_burst_are_shown(
    client: Client, store: CommentStore, emulator_clock: ManualClock, seconds: int
) -> None:
    post_id = client.published_posts().items[0]["id"]
    now = emulator_clock.now()
    comments = [
        {
            "id": f"c_{number:03}",
            "post_id": post_id,
            "created_at": format_timestamp(now - timedelta(seconds=seconds * (250 - number))),
        }
        for number in range(250)
    ]
    warnings: list[str] = []
    watched = watch_comments(
        OldestFirst(client, comments), store, emulator_clock,
        since=now - timedelta(hours=3), days=365, interval=60.0, count=6, warn=warnings.append,
    )  # fmt: skip
    assert sorted(comment.id for _, comment in watched) == [item["id"] for item in comments]
    assert 2 <= len(warnings) <= 3
