"""Posts of calendars, and the journal after a run of them, without files and servers."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from outreply_cli.bulk.calendar import Row
from outreply_cli.bulk.matching import MatchedRow, match_rows
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.journal.models import EntryState, JournalEntry, RowHistory
from outreply_cli.posts.content import PostContent

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
AT = datetime(2026, 12, 24, 17, tzinfo=UTC)


def make_post(
    text: str = "Hello",
    *,
    key: str | None = None,
    page_id: str = "p1",
    platform: str = "linkedin",
    at: datetime = AT,
    line: int = 2,
    is_composed: bool = False,
    content: PostContent | None = None,
    **fields: Any,
) -> PlannedPost:
    """A post of a calendar; `fields` are others of PlannedPost."""
    row = Row(
        "c.csv",
        line,
        key,
        (page_id,),
        "as written",
        None,
        content or PostContent(message=text),
        is_composed=is_composed,
    )
    return PlannedPost(row, {"id": page_id, "platform": platform}, page_id, at, **fields)


def match(
    posts: Sequence[PlannedPost], histories: Sequence[RowHistory] = (), *, now: datetime = NOW
) -> tuple[list[MatchedRow], list[JournalEntry]]:
    """The posts' rows, and the pending entries without a row."""
    return match_rows(posts, histories, account="account", calendar="calendar", now=now)


def make_entry(row: MatchedRow, number: int = 1, **changes: Any) -> JournalEntry:
    """The entry of a row after its post was scheduled, with `changes`."""
    entry = JournalEntry(
        **asdict(row.draft),
        id=number,
        state=EntryState.DONE,
        sent_at=None,
        attempted_at=None,
        token=None,
        post_id=f"post{number}",
        error_code=None,
        error=None,
    )
    return replace(entry, **changes)


def record(posts: Sequence[PlannedPost], **changes: Any) -> list[RowHistory]:
    """The histories of the rows of `posts` after they were scheduled for the first time."""
    rows, _ = match(posts)
    return [
        RowHistory.from_entries([make_entry(row, number, **changes)])
        for number, row in enumerate(rows, 1)
    ]
