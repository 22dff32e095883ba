"""A calendar file compared with the journal and the server: what is in step and what drifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.bulk.matching import MatchedRow
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.journal.models import EntryState, JournalEntry


@dataclass(frozen=True)
class RowSyncStatus:
    """Where one row stands.

    Attributes:
        line: In the file; None for a post whose row was taken out.
        state: `in step`, `published`, `new`, `edited`, or how it drifted.
    """

    line: int | None
    key: str | None
    page_id: str
    scheduled_at: datetime
    post_id: str | None
    state: str


_WORDS = {
    PostStatus.SCHEDULED: "in step",
    PostStatus.UNLISTED: "in step, as far as the list goes",
    PostStatus.PUBLISHED: "published",
    PostStatus.FAILED: "failed on the platform",
    PostStatus.GONE: "cancelled elsewhere",
    PostStatus.EDITED: "edited elsewhere",
    PostStatus.UNKNOWN: "not known; the next run settles it",
}


def compare_rows(
    matched: Sequence[MatchedRow], gone: Sequence[JournalEntry], standing: dict[int, PostStatus]
) -> list[RowSyncStatus]:
    """Where every row of a file stands, and every post that has no row any more."""
    states = []
    for one in matched:
        target, live = one.target, one.live
        state = "new" if live is None else _WORDS[standing[live.id]]
        if live is not None and live.fingerprint != one.digest:
            if standing[live.id] in {PostStatus.SCHEDULED, PostStatus.UNLISTED, PostStatus.EDITED}:
                state = "edited in the file"
            elif standing[live.id] == PostStatus.PUBLISHED:
                state = "published, and edited in the file since"
        states.append(
            RowSyncStatus(
                line=target.row.line,
                key=target.row.key,
                page_id=target.page_id,
                scheduled_at=target.instant,
                post_id=live.post_id if live else None,
                state=state,
            )
        )
    for entry in gone:
        if entry.state == EntryState.DONE and standing[entry.id] == PostStatus.GONE:
            continue
        states.append(
            RowSyncStatus(
                None, None, entry.page_id, entry.scheduled_at, entry.post_id, "has no row"
            )
        )
    return states
