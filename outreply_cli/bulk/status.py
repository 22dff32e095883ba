"""Comparison of a calendar with the journal and the account."""

from collections.abc import Mapping, Sequence
from typing import Any

from outreply_cli.bulk.matching import Ambiguity, MatchedRow
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.journal.models import EntryState, JournalEntry
from outreply_cli.timestamps import format_timestamp

IN_SYNC = "in sync"
UNKNOWN = "unknown"
LATER = "later than 75 days"
_TEXTS = {
    PostStatus.SCHEDULED: IN_SYNC,
    PostStatus.UNLISTED: "in sync (partial listing)",
    PostStatus.PUBLISHED: "published",
    PostStatus.FAILED: "failed on the platform",
    PostStatus.MISSING: "cancelled elsewhere",
    PostStatus.EDITED: "edited elsewhere",
    PostStatus.FORBIDDEN: "of a brand that the token may not use",
    PostStatus.UNKNOWN: UNKNOWN,
}


def compare_rows(
    file: str,
    rows: Sequence[MatchedRow],
    orphaned: Sequence[JournalEntry],
    statuses: Mapping[int, PostStatus],
    later: Sequence[MatchedRow],
) -> list[dict[str, Any]]:
    """Return the JSON-ready status of each row of `file`, and of each post without a row.

    `statuses` are those of `orphaned` posts by the ID of their entry, and `later` are rows that are
    too far ahead to be scheduled.
    """
    return [
        *(_to_dict(file, row.post, row.post_id, _describe(row), row.ambiguity) for row in rows),
        *(_to_dict(file, row.post, None, LATER) for row in later),
        *(
            _to_dict(file, entry, entry.post_id, "orphaned")
            for entry in orphaned
            if entry.state != EntryState.DONE or statuses[entry.id] != PostStatus.MISSING
        ),
    ]


def _to_dict(
    file: str,
    post: PlannedPost | JournalEntry,
    post_id: str | None,
    status: str,
    ambiguity: Ambiguity | None = None,
) -> dict[str, Any]:
    row = post.row if isinstance(post, PlannedPost) else None
    return {
        "file": file,
        "line": row.line if row is not None else None,
        "key": row.key if row is not None else None,
        "page_id": post.page_id,
        "scheduled_at": format_timestamp(post.scheduled_at),
        "id": post_id,
        "status": status,
        "detail": ambiguity.reason if ambiguity is not None else "",
    }


def _describe(row: MatchedRow) -> str:
    if row.ambiguity is not None:
        return UNKNOWN
    if row.status is None:
        return "new"
    if not row.is_unchanged:
        if row.is_live:
            return "edited in the file"
        if row.status == PostStatus.PUBLISHED:
            return "published, then edited in the file"
    return _TEXTS[row.status]
