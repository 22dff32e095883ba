"""The entries of the journal."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from outreply_cli.api.resend import Attempts

# The digests of a body's files; never sent.
FILES_FIELD = "media_files"
# The calendar of posts that were edited or rescheduled, and that no row or key had before.
CHANGES_CALENDAR = "posts edit or reschedule"


class EntryState(StrEnum):
    """State of a journal entry; see `Journal`."""

    PLANNED = "planned"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class JournalEntryDraft:
    """One post of one row, before it is in the journal.

    Attributes:
        account: Account key; a digest of the API's address and the user ID.
        calendar: ID of the calendar, or name of the command.
        row: Name of the row, equal in every run.
        generation: Number of the post among the row's posts, from 1.
        body: Request body.
        fingerprint: Digest of `body`.
        replaces: ID of the entry whose post is cancelled once this one's is created.
    """

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


@dataclass(frozen=True, kw_only=True)
class JournalEntry(JournalEntryDraft):
    """One post of one row.

    Attributes:
        sent_at: Time of its first request, by the server's clock.
        attempted_at: Time of its last request, by the server's clock.
        token: Digest of the token of its first request.
    """

    id: int
    state: EntryState
    sent_at: datetime | None = None
    attempted_at: datetime | None = None
    token: str | None = None
    post_id: str | None = None
    error_code: str | None = None
    error: str | None = None

    @property
    def is_unsent(self) -> bool:
        """Whether it is still to be sent: no request of it had an effect."""
        return self.state in {EntryState.PLANNED, EntryState.SENT} and self.attempts is None

    @property
    def attempts(self) -> Attempts | None:
        """The requests that may have been carried out."""
        if self.state != EntryState.SENT or self.sent_at is None:
            return None
        return Attempts(self.sent_at, self.attempted_at or self.sent_at, self.token or "")


# The states of an entry whose post exists, or may exist.
ACTIVE_STATES = frozenset({EntryState.DONE, EntryState.SENT, EntryState.CANCELLING})


class EventAction(StrEnum):
    """Kind of change to a post; `REFUSED` by the server, `ADOPTED` into the journal.

    The user of `APPROVED` is the name that was typed, without a host.
    """

    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    ADOPTED = "adopted"
    REFUSED = "refused"
    APPROVED = "approved"


class Origin(NamedTuple):
    """Origin of an event of the journal: a command of a user on a host."""

    host: str = ""
    user: str = ""
    command: str = ""


class Event(NamedTuple):
    """Change to a post, with its text; `row` is its row in the journal.

    Attributes:
        id: ID of the post, if it has one.
        error: Code of the error, if the server refused the post.
        user, host, command: See `Origin`.
    """

    at: datetime
    action: EventAction
    id: str | None
    page_id: str
    scheduled_at: datetime
    calendar: str
    row: str
    message: str | None
    error: str | None
    user: str
    host: str
    command: str


class Lease(NamedTuple):
    """A calendar or webhook target that a process of a team holds until `expires_at`.

    `holder` is the host and process.
    """

    calendar: str
    holder: str
    expires_at: datetime


class ComposedText(NamedTuple):
    """A text that a program has composed for a row of a calendar without one.

    Attributes:
        row: Name of the row.
        scheduled_at: Time of the row (UTC).
        content: Digest of the row's other content.
    """

    calendar: str
    row: str
    scheduled_at: datetime
    content: str
    text: str


@dataclass(frozen=True)
class StoredSchedule:
    """The slots of a page or brand as text, and the name of their time zone."""

    text: str
    timezone: str


@dataclass(frozen=True)
class SlotClaim:
    """A time of a page that a row of a calendar holds, or held until its post was cancelled.

    Attributes:
        is_claim: Whether it was claimed as a slot.
        entry_id: ID of the row's newest entry at the time, if it has one.
    """

    page_id: str
    scheduled_at: datetime
    calendar: str
    row: str
    is_claim: bool
    entry_id: int | None


@dataclass(frozen=True)
class RowHistory:
    """The state of one row after all runs.

    Attributes:
        active: The entry whose post exists, or may exist.
        next_generation: The generation of the row's next post.
        unsent: The newest entry, if its post was never created.
        cancelled: The newest entry, if its post was cancelled.
        post_ids: The IDs of all posts that the row has had.
    """

    row: str
    active: JournalEntry | None
    next_generation: int
    unsent: JournalEntry | None = None
    cancelled: JournalEntry | None = None
    post_ids: Collection[str] = ()

    @classmethod
    def from_entries(cls, entries: Sequence[JournalEntry]) -> "RowHistory":
        """Return the history of the row that has `entries`."""
        newest = max(entries, key=lambda entry: entry.generation)
        active = [entry for entry in entries if entry.state in ACTIVE_STATES]
        # A planned entry was not sent: the next post may use its key.
        is_used = newest.state != EntryState.PLANNED
        return cls(
            row=newest.row,
            active=max(active, key=lambda entry: entry.generation) if active else None,
            next_generation=newest.generation + is_used,
            unsent=newest if newest.state in {EntryState.PLANNED, EntryState.FAILED} else None,
            cancelled=newest if newest.state == EntryState.CANCELLED else None,
            post_ids=[entry.post_id for entry in entries if entry.post_id is not None],
        )
