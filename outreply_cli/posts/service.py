"""Posts of one account: scheduled, published, cancelled and moved exactly once."""

import shlex
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from outreply_cli.api.client import Client, Resource, find_post, post_time
from outreply_cli.api.errors import LimitExceededError, NotFoundError, PermissionDeniedError
from outreply_cli.api.request_builders import ApiRequest, cancel_post, create_post
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal, SlotTakenError
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.journal.models import (
    CHANGES_CALENDAR,
    FILES_FIELD,
    EntryState,
    JournalEntry,
    JournalEntryDraft,
    RowHistory,
)
from outreply_cli.journal.store import Store
from outreply_cli.media.files import MediaFile
from outreply_cli.media.uploader import Uploader
from outreply_cli.posts.content import PostContent, content_from_api, fingerprint
from outreply_cli.posts.edits import EditablePost, validate_edit_time, without_empty
from outreply_cli.posts.sender import (
    AGENT_KEY_PREFIX,
    KEY_CALENDAR_PREFIX,
    OutcomeUnknownError,
    PostLostError,
    Sender,
    SendResult,
    cancel_key,
    entry_request,
    find_created_post,
    idempotency_key,
    is_claimed,
    is_same_time,
    key_used_error,
)
from outreply_cli.posts.slot_finder import SLOT_KEY_PREFIX, SlotFinder
from outreply_cli.posts.slots import no_free_slot_error, no_slots_error
from outreply_cli.spec.limits import MIN_PAGE_GAP
from outreply_cli.spec.platforms import long_name
from outreply_cli.spec.text import normalize_text
from outreply_cli.timestamps import format_timestamp, timestamp_or_none
from outreply_cli.ui.progress import UploadProgress

_LOCK_SECONDS = 30.0
_CANCEL_LOCK_SECONDS = 5.0
# States of an entry whose post replaces a cancelled one.
_REPLACING = (EntryState.PLANNED, EntryState.SENT, EntryState.DONE)
# Number of slots after which a command gives up because other commands keep taking them.
_MAX_CLAIMS = 20
_CANCELLED_FIELDS = ("page_id", "scheduled_at", "message")


@dataclass(frozen=True)
class _KeyedPost:
    """The post with a `--key` on one page, and what the journal knows of it."""

    account: str
    calendar: str
    history: RowHistory
    body: dict[str, Any]

    def draft(self, at: datetime) -> JournalEntryDraft:
        """Return the draft of its entry with a time (UTC)."""
        return _make_draft(
            self.account, self.calendar, row=self.history.row,
            generation=self.history.next_generation, scheduled_at=at, body=self.body,
            # Other content with the same key is not a second post.
            key_digest="",
        )  # fmt: skip

    def draft_at_slot(self, at: datetime) -> JournalEntryDraft:
        """Return the draft of its entry at a slot."""
        return replace(self, body={**self.body, "scheduled_at": format_timestamp(at)}).draft(at)


@dataclass(frozen=True)
class PostResult:
    """The post created on a page, or its error.

    `existed` means that an earlier command had created the post.
    """

    page: Resource
    post: Resource | None = None
    existed: bool = False
    error: OutReplyError | None = None


class PostChangedError(OutReplyError):
    """A post was changed after it was read."""

    code = "POST_CHANGED"


class PostService:
    """Operations on single posts of one account; `note` and `warn` print notes and warnings."""

    def __init__(
        self,
        client: Client,
        store: Store,
        note: Callable[[str], None],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._note = note
        self._warn = warn or note
        self._recovered: dict[str | None, JournalEntry] = {}

    def post(
        self,
        page: Resource,
        content: PostContent,
        *,
        scheduled_at: datetime | None,
        dedupe_key: str | None,
        fetch_slots: Callable[[Journal], SlotFinder] | None = None,
        failed_at: datetime | None = None,
    ) -> PostResult:
        """Schedule a post (time in UTC), or publish it now without `scheduled_at`.

        With `fetch_slots`, which returns the slots as they are now, a post without a time is
        scheduled at the next free slot of its page, claimed before anything is sent. A post with
        the same `dedupe_key` is created only once, and keeps its slot. One that has failed before,
        at `failed_at`, is not sent if another machine may have sent it again.
        """
        body = content.body(str(page["id"]), scheduled_at)
        key = dedupe_key
        if scheduled_at is not None:
            fetch_slots = None
        elif fetch_slots is not None and key is None:
            key = f"{SLOT_KEY_PREFIX.removeprefix(KEY_CALENDAR_PREFIX)}{uuid.uuid4().hex[:12]}"
        try:
            if key is not None:
                if failed_at is not None:
                    self._check_not_retried(body, key, failed_at)
                return self._post_with_key(page, body, key, scheduled_at, fetch_slots)
            draft = _make_draft(
                "", "", row="", generation=1,
                scheduled_at=scheduled_at or self._client.earliest_now(), body=body,
            )  # fmt: skip
            find = partial(self._find_lost, draft)
            if scheduled_at is not None:
                return self._schedule(page, body, find, scheduled_at)
            return PostResult(page, _normalize(self._client.publish(body, find=find).post, page))
        except OutReplyError as error:
            if error.maybe_applied and not isinstance(error, OutcomeUnknownError):
                return PostResult(page, error=_explain_unknown_outcome(error, dedupe_key))
            return PostResult(page, error=error)

    def _check_not_retried(self, body: Mapping[str, Any], key: str, failed_at: datetime) -> None:
        """Raise OutcomeUnknownError if a post with the same text came after a failed one.

        Only a search shows what another machine, or one that lost its journal, has sent again.
        """
        page_id, text = str(body["page_id"]), normalize_text(body.get("message"))
        with self._open_journal() as journal:
            if not text or _find_history(
                journal, self._account, KEY_CALENDAR_PREFIX + key, page_id
            ):
                return
            claimed = journal.post_ids(self._account)
        published = self._client.published_posts(page_id=page_id, since=failed_at)
        for post in [*published.items, *self._client.scheduled_posts(page_id=page_id).items]:
            # One that is older than the failure is another post with the same text.
            created_at = timestamp_or_none(post.get("created_at"))
            is_older = created_at is not None and created_at < failed_at
            if (
                normalize_text(post.get("message")) == text
                and not is_claimed(post, claimed)
                and not is_older
            ):
                at = post_time(post)
                words = ["outreply", "posts", "publish", "--page", page_id]
                if "scheduled_at" in body:
                    words[2:] = ["schedule", "--page", page_id, "--at", str(body["scheduled_at"])]
                words += PostContent.from_body(body).to_flags()
                raise OutcomeUnknownError(
                    f"post {post.get('id')}{f' at {format_timestamp(at)}' if at else ''} has the "
                    "same text; the failed post may have been sent again already",
                    hint=f"Nothing was sent. To send it anyway, use: {shlex.join(words)}",
                )

    def _schedule(
        self,
        page: Resource,
        body: Mapping[str, Any],
        find: Callable[[], Resource | None],
        scheduled_at: datetime,
    ) -> PostResult:
        try:
            created = self._client.schedule(body, find=find, not_after=scheduled_at)
        except LimitExceededError as error:
            existing = None
            if error.code == "PAGE_PUBLISH_GUARDRAIL":
                with suppress(OutReplyError):
                    existing = find()
            if existing is None or not _has_extras(existing, body):
                raise
            # The command is repeated: this very post is the one that is too near.
            return PostResult(page, existing, existed=True)
        return PostResult(page, created.post)

    def upload(
        self,
        content: PostContent,
        files: Sequence[MediaFile],
        *,
        keep: bool,
        progress: UploadProgress,
    ) -> tuple[PostContent, list[str]]:
        """Upload `files`, equal ones only once; return `content` with them and the new media IDs.

        Unless `keep` is set, new media are deleted if a later upload fails.
        """
        if not files:
            return content, []
        ids, new_ids = [], []
        with self._open_journal() as journal:
            uploader = Uploader(self._client, journal, self._account)
            try:
                for index, file in enumerate(files):
                    progress.start(index, file.path.name, file.size)
                    media = uploader.upload(
                        file, reuse=True, on_sent=partial(progress.update, index)
                    )
                    progress.finish(index)
                    ids.append(media.media_id)
                    if media.is_new:
                        new_ids.append(media.media_id)
            except OutReplyError:
                if not keep:
                    self.delete_uploads(new_ids)
                raise
        return content._replace(media_ids=(*content.media_ids, *ids)), new_ids

    def delete_uploads(self, media_ids: Sequence[str]) -> None:
        """Delete media uploaded for a post that was not created, unless another post uses them."""
        for media_id in media_ids:
            with suppress(OutReplyError):
                self._client.delete_media(media_id)

    def find_uploads(self, content: PostContent, files: Sequence[MediaFile]) -> PostContent:
        """Return `content` with the media IDs of `files`, all of which were uploaded before.

        Raises:
            InvalidInputError: A file was not uploaded yet.
        """
        ids = []
        for file in files:
            with self._open_journal() as journal:
                media_id = Uploader(self._client, journal, self._account).known_media_id(file)
            if media_id is None:
                raise InvalidInputError(
                    f"--print: {file.path} is not uploaded yet, and the request needs its ID",
                    hint=f"Run: outreply media upload {shlex.quote(str(file.path))}; then run this "
                    "command again.",
                )
            ids.append(media_id)
        return content._replace(media_ids=(*content.media_ids, *ids))

    def build_request(
        self,
        page: Resource,
        content: PostContent,
        *,
        scheduled_at: datetime | None,
        dedupe_key: str | None,
    ) -> ApiRequest:
        """Return the request that `post` would send, or has sent, with the same arguments."""
        body = content.body(str(page["id"]), scheduled_at)
        if dedupe_key is None:
            return create_post(body)
        calendar, row = KEY_CALENDAR_PREFIX + dedupe_key, str(page["id"])
        history = RowHistory(row, None, 1)
        if self._store.exists:
            with self._open_journal() as journal:
                history = _find_history(journal, self._account, calendar, row) or history
        if history.active is not None:
            self._note("A post with this --key already exists; this is its request.")
            return entry_request(history.active)
        post = _KeyedPost(self._account, calendar, history, body)
        return entry_request(post.draft(scheduled_at or self._client.now()))

    def build_edit(self, post: EditablePost, body: Mapping[str, Any]) -> list[ApiRequest]:
        """Return the requests that `edit` would send."""
        old = post.entry or self._draft_unknown(post.post_id, post.scheduled_at, post.body)
        with self._open_journal() as journal:
            new = _draft_replacement(journal, old, body, post.scheduled_at)
        return [self._build_cancel(post.post_id), entry_request(new)]

    def build_move(self, post_id: str, new_time: datetime) -> list[ApiRequest]:
        """Return the requests that `reschedule` would send.

        Raises:
            InvalidInputError: The move is shorter than the minimum gap between posts of a page, or
                the post may have TikTok settings that are not known.
            NotFoundError: The post is not (or no longer) scheduled.
        """
        with self._open_journal() as journal:
            post = self._read_for_edit(*self._read_settled(journal, post_id))
            _check_move(post, new_time)
            old = post.entry or self._draft_unknown(post_id, post.scheduled_at, post.body)
            new = _draft_replacement(journal, old, post.body, new_time)
        return [entry_request(new), self._build_cancel(post_id)]

    def _build_cancel(self, post_id: str) -> ApiRequest:
        return cancel_post(post_id, cancel_key(self._account, post_id))

    def _draft_unknown(
        self, post_id: str, scheduled_at: datetime, body: Mapping[str, Any]
    ) -> JournalEntryDraft:
        """Return the draft of the entry of a post that the journal does not know."""
        return _make_draft(
            self._account, CHANGES_CALENDAR, row=f"{body['page_id']}/{post_id}", generation=1,
            scheduled_at=scheduled_at, body=dict(body),
        )  # fmt: skip

    def cancel(self, post_id: str) -> Resource:
        """Cancel a scheduled post and return what is known of it: page, time and message.

        Raises:
            NotFoundError: The post is not (or no longer) scheduled, or was replaced.
            PostChangedError: The post is cancelled, and a command that is running will replace it.
        """
        recovered = self._recovered.get(post_id)
        if (
            recovered is not None
            and recovered.state == EntryState.CANCELLED
            and self._find_successor(post_id) is None
        ):
            return _select(recovered.body)
        try:
            with self.name_successor_if_missing(post_id):
                post: Resource = self._client.scheduled_post(post_id)
        except NotFoundError:
            raise
        except OutReplyError:
            # Reading the post needs another scope; the result is only used in the message.
            post = {}
        facts = _select(post)
        if not self._store.exists:
            return self._cancel_unknown(post_id, facts)
        with self._open_journal() as journal:
            if not self._find_account(journal):
                return self._cancel_unknown(post_id, facts)
            try:
                with self._lock_post(journal, post_id, _CANCEL_LOCK_SECONDS) as entry:
                    return self._cancel(journal, entry, post_id, facts)
            except CalendarBusyError:
                # A calendar run can hold the lock for an hour, too long for a cancellation to wait.
                entry = journal.by_post_id(self._account, post_id)
                cancelled = self._cancel(journal, entry, post_id, facts)
            new = journal.get_replacement(entry) if entry is not None else None
            if new is not None and new.state in _REPLACING:
                raise PostChangedError(
                    f"post {post_id} is cancelled, but another command is about to replace it",
                    hint="Once that has finished, look for the new post: outreply posts list",
                )
            return cancelled

    def _cancel(
        self, journal: Journal, entry: JournalEntry | None, post_id: str, facts: Resource
    ) -> Resource:
        if entry is None or entry.state != EntryState.DONE:
            return self._cancel_unknown(post_id, facts)
        result = Sender(self._client, journal).cancel(entry)
        if result.error is not None:
            raise result.error
        return {**_select(entry.body), **facts}

    def _cancel_unknown(self, post_id: str, facts: Resource) -> Resource:
        self._client.cancel(post_id, find=partial(self._find_cancelled, post_id))
        return facts

    def _find_cancelled(self, post_id: str) -> Resource | None:
        """Return an empty object if a post is neither scheduled nor published."""
        try:
            self._client.scheduled_post(post_id)
        except NotFoundError:
            published = self._client.published_posts()
            is_known = published.truncated or find_post(post_id, published.items) is not None
            return None if is_known else {}
        return None

    def reschedule(self, post_id: str, new_time: datetime) -> PostResult:
        """Move a scheduled post: create the new one, then cancel the old one.

        If the process dies in between, the next command that writes finishes the move. Repeating a
        move returns its post.

        Raises:
            InvalidInputError: The move is shorter than the minimum gap between posts of a page, or
                the post may have TikTok settings that are not known.
            NotFoundError: The post is not (or no longer) scheduled.
        """
        self.recover_pending([post_id])
        with (
            self._open_journal() as journal,
            self._lock_post(journal, post_id, _LOCK_SECONDS) as entry,
        ):
            if entry is not None and entry.state == EntryState.CANCELLED:
                # The command is repeated: its response was lost, it was killed, or another machine
                # has done the same.
                new = journal.get_replacement(entry)
                if new and (new.state, new.scheduled_at) == (EntryState.DONE, new_time):
                    return PostResult({"id": new.page_id}, self._fetch_post(new))
            with self.name_successor_if_missing(post_id):
                return self._move(journal, post_id, new_time)

    @contextmanager
    def _lock_post(
        self, journal: Journal, post_id: str, wait: float
    ) -> Iterator[JournalEntry | None]:
        """Hold the lock of the calendar that a post is in; the entry is read under it.

        Raises:
            CalendarBusyError: Another process held the lock for longer than `wait` seconds.
        """
        while True:
            entry = journal.by_post_id(self._account, post_id)
            calendar = entry.calendar if entry is not None else CHANGES_CALENDAR
            with journal.lock(self._account, calendar, wait=wait):
                entry = journal.by_post_id(self._account, post_id)
                # Another command may have moved it to another calendar in the meantime.
                if calendar == (entry.calendar if entry is not None else CHANGES_CALENDAR):
                    yield entry
                    return

    def read_for_edit(self, posts: Sequence[Resource]) -> list[EditablePost]:
        """Return scheduled posts with their whole content; those of the API lack parts of it.

        Raises:
            InvalidInputError: A post has failed.
            OutReplyError: A post has no valid time, or its media cannot be read.
        """
        if not self._store.exists:
            return [self._read_for_edit(post, None) for post in posts]
        with self._open_journal() as journal:
            return [
                self._read_for_edit(post, journal.by_post_id(self._account, str(post["id"])))
                for post in posts
            ]

    def read_failed(self, post: Resource) -> PostContent:
        """Return the whole content of a failed post, to send it again.

        Raises:
            InvalidInputError: The post may have TikTok settings that are not known.
        """
        entry = None
        if self._store.exists:
            with closing(self._store.open(allow_readonly=True)) as journal:
                entry = journal.by_post_id(self._account, str(post["id"]))
        body, has_unknown_settings = self._read_body(post, entry)
        if has_unknown_settings:
            raise _settings_error(
                str(post["id"]), "Send it as a new post: outreply posts publish --tiktok JSON"
            )
        return PostContent.from_body(body)

    def find_replaced(self, post_id: str) -> tuple[EditablePost, str, dict[str, Any]] | None:
        """Return a post that was replaced, and the ID and the request body of its replacement."""
        if not self._store.exists:
            return None
        with self._open_journal() as journal:
            old = journal.by_post_id(self._account, post_id)
            new = journal.get_replacement(old) if old is not None else None
        if old is None or old.state != EntryState.CANCELLED or new is None or not new.post_id:
            return None
        body = without_empty(old.body)
        post = EditablePost(post_id, old.page_id, "", old.scheduled_at, body, old)
        return post, new.post_id, without_empty(new.body)

    @contextmanager
    def name_successor_if_missing(self, post_id: str) -> Iterator[None]:
        """Add the ID of the post that replaced `post_id` to a NotFoundError of the block."""
        try:
            yield
        except NotFoundError as error:
            new_id = None
            with suppress(OutReplyError):
                new_id = self._find_successor(post_id)
            if new_id is None:
                raise
            hint = f"It was replaced by post {new_id}; see: outreply posts show {new_id}"
            raise error.replace(hint=hint) from None

    def _find_successor(self, post_id: str) -> str | None:
        """Return the ID of the post that has replaced a post and is not cancelled itself."""
        if not self._store.exists:
            return None
        with closing(self._store.open(allow_readonly=True)) as journal:
            entry = journal.by_post_id(self._account, post_id)
            while entry is not None and entry.state == EntryState.CANCELLED:
                entry = journal.get_replacement(entry)
        return entry.post_id if entry is not None and entry.post_id != post_id else None

    def find_earlier_content(self, entry: JournalEntry | None) -> dict[str, Any] | None:
        """Return the body of a post before its last edit; None if the journal does not know it."""
        if entry is None:
            return None
        with self._open_journal() as journal:
            earlier = entry
            while earlier.replaces is not None:
                earlier = journal.entry(earlier.replaces)
                if _without_time(earlier.body) != _without_time(entry.body):
                    at = {"page_id": entry.page_id, "scheduled_at": entry.body["scheduled_at"]}
                    return without_empty({**earlier.body, **at})
        return None

    def find_calendar_path(self, post_id: str) -> str | None:
        """Return the path of the calendar file that a post comes from, if any."""
        if not self._store.exists:
            return None
        with self._open_journal() as journal:
            entry = journal.by_post_id(self._account, post_id)
            if entry is None:
                return None
            return journal.calendars(self._account).get(entry.calendar) or None

    def edit(self, post: EditablePost, body: Mapping[str, Any]) -> str:
        """Replace a scheduled post with one at the same time: cancel it, then create the new one.

        If the process dies in between, the next command that writes finishes the edit. If the API
        refuses the new post, the old one is scheduled again.

        Args:
            post: The post as it was read.
            body: Request body of the new post.

        Returns:
            The ID of the new post.

        Raises:
            InvalidInputError: The post is due too soon.
            NotFoundError: The post is not (or no longer) scheduled.
            PostChangedError: The post differs from `post`.
            PostLostError: The post is cancelled, and the API refuses both versions.
        """
        calendar = post.entry.calendar if post.entry is not None else CHANGES_CALENDAR
        with (
            self._open_journal() as journal,
            journal.lock(self._account, calendar, wait=_LOCK_SECONDS),
        ):
            current = self._read_for_edit(*self._read_settled(journal, post.post_id))
            is_same_calendar = current.entry is None or current.entry.calendar == calendar
            if current.body != post.body or not is_same_calendar:
                raise PostChangedError(
                    f"post {post.post_id} was changed in the meantime; it was not edited",
                    hint="Run the command again.",
                )
            problem = validate_edit_time(post.scheduled_at, self._client.now())
            if problem is not None:
                raise InvalidInputError(f"post {post.post_id}: {problem}")
            old = self._record_current(journal, current)
            (new,) = journal.record_planned(
                [_draft_replacement(journal, old, body, current.scheduled_at)]
            )
            result = Sender(self._client, journal).replace(new)
            if result.error is None:
                return str(result.entry.post_id)
            if result.entry.state == EntryState.SENT:
                raise result.error.replace(
                    message=f"post {post.post_id} may have been cancelled, and its new version is "
                    f"not scheduled yet: {result.error.message}",
                    hint="Run the command again to finish the edit. See: outreply store status",
                    maybe_applied=True,
                )
            raise result.error

    def recover_pending(self, changed: Sequence[str] = ()) -> None:
        """Finish what earlier commands of this account left open when they were killed.

        `changed` are the IDs, as the user wrote them, of posts that this command changes: an
        unfinished change of one of them is settled but not sent.
        """
        if not self._store.exists:
            return
        with self._open_journal() as journal:
            if not journal.has_unsettled:
                return
            for entry in journal.list_unsettled(self._account):
                if entry.calendar.startswith(f"{KEY_CALENDAR_PREFIX}{AGENT_KEY_PREFIX}"):
                    # Only the plan may send it again: the user may have rejected that.
                    continue
                try:
                    with journal.lock(self._account, entry.calendar, wait=0):
                        sender = Sender(self._client, journal)
                        is_changed = _replaces_any(journal, entry, changed)
                        result = sender.reconcile(entry) if is_changed else sender.finish(entry)
                except CalendarBusyError:
                    continue
                if isinstance(result.error, PostLostError):
                    self._warn(result.error.text)
                elif result.error is not None:
                    self._warn(
                        f"An earlier command ({entry.calendar}) is unfinished: "
                        f"{result.error.message}"
                    )
                elif result.entry.state in {EntryState.DONE, EntryState.CANCELLED}:
                    self._recovered[result.entry.post_id] = result.entry
                    is_sent = result.entry.state == EntryState.DONE
                    self._note(
                        f"Finished an earlier command ({entry.calendar}): its post "
                        f"{result.entry.post_id} is {'sent' if is_sent else 'cancelled'}."
                    )
                elif result.entry.is_unsent:
                    self._note(f"The post of an earlier command ({entry.calendar}) was not sent.")

    def _find_lost(self, draft: JournalEntryDraft) -> Resource | None:
        """Return the post of a request whose response was lost."""
        claimed: set[str] = set()
        if self._store.exists:
            with self._open_journal() as journal:
                claimed = journal.post_ids(self._account)
        post_id, _ = find_created_post(self._client, draft, claimed)
        return None if post_id is None else self._client.get_post(post_id)

    def _move(self, journal: Journal, post_id: str, new_time: datetime) -> PostResult:
        # Read under the lock: another command may have moved the post in the meantime.
        post, entry = self._read_settled(journal, post_id)
        current = self._read_for_edit(post, entry)
        if new_time == current.scheduled_at:
            return PostResult({"id": current.page_id}, post, existed=True)
        _check_move(current, new_time)
        old = self._record_current(journal, current)
        (new,) = journal.record_planned([_draft_replacement(journal, old, current.body, new_time)])
        result = Sender(self._client, journal).send(new)
        if result.error is None:
            return PostResult({"id": new.page_id}, self._fetch_post(result.entry, is_new=True))
        if result.entry.state == EntryState.DONE:
            raise result.error.replace(
                message=f"post {result.entry.post_id} is scheduled, but post {post_id} is not "
                f"cancelled yet: {result.error.message}",
                hint="Run the command again to finish.",
                maybe_applied=True,
            )
        raise result.error

    def _read_settled(self, journal: Journal, post_id: str) -> tuple[Resource, JournalEntry | None]:
        """Read a scheduled post and its entry, under the lock of its calendar.

        Raises:
            NotFoundError: The post is not (or no longer) scheduled.
            OutcomeUnknownError: An earlier change of the post is not settled.
            PostChangedError: Another command is changing it.
        """
        entry = journal.by_post_id(self._account, post_id)
        if entry is not None and entry.state == EntryState.CANCELLING:
            raise _earlier_change_error(entry)
        post = self._client.scheduled_post(post_id)
        if entry is not None and entry.state != EntryState.DONE:
            raise PostChangedError("another command is changing this post", hint="Try again.")
        return post, entry

    def _record_current(self, journal: Journal, post: EditablePost) -> JournalEntry:
        """Return the entry of a post, with the content and the time that the server has."""
        body = dict(post.body)
        if post.entry is None:
            draft = self._draft_unknown(post.post_id, post.scheduled_at, body)
            return journal.adopt(draft, post.post_id)
        if without_empty(post.entry.body) == body:
            return post.entry
        # It was edited elsewhere.
        return journal.record_content(post.entry, body, _fingerprint(body), post.scheduled_at)

    def _read_for_edit(self, post: Resource, entry: JournalEntry | None) -> EditablePost:
        post_id, page_id, scheduled_at = str(post["id"]), str(post["page_id"]), _get_time(post)
        if post.get("status") == "failed":
            raise InvalidInputError(
                f"post {post_id} has failed; only scheduled posts can be changed",
                hint=f"To send it again, use: outreply posts retry {post_id}",
            )
        body, has_unknown_settings = self._read_body(post, entry, scheduled_at)
        if entry is not None:
            if is_same_time(scheduled_at, entry.scheduled_at):
                scheduled_at = entry.scheduled_at
            else:
                body["scheduled_at"] = format_timestamp(scheduled_at)
        return EditablePost(
            post_id=post_id,
            page_id=page_id,
            platform=str(post.get("platform") or ""),
            scheduled_at=scheduled_at,
            body=body,
            entry=entry,
            has_unknown_settings=has_unknown_settings,
        )

    def _read_body(
        self, post: Resource, entry: JournalEntry | None, scheduled_at: datetime | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Return the body that creates a post, and whether TikTok settings may be missing."""
        if entry is None:
            content, _ = content_from_api(post, self._client.attached_media)
            body = content.body(str(post["page_id"]), scheduled_at)
        else:
            body = self._merge_edited_elsewhere(entry.body, post)
        # The journal knows the settings of the posts that it sent.
        is_known = entry is not None and entry.sent_at is not None
        has_settings = "tiktok_settings" in {*post, *body}
        return body, post.get("platform") == "tiktok" and not (has_settings or is_known)

    def _merge_edited_elsewhere(self, body: Mapping[str, Any], post: Resource) -> dict[str, Any]:
        """Return the body of the journal, with what the API shows to be different.

        A server may change white space, and does not return all fields.
        """
        merged = dict(body)
        for name in ("message", "first_comment"):
            if name in post and normalize_text(post[name]) != normalize_text(body.get(name)):
                merged[name] = post[name]
        for name in ("link", "tiktok_settings"):
            if post.get(name):
                merged[name] = post[name]
        content = self._find_other_media(body, post)
        if content is not None:
            merged |= {"media_ids": list(content.media_ids), "media_urls": list(content.media_urls)}
            merged.pop(FILES_FIELD, None)
        return without_empty(merged)

    def _find_other_media(self, body: Mapping[str, Any], post: Resource) -> PostContent | None:
        """Return the content of a post if its media are certainly not those of `body`."""
        media, known = post.get("media"), PostContent.from_body(body)
        if not isinstance(media, list):
            return None
        sources = [str(item.get("src")) for item in media if isinstance(item, dict)]
        if sources == known.media:
            # All media are URLs, and the same ones.
            return None
        has_same_number = len(media) == len(known.media)
        uploads: Sequence[Mapping[str, Any]] = ()
        try:
            uploads = self._client.media().items
        except (PermissionDeniedError, NotFoundError):
            if has_same_number:
                return None
        used = [
            item
            for item in uploads
            if any(str(item.get("filename") or item["media_id"]) in src for src in sources)
        ]
        content, _ = content_from_api(post, lambda _: used)
        if has_same_number and set(content.media) == set(known.media):
            return None
        # The server may not name uploads in their addresses.
        is_attached = any(
            item["media_id"] in known.media_ids and item.get("scheduled_post_id") == post["id"]
            for item in uploads
            if item not in used
        )
        is_unclear = is_attached and not {*content.media_urls} <= {*known.media_urls}
        return None if has_same_number and is_unclear else content

    def _post_with_key(
        self,
        page: Resource,
        body: dict[str, Any],
        key: str,
        scheduled_at: datetime | None,
        fetch_slots: Callable[[Journal], SlotFinder] | None,
    ) -> PostResult:
        """Send the post of a key, at its time or at the next free slot."""
        calendar, row = KEY_CALENDAR_PREFIX + key, str(page["id"])
        with (
            self._open_journal() as journal,
            journal.lock(self._account, calendar, wait=_LOCK_SECONDS),
        ):
            sender = Sender(self._client, journal)
            for entry in journal.list_unsettled(self._account, calendar):
                outcome = sender.reconcile(entry)
                if outcome.error is not None and (outcome.entry.state, entry.row) == (
                    EntryState.SENT,
                    row,
                ):
                    raise outcome.error
            history = _find_history(journal, self._account, calendar, row)
            if history is not None and history.active is not None:
                self._check_exists(sender, history.active)
                return self._reuse_post(page, history.active, body)
            post = _KeyedPost(self._account, calendar, history or RowHistory(row, None, 1), body)
            if fetch_slots is None:
                draft = post.draft(scheduled_at or self._client.earliest_now())
                (entry,) = journal.record_planned([draft])
            else:
                entry = self._claim_next_slot(page, fetch_slots, journal, post)
            if entry.state == EntryState.DONE:
                return self._reuse_post(page, entry, body)
            # Only its key distinguishes a publish from an earlier one with the same text.
            is_findable = history is None and "scheduled_at" in entry.body
            if is_findable and (existing := sender.find_existing(entry)) is not None:
                return self._reuse_post(page, existing, body)
            result = self._send(page, fetch_slots, journal, post, entry)
            if result.error is None:
                return PostResult(page, self._fetch_post(result.entry, is_new=True))
            if result.entry.state == EntryState.PLANNED and calendar.startswith(SLOT_KEY_PREFIX):
                # No later command has this key, and nothing was sent.
                journal.mark_failed(result.entry, result.error.code, result.error.message)
            if result.error.code == "IDEMPOTENCY_KEY_MISMATCH":
                raise result.error.replace(
                    message=f"a post with --key {key!r} already exists with different content",
                    hint="Nothing was posted. See: outreply posts list; "
                    "for a different post, use a different --key.",
                )
            raise result.error

    def _send(
        self,
        page: Resource,
        fetch_slots: Callable[[Journal], SlotFinder] | None,
        journal: Journal,
        post: _KeyedPost,
        entry: JournalEntry,
    ) -> SendResult:
        """Send a post, at a later slot if the API refuses its own: lists may lack other posts."""
        sender, refused = Sender(self._client, journal), list[datetime]()
        result = sender.send(entry)
        while (
            fetch_slots is not None
            and result.error is not None
            and result.error.code == "PAGE_PUBLISH_GUARDRAIL"
            # Another slot helps against the gap between two posts, not against a cap.
            and timedelta(seconds=getattr(result.error, "retry_after_seconds", None) or 0)
            <= MIN_PAGE_GAP
            and result.entry.state == EntryState.FAILED
            and len(refused) < _MAX_CLAIMS
        ):
            refused.append(result.entry.scheduled_at)
            history = _find_history(journal, post.account, post.calendar, post.history.row)
            post = replace(post, history=history or post.history)
            entry = self._claim_next_slot(page, fetch_slots, journal, post, refused)
            result = sender.send(entry)
        return result

    def _claim_next_slot(
        self,
        page: Resource,
        fetch_slots: Callable[[Journal], SlotFinder],
        journal: Journal,
        post: _KeyedPost,
        refused: Sequence[datetime] = (),
    ) -> JournalEntry:
        """Claim the next free slot; the post of a key that the journal lost is adopted."""
        for _ in range(_MAX_CLAIMS):
            finder = fetch_slots(journal)
            if not post.calendar.startswith(SLOT_KEY_PREFIX):
                existing = finder.find_identical(post.body, journal.owned_post_ids(post.account))
                if existing is not None:
                    scheduled_at, post_id = existing
                    return journal.adopt(post.draft_at_slot(scheduled_at), post_id)
            slots = finder.free_slots(page)
            if slots is None:
                raise no_slots_error(page)
            for time in refused:
                slots.add(time)
            at = finder.take_own_slot(post.history, slots, post.calendar) or slots.take_next_free()
            if at is None:
                raise no_free_slot_error(page)
            with suppress(SlotTakenError):
                (entry,) = journal.record_planned([post.draft_at_slot(at)], claim=True)
                return entry
        raise SlotTakenError(
            "other commands take slots faster than this one",
            hint="Nothing was sent. Run the same command again.",
        )

    @staticmethod
    def _check_exists(sender: Sender, entry: JournalEntry) -> None:
        """Raise KeyUsedError if the post of a key was cancelled by another program."""
        exists = True
        with suppress(OutReplyError):
            exists = entry.state != EntryState.DONE or sender.exists(entry, str(entry.post_id))
        if not exists:
            raise key_used_error(str(entry.post_id))

    def _reuse_post(self, page: Resource, entry: JournalEntry, body: dict[str, Any]) -> PostResult:
        if entry.state != EntryState.DONE:
            raise OutcomeUnknownError(
                "the outcome of an earlier request with this --key is unknown",
                hint="Run the same command again later. See: outreply store status",
            )
        if _without_time(entry.body) != _without_time(body):
            self._note(
                "A post with this --key already exists with different content; the existing post "
                "is left unchanged."
            )
        post = self._fetch_post(entry)
        at, wanted = post_time(post), timestamp_or_none(body.get("scheduled_at"))
        if at and wanted and post.get("status") == "scheduled" and not is_same_time(at, wanted):
            self._note(
                f"Post {entry.post_id} is scheduled for {format_timestamp(at)}, not for the "
                f"requested time. To move it: outreply posts reschedule {entry.post_id} --at TIME"
            )
        return PostResult(page, post, existed=True)

    def _fetch_post(self, entry: JournalEntry, *, is_new: bool = False) -> Resource:
        """Return a post that exists; what the journal knows of it if it cannot be read."""
        try:
            return self._client.get_post(str(entry.post_id))
        except OutReplyError:
            status = "unknown"
            if is_new:
                status = "scheduled" if "scheduled_at" in entry.body else "published"
            return {"id": entry.post_id, "status": status, **entry_request(entry).body}

    @cached_property
    def _account(self) -> str:
        return account_fingerprint(self._client)

    def _find_account(self, journal: Journal) -> bool:
        """Set `_account`, from the journal if no read is left; return whether it is known."""
        try:
            return bool(self._account)
        except LimitExceededError:
            account = journal.account_for_token(self._client.transport.token_digest)
            if account is not None:
                self._account = account
            return account is not None

    def _open_journal(self) -> AbstractContextManager[Journal]:
        return closing(self._store.open())


def _replaces_any(journal: Journal, entry: JournalEntry, words: Sequence[str]) -> bool:
    """Return whether an entry replaces a post whose ID starts with one of `words`."""
    if entry.replaces is None or not words:
        return False
    return str(journal.entry(entry.replaces).post_id).startswith(tuple(words))


def _make_draft(
    account: str,
    calendar: str,
    *,
    row: str,
    generation: int,
    scheduled_at: datetime,
    body: dict[str, Any],
    replaces: int | None = None,
    key_digest: str | None = None,
) -> JournalEntryDraft:
    digest = _fingerprint(body)
    key_digest = digest if key_digest is None else key_digest
    return JournalEntryDraft(
        account=account,
        calendar=calendar,
        row=row,
        generation=generation,
        page_id=str(body["page_id"]),
        scheduled_at=scheduled_at,
        body=body,
        fingerprint=digest,
        idempotency_key=idempotency_key(account, calendar, row, key_digest, generation),
        replaces=replaces,
    )


def _fingerprint(body: Mapping[str, Any]) -> str:
    """Return the fingerprint as calendars have it: of the files instead of their uploads."""
    uploads = len(body.get(FILES_FIELD) or ())
    media_ids = list(body.get("media_ids") or ())
    own = media_ids[: len(media_ids) - uploads]
    return fingerprint(
        {name: value for name, value in body.items() if name != "media_ids"}
        | ({"media_ids": own} if own else {})
    )


def _draft_replacement(
    journal: Journal, old: JournalEntryDraft, body: Mapping[str, Any], scheduled_at: datetime
) -> JournalEntryDraft:
    """Return the draft of the post that replaces that of `old`, which may have no entry yet."""
    entry = old if isinstance(old, JournalEntry) else None
    return _make_draft(
        old.account, old.calendar, row=old.row,
        generation=_next_generation(journal, entry) if entry else old.generation + 1,
        scheduled_at=scheduled_at, replaces=entry.id if entry else None,
        body={**body, "scheduled_at": format_timestamp(scheduled_at)},
    )  # fmt: skip


def _find_history(journal: Journal, account: str, calendar: str, row: str) -> RowHistory | None:
    histories = journal.rows(account, calendar)
    return next((history for history in histories if history.row == row), None)


def _next_generation(journal: Journal, entry: JournalEntry) -> int:
    """Return the generation of the post that replaces that of `entry`.

    Raises:
        OutcomeUnknownError: Another post may replace it already.
    """
    history = _find_history(journal, entry.account, entry.calendar, entry.row)
    assert history is not None
    if history.active is not None and history.active.id != entry.id:
        raise _earlier_change_error(entry)
    return history.next_generation


def _earlier_change_error(entry: JournalEntry) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"the outcome of an earlier change of post {entry.post_id} is unknown",
        hint="Run the command again later. See: outreply store status",
    )


def _check_move(post: EditablePost, new_time: datetime) -> None:
    if abs(new_time - post.scheduled_at) < MIN_PAGE_GAP:
        raise InvalidInputError(
            "the new time is less than 60 seconds from the old one, and the API requires 60 s "
            "between two posts of a page",
            hint="The new post is created before the old one is cancelled. "
            "Move the post by at least 60 seconds.",
        )
    if post.has_unknown_settings:
        raise _settings_error(
            post.post_id,
            f"Set them first: outreply posts edit {post.post_id} --tiktok JSON; or cancel the post "
            "and schedule it again.",
        )


def _settings_error(post_id: str, hint: str) -> InvalidInputError:
    return InvalidInputError(
        f"post {post_id}: its TikTok settings would be lost, because the API does not return them; "
        "nothing was sent",
        hint=hint,
    )


def _normalize(post: Resource, page: Resource) -> Resource:
    # The response to /posts/publish has other fields than the lists of posts.
    return {
        "id": post.get("id") or post.get("post_id"),
        "page_id": page.get("id"),
        **post,
        "platform": long_name(str(post.get("platform") or "")),
    }


def _get_time(post: Resource) -> datetime:
    scheduled_at = post_time(post)
    if scheduled_at is None:
        raise OutReplyError(f"post {post['id']} has no valid time")
    return scheduled_at


def _select(post: Resource) -> dict[str, Any]:
    return {name: post[name] for name in _CANCELLED_FIELDS if post.get(name)}


def _without_time(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "scheduled_at"}


def _has_extras(post: Resource, body: Mapping[str, Any]) -> bool:
    """Return whether a post has as many media as `body`, and its first comment."""
    media = [*(body.get("media_ids") or ()), *(body.get("media_urls") or ())]
    comments = (normalize_text(item.get("first_comment")) for item in (post, body))
    return len(post.get("media") or ()) == len(media) and len({*comments}) == 1


def _explain_unknown_outcome(error: OutReplyError, dedupe_key: str | None) -> OutReplyError:
    return error.replace(
        message=f"{error.message.rstrip('.')}; the post may have been created anyway",
        hint="Run the same command again: it finds that post and does not create a second one."
        if dedupe_key is not None
        else "Check whether it exists before you run it again: outreply posts list --all. A --key "
        "added now does not prevent a second post.",
    )
