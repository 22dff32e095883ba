"""Sending and cancelling posts, each at most once.

The journal records the intent before each request and the outcome after it. An entry that an
earlier run left open is reconciled first, by the rule of `api.resend`.
"""

import hashlib
import shlex
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from outreply_cli.api.client import Client, CreatedPost, ListResult, find_post, post_time
from outreply_cli.api.errors import ApiError, NotFoundError, PermissionDeniedError
from outreply_cli.api.request_builders import ApiRequest, create_post
from outreply_cli.api.resend import LIST_LAG, SearchResult, Step, next_step
from outreply_cli.api.retry import is_definitive
from outreply_cli.api.types import Post
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import (
    CHANGES_CALENDAR,
    FILES_FIELD,
    EntryState,
    JournalEntry,
    JournalEntryDraft,
)
from outreply_cli.posts.content import PostContent
from outreply_cli.spec.errors import is_guardrail
from outreply_cli.spec.text import normalize_text
from outreply_cli.timestamps import format_timestamp

_PUBLISHED_WITHIN = timedelta(hours=26)
# A server may store a time without fractions of a second.
_TIME_TOLERANCE = timedelta(seconds=1)
_SEARCH_LIFETIME = timedelta(minutes=15)
_MARK_LIFETIME = timedelta(seconds=10)
_MAX_REPLAYS = 20


class OutcomeUnknownError(OutReplyError):
    """A post that may have been sent is not among the posts that the server lists."""

    code = "OUTCOME_UNKNOWN"


class PostLostError(OutReplyError):
    """A post was cancelled to be replaced, and cannot be scheduled again."""

    code = "POST_LOST"


class KeyUsedError(OutReplyError):
    """The post of a key no longer exists."""

    code = "KEY_USED"


@dataclass(frozen=True)
class SendResult:
    """An entry as the journal has it now, and its error, if any."""

    entry: JournalEntry
    error: OutReplyError | None = None


class Sender:
    """Sends and cancels the posts of journal entries; safe to share between threads.

    Attributes:
        searched_at: Time of the search that showed which posts are missing, by the server's clock.
            Once it is old, because the run is long or the machine slept, pages are searched again.
    """

    def __init__(self, client: Client, journal: Journal) -> None:
        self.searched_at: datetime | None = None
        self._client = client
        self._journal = journal
        self._token = client.transport.token_digest
        self._lists: dict[str, tuple[datetime, list[Post]]] = {}
        # IDs of entries whose posts no longer exist.
        self._deleted: set[int] = set()

    def send(self, entry: JournalEntry) -> SendResult:
        """Schedule or publish the post of `entry`, then cancel the one that it replaces.

        Raises:
            StorageError: The journal cannot be written; nothing was sent that is not in it.
        """
        if entry.state == EntryState.SENT:
            return self.reconcile(entry)
        try:
            post_id = self._find_sent_elsewhere(entry)
        except OutReplyError as error:
            return SendResult(entry, error)
        if post_id is not None:
            return self._record_post(entry, post_id)
        return self._send_unsent(entry)

    def replace(self, entry: JournalEntry) -> SendResult:
        """Cancel the post that a planned `entry` replaces, then schedule the post of `entry`.

        The API refuses a second post of a page at the same time, so that `send` is not possible.
        If it refuses the new post, the old one is scheduled again. `reconcile` finishes what a
        crash interrupted.

        Raises:
            StorageError: The journal cannot be written.
        """
        result = self.start_replacing(entry)
        return result if result.error is not None else self.finish_replacing(entry)

    def start_replacing(self, entry: JournalEntry) -> SendResult:
        """Cancel the post that a planned `entry` replaces; `finish_replacing` has to follow.

        Raises:
            StorageError: The journal cannot be written.
        """
        self._journal.mark_replacing(entry)
        old = self._get_replaced(entry)
        error = self._delete(old)
        if error is not None and not error.maybe_applied:
            self._journal.mark_kept(old)
            self._journal.mark_unsent(entry)
        return SendResult(self._journal.entry(entry.id), error)

    def abandon_replacing(self, entry: JournalEntry) -> SendResult:
        """End `start_replacing` so that an unsent `entry` is only planned again.

        A replaced post that is still scheduled is kept. If `entry` restores the old post, the
        restore is finished.

        Raises:
            StorageError: The journal cannot be written.
        """
        old = self._get_replaced(entry)
        if old.fingerprint == entry.fingerprint:
            return self.finish_replacing(entry)
        try:
            is_kept = old.state == EntryState.CANCELLING and self._is_scheduled(old)
        except OutReplyError as failure:
            return SendResult(entry, failure)
        if is_kept:
            self._journal.mark_kept(old)
        elif old.state == EntryState.CANCELLING:
            error = self._finish_cancelling(old).error
            if error is not None and self._journal.entry(old.id).state == EntryState.CANCELLING:
                return SendResult(entry, error)
        self._journal.mark_unsent(entry)
        return SendResult(self._journal.entry(entry.id))

    def _is_scheduled(self, entry: JournalEntry) -> bool:
        if entry.post_id is None or entry.id in self._deleted:
            return False
        try:
            return self._client.scheduled_post(entry.post_id).get("status") == "scheduled"
        except NotFoundError:
            return False

    def cancel(self, entry: JournalEntry) -> SendResult:
        """Cancel the post of `entry`; a published post is an error and leaves the entry `done`."""
        self._journal.mark_cancelling(entry)
        return self._finish_cancelling(self._journal.entry(entry.id))

    def reconcile(self, entry: JournalEntry) -> SendResult:
        """Settle an entry whose outcome only the server knows."""
        # Settling another entry of the same row may have settled this one.
        entry = self._journal.entry(entry.id)
        if entry.state == EntryState.CANCELLING:
            return self._finish_cancelling(entry)
        if entry.state == EntryState.SENT and entry.replaces is not None:
            old = self._journal.entry(entry.replaces)
            if old.state == EntryState.CANCELLING or entry.attempts is None:
                return self.finish_replacing(entry)
        return self._settle(entry)

    def finish(self, entry: JournalEntry) -> SendResult:
        """Settle an entry, and send the post of one that replaces another if it was never sent.

        A new post is not sent: it may no longer be wanted.
        """
        result = self.reconcile(entry)
        if result.error is not None or result.entry.state != EntryState.PLANNED:
            return result
        try:
            # The old post may be published or cancelled by now.
            if entry.replaces is None or not self._is_scheduled(self._get_replaced(entry)):
                return result
        except OutReplyError:
            return result
        return self.send(result.entry)

    def _settle(self, entry: JournalEntry) -> SendResult:
        if entry.attempts is None:
            return SendResult(entry)
        at = self._client.now()
        reason = "the API's lists may be out of date"
        try:
            post_id, truncated = self._search(entry)
            if truncated:
                reason = "the server lists only 100 posts of the page"
        except PermissionDeniedError as error:
            # Without a search, only the key makes a repeat harmless.
            post_id, truncated, reason = None, True, error.message
        except OutReplyError as error:
            return SendResult(entry, error.replace(maybe_applied=True))
        search = SearchResult(is_found=post_id is not None, is_complete=not truncated, at=at)
        step = next_step(entry.attempts, search, now=self._client.now(), token=self._token)
        if step == Step.RECORD and post_id is not None:
            return self._record_post(entry, post_id)
        if step == Step.REPEAT:
            result = self._send(entry)
            return result if result.entry.state != EntryState.PLANNED else self.send(result.entry)
        if step == Step.SEND:
            self._journal.mark_unsent(entry)
            return SendResult(self._journal.entry(entry.id))
        return SendResult(entry, self._unknown_error(entry, reason))

    def _send_unsent(self, entry: JournalEntry) -> SendResult:
        for _ in range(_MAX_REPLAYS):
            result = self._send(entry)
            if result.error is not None or not result.entry.is_unsent:
                return result
            # The key belongs to a post that was cancelled since.
            entry = result.entry
        return result

    def _get_replaced(self, entry: JournalEntry) -> JournalEntry:
        assert entry.replaces is not None
        return self._journal.entry(entry.replaces)

    def finish_replacing(self, entry: JournalEntry) -> SendResult:
        """Schedule the post of an entry that replaces a post which is being cancelled.

        Raises:
            StorageError: The journal cannot be written.
        """
        entry = self._journal.entry(entry.id)
        old = self._get_replaced(entry)
        error = self._delete(old) if old.state == EntryState.CANCELLING else None
        old = self._journal.entry(old.id)
        if old.state == EntryState.DONE:
            # It was published, or the server did not cancel it.
            self._journal.mark_unsent(entry)
        if error is not None or old.state == EntryState.DONE:
            return SendResult(self._journal.entry(entry.id), error)
        result = SendResult(entry) if entry.is_unsent else self._settle(entry)
        if result.error is None and result.entry.is_unsent:
            result = self._send_unsent(result.entry)
        if result.entry.state == EntryState.FAILED and result.error is not None:
            return self._restore(old, result.entry, result.error)
        return result

    def _restore(self, old: JournalEntry, entry: JournalEntry, error: OutReplyError) -> SendResult:
        """Schedule the cancelled post of `old` again, after the API refused that of `entry`."""
        restored = self._journal.get_replacement(old)
        if restored is None or restored.id == entry.id:
            # The API has refused the old version as well.
            self._journal.mark_cancelled(old)
            words = ["outreply", "posts", "schedule", "--page", old.page_id, "--at"]
            words += [
                format_timestamp(old.scheduled_at),
                *PostContent.from_body(old.body).to_flags(),
            ]
            lost = PostLostError(
                f"post {old.post_id} is cancelled, and the API refuses to schedule it again: "
                f"{error.message}",
                hint=f"Schedule it again, at another time if necessary: {shlex.join(words)}",
            )
            return SendResult(entry, lost)
        result = self.finish_replacing(restored)
        if result.error is not None:
            return result
        return SendResult(
            result.entry,
            error.replace(
                message=f"{error.message.rstrip('.')}; the post was scheduled again unchanged, as "
                f"{result.entry.post_id}",
                details={**error.details, "id": result.entry.post_id},
            ),
        )

    def keep_old(self, entry: JournalEntry) -> None:
        """Record that the post of `entry` was not cancelled, and cancel the one that replaces it.

        If the cancellation fails, the replacement's entry remains `cancelling`.
        """
        successor = self._journal.get_replacement(entry)
        if successor is None or successor.state != EntryState.DONE:
            self._journal.mark_kept(entry)
            return
        # In this order, a crash in between leaves nothing that looks settled.
        self._journal.mark_cancelling(successor)
        self._journal.mark_kept(entry)
        self._finish_cancelling(self._journal.entry(successor.id))

    def find_existing(self, entry: JournalEntry) -> JournalEntry | None:
        """Return `entry` as done if the server has its post and no other entry claims it.

        It may have been edited or rescheduled by a command that did not know its key.
        """
        post_id, _ = self._search(entry)
        post_id = post_id or self._find_changed(entry)
        return self._record_post(entry, post_id).entry if post_id is not None else None

    def _find_changed(self, entry: JournalEntry) -> str | None:
        for found in self._journal.entries_at(entry.account, [(entry.page_id, entry.scheduled_at)]):
            current: JournalEntry | None = found
            if found.calendar == CHANGES_CALENDAR and _has_same_text(found.body, entry):
                while current is not None and current.state == EntryState.CANCELLED:
                    current = self._journal.get_replacement(current)
                if current is None or current.state != EntryState.DONE or not current.post_id:
                    continue
                newest = self._journal.by_post_id(entry.account, current.post_id)
                # Another key may have the post already.
                if newest is not None and newest.calendar == CHANGES_CALENDAR:
                    return current.post_id
        return None

    def _find_sent_elsewhere(self, entry: JournalEntry) -> str | None:
        """Return the ID of the entry's post if another machine sent it after an old search."""
        now = self._client.now()
        if self.searched_at is None or now - self.searched_at < _SEARCH_LIFETIME:
            return None
        listed_at, posts = self._lists.get(entry.page_id, (None, []))
        if listed_at is None or now - listed_at >= _SEARCH_LIFETIME:
            scheduled, published = _list_posts(self._client, entry)
            posts = [*scheduled.items, *published.items]
            self._lists[entry.page_id] = (now, posts)
        return _match(posts, entry, self._journal.post_ids(entry.account))

    def _send(self, entry: JournalEntry) -> SendResult:
        """Send the request of `entry`; plan it again if its key belongs to a cancelled post."""
        # An earlier run may have sent it: an error now says nothing about that request.
        maybe_sent = entry.attempts is not None
        now = self._client.now()
        self._journal.mark_sent(entry, now, self._token)
        try:
            created = self._request(entry, now)
            post_id = created.post["id"]
            if created.is_replay and not self.exists(entry, post_id):
                if entry.calendar.startswith(KEY_CALENDAR_PREFIX) and entry.replaces is None:
                    # The user's key names that one post, which another machine has cancelled.
                    self._journal.mark_done(entry, post_id)
                    return SendResult(self._journal.entry(entry.id), key_used_error(post_id))
                digest = hashlib.sha256(entry.idempotency_key.encode()).hexdigest()[:48]
                self._journal.mark_unsent(entry, f"outreply-{digest}")
                return SendResult(self._journal.entry(entry.id))
        except OutReplyError as error:
            return self._record_error(entry, error, maybe_sent=maybe_sent)
        return self._record_post(entry, post_id)

    def _request(self, entry: JournalEntry, marked_at: datetime) -> CreatedPost:
        last_marked_at = marked_at

        def mark(now: datetime) -> None:
            nonlocal last_marked_at
            self._journal.mark_sent(entry, now, self._token)
            last_marked_at = now

        def find() -> Post | None:
            post_id, _ = self._search(entry)
            if post_id is not None:
                return {"id": post_id}
            # About to be repeated.
            mark(self._client.now())
            return None

        def before_attempt() -> Post | None:
            now = self._client.now()
            if now - last_marked_at > _MARK_LIFETIME:
                # The request waited, or the machine slept.
                post_id = self._find_sent_elsewhere(entry)
                if post_id is not None:
                    return {"id": post_id}
                mark(now)
            return None

        request = entry_request(entry)
        options: dict[str, Any] = {
            "idempotency_key": request.idempotency_key,
            "find": find,
            "before_attempt": before_attempt,
        }
        if "scheduled_at" not in request.body:
            return self._client.publish(request.body, **options)
        return self._client.schedule(request.body, **options, not_after=entry.scheduled_at)

    def exists(self, entry: JournalEntry, post_id: str) -> bool:
        """Return whether the post created for `entry` still exists."""
        if "scheduled_at" not in entry.body:
            # A published post cannot be cancelled.
            return True
        try:
            self._client.scheduled_post(post_id)
        except NotFoundError:
            # A post that was due is published, perhaps not listed yet, or was removed since.
            return entry.scheduled_at <= self._client.now() + LIST_LAG
        return True

    def _record_error(
        self, entry: JournalEntry, error: OutReplyError, *, maybe_sent: bool
    ) -> SendResult:
        is_mismatch = error.code == "IDEMPOTENCY_KEY_MISMATCH"
        if is_mismatch:
            error = error.replace(
                hint="The API knows this row's key with different content, sent by another program "
                "or before the journal was restored. Run: outreply bulk reconcile FILE"
            )
        # An edit that was not sent before has a new key, so a 409 is not about an earlier request.
        is_conflict = isinstance(error, ApiError) and error.status == 409
        definitive = is_definitive(error) or (
            is_conflict
            and not maybe_sent
            and not error.maybe_applied
            and entry.replaces is not None
        )
        if error.maybe_applied or (maybe_sent and not definitive):
            return SendResult(self._journal.entry(entry.id), error.replace(maybe_applied=True))
        if is_guardrail(error.code):
            # Another machine may have sent the same row in the meantime.
            with suppress(OutReplyError):
                post_id, _ = self._search(entry)
                if post_id is not None:
                    return self._record_post(entry, post_id)
        # The next attempt must not get another key: the server has a post with this one.
        if (definitive and not is_mismatch) or is_guardrail(error.code):
            instead = self._draft_restored(entry)
            self._journal.mark_failed(entry, error.code, error.message, instead=instead)
        else:
            self._journal.mark_unsent(entry)
        return SendResult(self._journal.entry(entry.id), error)

    def _draft_restored(self, entry: JournalEntry) -> JournalEntryDraft | None:
        """Return the draft of the cancelled post that a refused `entry` replaces, if any."""
        if entry.replaces is None:
            return None
        old = self._journal.entry(entry.replaces)
        if old.state != EntryState.CANCELLING or old.body == entry.body:
            return None
        generation = entry.generation + 1
        draft = {field.name: getattr(old, field.name) for field in fields(JournalEntryDraft)}
        key = idempotency_key(old.account, old.calendar, old.row, old.fingerprint, generation)
        return JournalEntryDraft(
            **{**draft, "generation": generation, "idempotency_key": key, "replaces": old.id}
        )

    def _record_post(self, entry: JournalEntry, post_id: str) -> SendResult:
        self._journal.mark_done(entry, post_id)
        error = None
        if entry.replaces is not None:
            old = self._journal.entry(entry.replaces)
            if old.state == EntryState.CANCELLING:
                error = self._finish_cancelling(old).error
        return SendResult(self._journal.entry(entry.id), error)

    def _finish_cancelling(self, entry: JournalEntry) -> SendResult:
        error = self._delete(entry)
        if error is None:
            self._journal.mark_cancelled(entry)
        return SendResult(self._journal.entry(entry.id), error)

    def _delete(self, entry: JournalEntry) -> OutReplyError | None:
        """Cancel the post of `entry`, and return the error if it may still exist."""
        if entry.post_id is None or entry.id in self._deleted:
            return None
        self._journal.check_lease(entry.account, entry.calendar)
        try:
            # A deterministic key: the server recognizes a repeat after a lost response.
            self._client.cancel(
                entry.post_id, idempotency_key=cancel_key(entry.account, entry.post_id)
            )
        except NotFoundError as error:
            failure = self._check_missing_post(entry, entry.post_id, error)
            if failure is not None:
                return failure
        except OutReplyError as error:
            return error
        self._deleted.add(entry.id)
        return None

    def _check_missing_post(
        self, entry: JournalEntry, post_id: str, error: NotFoundError
    ) -> OutReplyError | None:
        """Return the error for a post that cannot be cancelled, unless it is cancelled already."""
        now = self._client.now()
        try:
            published = self._client.published_posts(
                page_id=entry.page_id, since=entry.scheduled_at - _PUBLISHED_WITHIN
            )
        except OutReplyError as failure:
            return failure
        if find_post(post_id, published.items) is None:
            may_be_published = entry.scheduled_at <= now + LIST_LAG
            if may_be_published and (published.truncated or now - entry.scheduled_at < LIST_LAG):
                reason = "the server may list it later"
                return self._unknown_error(entry, reason, "was cancelled or published")
            # Cancelled already: elsewhere, or by a request whose response was lost.
            return None
        # The old post was published while the new one was created: keep one of them.
        self.keep_old(entry)
        return error.replace(
            message=f"post {post_id} was published before it could be cancelled",
            hint="A published post cannot be changed here; edit it on the platform.",
        )

    def _search(self, entry: JournalEntry) -> tuple[str | None, bool]:
        return find_created_post(self._client, entry, self._journal.post_ids(entry.account))

    def _unknown_error(
        self, entry: JournalEntry, reason: str, what: str = "was sent"
    ) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"cannot determine whether the post at {entry.scheduled_at:%Y-%m-%d %H:%M} UTC "
            f"{what}: {reason}",
            hint="Nothing is sent, to avoid a duplicate. See: outreply store status",
            maybe_applied=True,
        )


def key_used_error(post_id: str) -> KeyUsedError:
    """Return the error for a key whose post was cancelled or moved by another program."""
    return KeyUsedError(
        f"post {post_id} was created with this key, and has since been cancelled or moved; nothing "
        "was sent",
        hint="See: outreply posts list. To post it again, use: outreply posts schedule with "
        "another --key",
    )


def entry_request(entry: JournalEntryDraft) -> ApiRequest:
    """Return the request that creates the post of an entry."""
    body = {name: value for name, value in entry.body.items() if name != FILES_FIELD}
    return create_post(body, entry.idempotency_key)


def cancel_key(account: str, post_id: str) -> str:
    """Return the idempotency key of the cancellation of a post."""
    digest = hashlib.sha256(f"{account}\n{post_id}".encode()).hexdigest()[:48]
    return f"outreply-cancel-{digest}"


def find_created_post(
    client: Client, draft: JournalEntryDraft, claimed: Collection[str]
) -> tuple[str | None, bool]:
    """Return the ID of the post of `draft`, if it is listed, and whether lists are truncated.

    `claimed` posts are those of other entries. Costs two reads.
    """
    scheduled, published = _list_posts(client, draft)
    post_id = _match([*scheduled.items, *published.items], draft, claimed)
    return post_id, post_id is None and (scheduled.truncated or published.truncated)


def _list_posts(
    client: Client, draft: JournalEntryDraft
) -> tuple[ListResult[Post], ListResult[Post]]:
    """Return the scheduled posts of a page, and those published since the time of `draft`."""
    published = client.published_posts(
        page_id=draft.page_id, since=draft.scheduled_at - timedelta(minutes=1)
    )
    return client.scheduled_posts(page_id=draft.page_id), published


def _match(posts: Iterable[Post], draft: JournalEntryDraft, claimed: Collection[str]) -> str | None:
    for post in posts:
        if not is_claimed(post, claimed) and matches_entry(post, draft):
            return str(post["id"])
    return None


def is_claimed(post: Post, claimed: Collection[str]) -> bool:
    """Return whether one of `claimed` IDs is that of `post`, OutReply's or the platform's.

    The API responds to a publish with the platform's ID only.
    """
    return post.get("id") in claimed or post.get("remote_id") in claimed


def idempotency_key(
    account: str, calendar: str, row: str, fingerprint: str, generation: int
) -> str:
    """Return the key of one post of a row: equal in every run, different once the row changes.

    The key of a row of an unnamed calendar is the same for the same row in every file, on every
    machine.
    """
    scope = calendar if calendar.startswith(("posts ", NAMED_CALENDAR_PREFIX)) else ""
    text = "\n".join((account, scope, row, fingerprint, str(generation)))
    return f"outreply-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"


# The IDs of calendars with a name, and of posts with a key, start with these.
NAMED_CALENDAR_PREFIX = "name:"
KEY_CALENDAR_PREFIX = "posts --key "
# The keys of posts that plans of agents make start with this.
AGENT_KEY_PREFIX = "mcp-"


def matches_entry(post: Mapping[str, Any], entry: JournalEntryDraft) -> bool:
    """Return whether `post`, from either list, has the page, time and text of `entry`."""
    at = post_time(post)
    if at is None or post.get("page_id") != entry.page_id:
        return False
    delay = at - entry.scheduled_at
    # A post that is published immediately has the time of its first request.
    earliest = timedelta(0) if "scheduled_at" in entry.body else -_TIME_TOLERANCE
    on_time = is_same_time(at, entry.scheduled_at) or (
        "published_at" in post and earliest <= delay < _PUBLISHED_WITHIN
    )
    return on_time and _has_same_text(post, entry)


def _has_same_text(post: Mapping[str, Any], entry: JournalEntryDraft) -> bool:
    return normalize_text(post.get("message")) == normalize_text(entry.body.get("message"))


def is_same_time(at: datetime, other: datetime) -> bool:
    """Return whether two times of a post are equal, apart from fractions of a second."""
    return abs(at - other) < _TIME_TOLERANCE
