"""Sending and cancelling posts exactly once.

The journal records the intent before each request and the outcome after it. An entry that an
earlier run left open is reconciled first: a request that may have arrived is repeated with its key
while the server remembers it (reference: Idempotency, 24 hours), and its post searched after that.
"""

import hashlib
from collections.abc import Mapping
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

# The clocks of client and server may disagree about when 24 hours are over.
_KEY_SAFELY_REMEMBERED = IDEMPOTENCY_KEY_LIFETIME - timedelta(hours=2)
_PUBLISHED_WITHIN = timedelta(hours=26)


class OutcomeUnknownError(OutReplyError):
    """A post that may have been sent is not among the posts that the server lists."""

    code = "OUTCOME_UNKNOWN"


@dataclass(frozen=True)
class SendResult:
    """An entry as the journal has it now, and its error, if any."""

    entry: JournalEntry
    error: OutReplyError | None = None


class Sender:
    """Sends and cancels the posts of journal entries; safe to share between threads."""

    def __init__(self, client: Client, journal: Journal) -> None:
        self._client = client
        self._journal = journal

    def send(self, entry: JournalEntry) -> SendResult:
        """Schedule the post of `entry`, then cancel the one that it replaces.

        Raises:
            StorageError: The journal cannot be written; nothing was sent that is not in it.
        """
        # An earlier run may have sent it: an error now says nothing about that request.
        maybe_sent = entry.state == EntryState.SENT
        self._journal.mark_sent(entry, self._client.now())
        send = self._client.schedule if "scheduled_at" in entry.body else self._client.publish
        body = {name: value for name, value in entry.body.items() if name != FILES_FIELD}
        try:
            post = send(body, idempotency_key=entry.idempotency_key)
        except OutReplyError as error:
            return self._record_error(entry, error, maybe_sent=maybe_sent)
        return self._record_post(entry, str(post.get("id") or post.get("post_id")))

    def cancel(self, entry: JournalEntry) -> SendResult:
        """Cancel the post of `entry`; a published post is an error and leaves the entry `done`."""
        self._journal.mark_cancelling(entry)
        return self._finish_cancelling(self._journal.entry(entry.id))

    def reconcile(self, entry: JournalEntry) -> SendResult:
        """Settle an entry whose outcome only the server knows."""
        if entry.state == EntryState.CANCELLING:
            return self._finish_cancelling(entry)
        if entry.state != EntryState.SENT or entry.sent_at is None:
            return SendResult(entry)
        if abs(self._client.now() - entry.sent_at) < _KEY_SAFELY_REMEMBERED:
            return self.send(entry)
        try:
            post_id, truncated = self._search(entry)
        except OutReplyError as error:
            return SendResult(entry, error)
        if post_id is not None:
            return self._record_post(entry, post_id)
        if truncated:
            return SendResult(
                entry,
                OutcomeUnknownError(
                    f"cannot determine whether the post at {entry.scheduled_at:%Y-%m-%d %H:%M} UTC "
                    "was sent: the server lists only 100 posts of the page",
                    hint="The post is not sent again, to avoid a duplicate. Check the dashboard.",
                    maybe_applied=True,
                ),
            )
        self._journal.mark_unsent(entry)
        return SendResult(self._journal.entry(entry.id))

    def find_existing(self, entry: JournalEntry) -> JournalEntry | None:
        """Return `entry` as done if the server has its post and no other entry claims it."""
        post_id, _ = self._search(entry)
        return self._record_post(entry, post_id).entry if post_id is not None else None

    def _record_error(
        self, entry: JournalEntry, error: OutReplyError, *, maybe_sent: bool
    ) -> SendResult:
        if error.code == "IDEMPOTENCY_KEY_MISMATCH":
            error = error.replace(
                hint="The API knows this row's key with other content, sent by another program or "
                "before the journal was restored. See: outreply posts list"
            )
        definitive = is_definitive(error)
        if error.maybe_applied or (maybe_sent and not definitive):
            return SendResult(self._journal.entry(entry.id), error)
        if definitive or error.code.endswith("_GUARDRAIL"):
            self._journal.mark_failed(entry, error.code, error.message)
        else:
            self._journal.mark_unsent(entry)
        return SendResult(self._journal.entry(entry.id), error)

    def _record_post(self, entry: JournalEntry, post_id: str) -> SendResult:
        self._journal.mark_done(entry, post_id)
        error = None
        if entry.replaces is not None:
            old = self._journal.entry(entry.replaces)
            if old.state == EntryState.CANCELLING:
                error = self._finish_cancelling(old).error
        return SendResult(self._journal.entry(entry.id), error)

    def _finish_cancelling(self, entry: JournalEntry) -> SendResult:
        if entry.post_id is not None:
            try:
                # A deterministic key: the server recognizes a repeat after a lost response.
                self._client.cancel(
                    entry.post_id, idempotency_key=f"{entry.idempotency_key}-cancel"
                )
            except NotFoundError as error:
                return self._handle_missing_post(entry, entry.post_id, error)
            except OutReplyError as error:
                return SendResult(entry, error)
        self._journal.mark_cancelled(entry)
        return SendResult(self._journal.entry(entry.id))

    def _handle_missing_post(
        self, entry: JournalEntry, post_id: str, error: NotFoundError
    ) -> SendResult:
        try:
            published = self._client.find_published(
                post_id, since=entry.scheduled_at - _PUBLISHED_WITHIN
            )
        except OutReplyError as failure:
            return SendResult(entry, failure)
        if published is None:
            # Cancelled already: elsewhere, or by a request whose response was lost.
            self._journal.mark_cancelled(entry)
            return SendResult(self._journal.entry(entry.id))
        self._journal.mark_published(entry)
        successor = self._journal.get_replacement(entry)
        if successor is not None and successor.state == EntryState.DONE:
            # The old post was published while the new one was created: keep one of them.
            self._journal.mark_cancelling(successor)
            self._finish_cancelling(self._journal.entry(successor.id))
        return SendResult(
            self._journal.entry(entry.id),
            error.replace(
                message=f"post {post_id} was published before it could be cancelled",
                hint="A published post cannot be changed here; edit it on the platform.",
            ),
        )

    def _search(self, entry: JournalEntry) -> tuple[str | None, bool]:
        """Return the ID of the entry's post, if it is listed, and whether lists are truncated."""
        claimed = self._journal.post_ids(entry.account)
        scheduled = self._client.scheduled_posts(page_id=entry.page_id)
        published = self._client.published_posts(
            page_id=entry.page_id, since=entry.scheduled_at - timedelta(minutes=1)
        )
        for post in (*scheduled.items, *published.items):
            if str(post.get("id")) not in claimed and matches_entry(post, entry):
                return str(post["id"]), False
        return None, scheduled.truncated or published.truncated


def idempotency_key(
    account: str, calendar: str, row: str, fingerprint: str, generation: int
) -> str:
    """Return the key of one post of a row: equal in every run, different once the row changes."""
    text = "\n".join((account, calendar, row, fingerprint, str(generation)))
    return f"outreply-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"


def matches_entry(post: Mapping[str, Any], entry: JournalEntryDraft) -> bool:
    """Return whether `post`, from either list, has the page, time and text of `entry`."""
    at = post_time(post)
    if at is None or post.get("page_id") != entry.page_id:
        return False
    delay = at - entry.scheduled_at
    on_time = delay == timedelta(0) or (
        "published_at" in post and timedelta(0) <= delay < _PUBLISHED_WITHIN
    )
    return on_time and (post.get("message") or None) == (entry.body.get("message") or None)
