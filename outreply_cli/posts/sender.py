"""Posts sent and cancelled exactly once: intent before each request, outcome after it.

What an earlier run left open is settled first: a request that may have arrived is repeated with
its key while the server remembers it (reference: Idempotency, 24 hours), and looked for after that.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from outreply_cli.api.client import Client, post_time
from outreply_cli.api.errors import NotFoundError
from outreply_cli.api.retry import is_definitive
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import FILES_FIELD, EntryState, JournalEntry, JournalEntryDraft
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_LIFETIME

# Our clock and the server's may disagree about when 24 hours are over.
_KEY_SAFELY_REMEMBERED = IDEMPOTENCY_KEY_LIFETIME - timedelta(hours=2)
_PUBLISHED_WITHIN = timedelta(hours=26)


def idempotency_key(
    account: str, calendar: str, row: str, fingerprint: str, generation: int
) -> str:
    """The key of one post of one row: the same over runs, another one once the row is edited."""
    text = "\n".join((account, calendar, row, fingerprint, str(generation)))
    return f"outreply-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"


@dataclass(frozen=True)
class SendResult:
    """How one entry ended.

    Attributes:
        entry: As it stands in the journal now.
        error: What went wrong; None when nothing did.
    """

    entry: JournalEntry
    error: OutReplyError | None = None


class Sender:
    """Carries entries out; safe to share between threads.

    Args:
        client: The account's client.
        journal: Where intents and outcomes are written.
        before_step: Called with the name of each step before it is taken, such as
            `sent:journaled`; tests stop a run there.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        before_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._step = before_step

    def send(self, entry: JournalEntry) -> SendResult:
        """Schedule the post of `entry`, then cancel the one that it replaces.

        Raises:
            StorageError: The journal can't be written; nothing was sent that is not in it.
        """
        # An earlier run may have sent it already: a refusal now says nothing about that one.
        doubtful = entry.state == EntryState.SENT
        self._step("before sent")
        self._journal.mark_sent(entry, self._client.now())
        self._step("before request")
        try:
            post_id = self._make(entry)
        except OutReplyError as error:
            self._step("after refusal")
            return self._refused(entry, error, doubtful=doubtful)
        self._step("after request")
        return self._arrived(entry, post_id)

    def cancel(self, entry: JournalEntry) -> SendResult:
        """Cancel the post of `entry`; one that is out already stays `done` and is an error."""
        self._step("before cancelling")
        self._journal.mark_cancelling(entry)
        return self._finish_cancelling(self._journal.entry(entry.id))

    def reconcile(self, entry: JournalEntry) -> SendResult:
        """Find out how an entry ended whose outcome only the server knows."""
        if entry.state == EntryState.CANCELLING:
            return self._finish_cancelling(entry)
        if entry.state != EntryState.SENT or entry.sent_at is None:
            return SendResult(entry)
        if abs(self._client.now() - entry.sent_at) < _KEY_SAFELY_REMEMBERED:
            return self.send(entry)
        return self._look_for(entry)

    def find_existing(self, entry: JournalEntry) -> JournalEntry | None:
        """The entry as done, when the server has exactly its post already and nobody claims it."""
        found, _ = self._search(entry)
        return self._arrived(entry, found).entry if found is not None else None

    def _make(self, entry: JournalEntry) -> str:
        send = self._client.schedule if "scheduled_at" in entry.body else self._client.publish
        body = {name: value for name, value in entry.body.items() if name != FILES_FIELD}
        post = send(body, idempotency_key=entry.idempotency_key)
        return str(post.get("id") or post.get("post_id"))

    def _refused(self, entry: JournalEntry, error: OutReplyError, *, doubtful: bool) -> SendResult:
        verdict = is_definitive(error)
        if error.code == "IDEMPOTENCY_KEY_MISMATCH":
            error.hint = (
                "The API knows this row's key with another content, from another program or from "
                "a journal that was put back. See what stands: outreply posts list"
            )
        if error.maybe_applied or (doubtful and not verdict):
            return SendResult(self._journal.entry(entry.id), error)
        if verdict or error.code.endswith("_GUARDRAIL"):
            self._journal.mark_failed(entry, error.code, error.message)
        else:
            self._journal.mark_unsent(entry)
        self._step("after refused")
        return SendResult(self._journal.entry(entry.id), error)

    def _arrived(self, entry: JournalEntry, post_id: str) -> SendResult:
        self._journal.mark_done(entry, post_id)
        self._step("after done")
        if entry.replaces is None:
            return SendResult(self._journal.entry(entry.id))
        old = self._journal.entry(entry.replaces)
        if old.state != EntryState.CANCELLING:
            return SendResult(self._journal.entry(entry.id))
        cancelled = self._finish_cancelling(old)
        return SendResult(self._journal.entry(entry.id), cancelled.error)

    def _finish_cancelling(self, entry: JournalEntry) -> SendResult:
        if entry.post_id is None:
            self._journal.mark_cancelled(entry)
            return SendResult(self._journal.entry(entry.id))
        self._step("before delete")
        try:
            # Deterministic, so that a repeat after a lost answer is recognised.
            self._client.cancel(entry.post_id, idempotency_key=f"{entry.idempotency_key}-cancel")
        except NotFoundError as error:
            return self._missing(entry, entry.post_id, error)
        except OutReplyError as error:
            return SendResult(entry, error)
        self._step("after delete")
        self._journal.mark_cancelled(entry)
        self._step("after cancelled")
        return SendResult(self._journal.entry(entry.id))

    def _missing(self, entry: JournalEntry, post_id: str, error: NotFoundError) -> SendResult:
        try:
            published = self._client.find_published(
                post_id, since=entry.scheduled_at - _PUBLISHED_WITHIN
            )
        except OutReplyError as failure:
            return SendResult(entry, failure)
        if published is None:
            # Cancelled already: by an answer that was lost, or elsewhere.
            self._journal.mark_cancelled(entry)
            return SendResult(self._journal.entry(entry.id))
        self._journal.mark_published(entry)
        successor = self._journal.replacement_of(entry)
        if successor is not None and successor.state == EntryState.DONE:
            # The old post went out while the new one was made: one of them has to stay.
            self._step("before undo")
            self._journal.mark_cancelling(successor)
            self._finish_cancelling(self._journal.entry(successor.id))
        error.message = f"the post {post_id} was published before it could be cancelled"
        error.hint = "A post that is out can't be changed here; edit it on the platform."
        return SendResult(self._journal.entry(entry.id), error)

    def _look_for(self, entry: JournalEntry) -> SendResult:
        try:
            found, may_be_hidden = self._search(entry)
        except OutReplyError as error:
            return SendResult(entry, error)
        if found is not None:
            return self._arrived(entry, found)
        if may_be_hidden:
            return SendResult(entry, _undecided(entry))
        self._journal.mark_unsent(entry)
        return SendResult(self._journal.entry(entry.id))

    def _search(self, entry: JournalEntry) -> tuple[str | None, bool]:
        # The id of what `entry` asked for, if it is listed; and whether it may be there unlisted.
        claimed = self._journal.post_ids(entry.account)
        scheduled = self._client.scheduled_posts(page_id=entry.page_id)
        published = self._client.published_posts(
            page_id=entry.page_id, since=entry.scheduled_at - timedelta(minutes=1)
        )
        for post in (*scheduled.items, *published.items):
            if str(post.get("id")) not in claimed and matches_entry(post, entry):
                return str(post["id"]), False
        return None, scheduled.truncated or published.truncated


def matches_entry(post: dict[str, Any], entry: JournalEntry | JournalEntryDraft) -> bool:
    """Whether `post`, from either list, is what `entry` asked for: page, instant and text."""
    moment = post_time(post)
    if moment is None or post.get("page_id") != entry.page_id:
        return False
    late = moment - entry.scheduled_at
    on_time = late == timedelta(0) or (
        "published_at" in post and timedelta(0) <= late < _PUBLISHED_WITHIN
    )
    return on_time and (post.get("message") or None) == (entry.body.get("message") or None)


def _undecided(entry: JournalEntry) -> OutReplyError:
    error = OutReplyError(
        f"whether the post at {entry.scheduled_at:%Y-%m-%d %H:%M} UTC was sent can't be told: the "
        "server lists only 100 posts of the page",
        hint="It is held back so that it can't be posted twice; look in the dashboard.",
    )
    error.code = "OUTCOME_UNKNOWN"
    error.maybe_applied = True
    return error
