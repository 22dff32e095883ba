"""A calendar file compared with the journal and the server: what is in step and what drifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.bulk.matching import Matched
from outreply_cli.bulk.remote_state import Standing
from outreply_cli.journal.models import Entry, EntryState


@dataclass(frozen=True)
class RowState:
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
    Standing.SCHEDULED: "in step",
    Standing.UNLISTED: "in step, as far as the list goes",
    Standing.PUBLISHED: "published",
    Standing.FAILED: "failed on the platform",
    Standing.GONE: "cancelled elsewhere",
    Standing.EDITED: "edited elsewhere",
    Standing.UNKNOWN: "not known; the next run settles it",
}


def row_states(
    matched: Sequence[Matched], gone: Sequence[Entry], standing: dict[int, Standing]
) -> list[RowState]:
    """Where every row of a file stands, and every post that has no row any more."""
    states = []
    for one in matched:
        target, live = one.target, one.live
        state = "new" if live is None else _WORDS[standing[live.id]]
        if live is not None and live.fingerprint != one.digest:
            if standing[live.id] in {Standing.SCHEDULED, Standing.UNLISTED, Standing.EDITED}:
                state = "edited in the file"
            elif standing[live.id] == Standing.PUBLISHED:
                state = "published, and edited in the file since"
        states.append(
            RowState(
                line=target.row.line,
                key=target.row.key,
                page_id=target.page_id,
                scheduled_at=target.instant,
                post_id=live.post_id if live else None,
                state=state,
            )
        )
    for entry in gone:
        if entry.state == EntryState.DONE and standing[entry.id] == Standing.GONE:
            continue
        states.append(
            RowState(None, None, entry.page_id, entry.scheduled_at, entry.post_id, "has no row")
        )
    return states
