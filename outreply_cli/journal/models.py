"""The entries of the journal: one post of one row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

# Where a body names files by their digests; never sent.
FILES_FIELD = "media_files"


class EntryState(StrEnum):
    """Where an entry is in its life."""

    PLANNED = "planned"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class JournalEntry:
    """One post of one row.

    Attributes:
        account: Whose post it is: a digest of the API's address and the user.
        calendar: The file's path, or the command that the post belongs to.
        row: What the row is called over runs.
        generation: Counts the row's posts, from 1.
        body: The request, as it is sent.
        fingerprint: A digest of `body`.
        sent_at: When it was first sent, in UTC.
        post_id: The server's id, once it answered.
        replaces: The entry whose post goes when this one's has come.
    """

    id: int
    account: str
    calendar: str
    row: str
    generation: int
    page_id: str
    scheduled_at: datetime
    body: dict[str, Any]
    fingerprint: str
    idempotency_key: str
    state: EntryState
    sent_at: datetime | None
    post_id: str | None
    replaces: int | None
    error_code: str | None
    error: str | None


@dataclass(frozen=True)
class JournalEntryDraft:
    """An entry that is about to be planned; see Entry."""

    account: str
    calendar: str
    row: str
    generation: int
    page_id: str
    scheduled_at: datetime
    body: dict[str, Any]
    fingerprint: str
    idempotency_key: str
    replaces: int | None = None


@dataclass(frozen=True)
class RowHistory:
    """What became of one row over all runs.

    Attributes:
        row: What the row is called.
        active: The entry whose post stands, or may stand; None when no post does.
        revision: Of the row's next post.
    """

    row: str
    active: JournalEntry | None
    revision: int

    @classmethod
    def of(cls, entries: Sequence[JournalEntry]) -> "RowHistory":
        """The history that `entries`, all of one row, make up."""
        newest = max(entries, key=lambda entry: entry.generation)
        standing = (EntryState.DONE, EntryState.SENT, EntryState.CANCELLING)
        live = [entry for entry in entries if entry.state in standing]
        # What was planned and not sent may still be sent under its own key.
        used = newest.state != EntryState.PLANNED
        return cls(
            row=newest.row,
            active=max(live, key=lambda entry: entry.generation) if live else None,
            revision=newest.generation + used,
        )
