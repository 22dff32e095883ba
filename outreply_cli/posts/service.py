"""One-off posts of one account: scheduled, published, cancelled and moved, exactly once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import ApiError, NotFoundError
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.journal.locks import CalendarBusyError, calendar_lock
from outreply_cli.journal.models import EntryState, JournalEntry, JournalEntryDraft, RowHistory
from outreply_cli.media.files import MediaFile
from outreply_cli.media.progress import UploadProgress
from outreply_cli.media.uploader import Uploader
from outreply_cli.posts.content import PostContent, content_from_api, fingerprint
from outreply_cli.posts.sender import Sender, SendResult, idempotency_key
from outreply_cli.spec.limits import PAGE_MIN_GAP
from outreply_cli.timestamps import format_timestamp

_LOCK_SECONDS = 30.0
_OCCASION = "posts --key "
_RESCHEDULE = "posts reschedule"


@dataclass(frozen=True)
class PostResult:
    """How one post of a command went.

    Attributes:
        page: The page it is for.
        post: The API's object, where there is one.
        existed: Whether an earlier command had made it.
        error: Why there is none.
    """

    page: Resource
    post: Resource | None = None
    existed: bool = False
    error: OutReplyError | None = None


class PostService:
    """The one-off commands of one account.

    Args:
        client: Speaks for the account.
        state_dir: Where the journal and locks are.
        note: Told what was found unfinished and finished.
    """

    def __init__(self, client: Client, state_dir: Path, note: Callable[[str], None]) -> None:
        self._client = client
        self._state_dir = state_dir
        self._note = note

    def post(
        self,
        pages: Sequence[Resource],
        content: PostContent,
        *,
        scheduled_at: datetime | None,
        occasion: str | None,
    ) -> Iterator[PostResult]:
        """Make one post on each page: scheduled, or published at once without `scheduled_at`.

        Args:
            pages: From the API.
            content: Checked already.
            scheduled_at: In UTC.
            occasion: What `--key` names; the same one again is the same post.
        """
        self.recover_pending()
        for page in pages:
            body = content.body(str(page["id"]), scheduled_at)
            try:
                if occasion is None:
                    yield PostResult(page, self._send_once(body))
                else:
                    yield self._post_for_occasion(page, body, occasion, scheduled_at)
            except OutReplyError as error:
                if error.maybe_applied:
                    _tell_doubt(error, occasion)
                yield PostResult(page, error=error)

    def upload(
        self,
        content: PostContent,
        files: Sequence[MediaFile],
        *,
        keep: bool,
        progress: UploadProgress,
    ) -> tuple[PostContent, list[str]]:
        """`content` with `files` as uploaded media; each content is uploaded once.

        Args:
            content: What the post holds besides.
            files: To upload.
            keep: Whether those that were uploaded stay when a later one can't be.
            progress: Told how it goes on.

        Returns:
            The content, and the ids of those media that were not there before.
        """
        if not files:
            return content, []
        ids, new = [], []
        with self._journal() as journal:
            uploader = Uploader(self._client, journal, account_fingerprint(self._client))
            try:
                for place, file in enumerate(files):
                    progress.start(place, file.path.name, file.size)
                    stored = uploader.store(
                        file, reuse=True, on_sent=partial(progress.update, place)
                    )
                    progress.finish(place)
                    ids.append(stored.media_id)
                    new += [stored.media_id] if stored.is_new else []
            except OutReplyError:
                if not keep:
                    self.delete_uploads(new)
                raise
        return content._replace(media_ids=(*content.media_ids, *ids)), new

    def delete_uploads(self, media_ids: Sequence[str]) -> None:
        """Delete what was uploaded for a post that was not made; what a post has stays."""
        for media_id in media_ids:
            with suppress(OutReplyError):
                self._client.delete_media(media_id)

    def cancel(self, post_id: str) -> None:
        """Cancel a scheduled post; raises NotFoundError when it is not scheduled (any more)."""
        if self._journal_path.exists():
            with self._journal() as journal:
                entry = journal.by_post_id(account_fingerprint(self._client), post_id)
                if entry is not None and entry.state == EntryState.DONE:
                    self._client.scheduled_post(post_id)
                    outcome = self._sender(journal).cancel(entry)
                    if outcome.error is not None:
                        raise outcome.error
                    return
        self._client.cancel(post_id)

    def reschedule(self, post_id: str, moment: datetime) -> PostResult:
        """Move a scheduled post: the new one is made first, then the old one cancelled.

        What a killed run leaves open is finished by the next command that writes.

        Raises:
            InvalidInputError: It is moved by less than the API wants between two posts of a page.
            NotFoundError: It is not scheduled (any more).
        """
        self.recover_pending()
        account = account_fingerprint(self._client)
        with self._journal() as journal:
            known = journal.by_post_id(account, post_id)
            with self._lock(account, known.calendar if known is not None else _RESCHEDULE):
                return self._move(journal, account, post_id, moment)

    def _move(self, journal: Journal, account: str, post_id: str, moment: datetime) -> PostResult:
        # Read under the lock: while it was waited for, another command may have moved the post.
        post = self._client.scheduled_post(post_id)
        old = journal.by_post_id(account, post_id)
        if old is None:
            old = journal.adopt(self._entry_for(account, post), post_id)
        if old.state != EntryState.DONE:
            raise OutReplyError("another command is changing this post", hint="Try again.")
        if moment == old.scheduled_at:
            return PostResult({"id": old.page_id}, post, existed=True)
        if abs(moment - old.scheduled_at) < PAGE_MIN_GAP:
            raise InvalidInputError(
                "it moves by less than 60 seconds, and the API wants 60 s between two posts of a "
                "page",
                hint="The new post is made before the old one goes: move it by a minute.",
            )
        (new,) = journal.record_planned([_moved(old, moment, journal)])
        outcome = self._sender(journal).send(new)
        if outcome.error is not None:
            raise outcome.error
        return PostResult({"id": new.page_id}, self._shown(outcome.entry))

    def recover_pending(self) -> None:
        """Finish what commands of this account left open when they were killed."""
        if not self._journal_path.exists():
            return
        with self._journal() as journal:
            if not journal.has_unsettled:
                return
            account = account_fingerprint(self._client)
            for entry in journal.unsettled(account):
                try:
                    with calendar_lock(self._state_dir, account, entry.calendar, wait=0):
                        outcome = self._sender(journal).reconcile(journal.entry(entry.id))
                except CalendarBusyError:
                    continue
                self._note(_leftover_note(outcome))

    def _entry_for(self, account: str, post: Resource) -> JournalEntryDraft:
        page_id, post_id = str(post["page_id"]), str(post["id"])
        moment = post_time(post)
        if moment is None:
            raise OutReplyError(f"the post {post_id} has no time that can be read")
        content, doubt = content_from_api(post, self._client.post_media)
        if doubt:
            self._note(doubt)
        body = content.body(page_id, moment)
        digest = fingerprint(body)
        row = f"{page_id}/{post_id}"
        return JournalEntryDraft(
            account=account,
            calendar=_RESCHEDULE,
            row=row,
            generation=1,
            page_id=page_id,
            scheduled_at=moment,
            body=body,
            fingerprint=digest,
            idempotency_key=idempotency_key(account, _RESCHEDULE, row, digest, 1),
        )

    def _send_once(self, body: dict[str, Any]) -> Resource:
        if "scheduled_at" in body:
            return self._client.schedule(body)
        return self._client.publish(body)

    def _post_for_occasion(
        self, page: Resource, body: dict[str, Any], occasion: str, scheduled_at: datetime | None
    ) -> PostResult:
        account, calendar, row = (
            account_fingerprint(self._client),
            _OCCASION + occasion,
            str(page["id"]),
        )
        with self._lock(account, calendar), self._journal() as journal:
            sender = self._sender(journal)
            for entry in journal.unsettled(account, calendar):
                sender.reconcile(entry)
            histories = [h for h in journal.rows(account, calendar) if h.row == row]
            history = histories[0] if histories else RowHistory(row, None, 1)
            if history.active is not None:
                return self._found(page, history.active, body)
            new = JournalEntryDraft(
                account=account,
                calendar=calendar,
                row=row,
                generation=history.revision,
                page_id=row,
                scheduled_at=scheduled_at or self._client.now(),
                body=body,
                fingerprint=fingerprint(body),
                # Of the occasion alone: another text for the same occasion is no second post.
                idempotency_key=idempotency_key(account, calendar, row, "", history.revision),
            )
            (entry,) = journal.record_planned([new])
            if not histories and (there := sender.find_existing(entry)) is not None:
                return self._found(page, there, body)
            outcome = sender.send(entry)
            if outcome.error is not None:
                raise _explained(outcome.error, occasion)
            return PostResult(page, self._shown(outcome.entry))

    def _found(self, page: Resource, entry: JournalEntry, body: dict[str, Any]) -> PostResult:
        if entry.state != EntryState.DONE:
            raise OutReplyError(
                "whether this occasion's post was made is not known yet", hint="Try again later."
            )
        if _words(entry.body) != _words(body):
            self._note("This key has its post already, with other content; it is left as it is.")
        return PostResult(page, self._shown(entry), existed=True)

    def _shown(self, entry: JournalEntry) -> Resource:
        try:
            return self._client.post(str(entry.post_id))
        except NotFoundError:
            return {"id": entry.post_id, "status": "gone", **entry.body}

    @property
    def _journal_path(self) -> Path:
        return self._state_dir / JOURNAL_FILE

    @contextmanager
    def _journal(self) -> Iterator[Journal]:
        journal = Journal(self._journal_path)
        try:
            yield journal
        finally:
            journal.close()

    def _sender(self, journal: Journal) -> Sender:
        return Sender(self._client, journal)

    def _lock(self, account: str, calendar: str) -> AbstractContextManager[None]:
        return calendar_lock(self._state_dir, account, calendar, wait=_LOCK_SECONDS)


def _moved(old: JournalEntry, moment: datetime, journal: Journal) -> JournalEntryDraft:
    body = {**old.body, "scheduled_at": format_timestamp(moment)}
    digest = fingerprint(body)
    history = next(h for h in journal.rows(old.account, old.calendar) if h.row == old.row)
    return JournalEntryDraft(
        account=old.account,
        calendar=old.calendar,
        row=old.row,
        generation=history.revision,
        page_id=old.page_id,
        scheduled_at=moment,
        body=body,
        fingerprint=digest,
        idempotency_key=idempotency_key(
            old.account, old.calendar, old.row, digest, history.revision
        ),
        replaces=old.id,
    )


def _words(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "scheduled_at"}


def _tell_doubt(error: OutReplyError, occasion: str | None) -> None:
    error.message = f"{error.message.rstrip('.')}; the post may have been made all the same"
    if occasion is None:
        error.hint = (
            "Look before you run it again: outreply posts list --all; with --key a post is made "
            "once however often it is run."
        )
    else:
        error.hint = "Run the same again: it finds that post, and makes no second one."


def _explained(error: OutReplyError, occasion: str) -> OutReplyError:
    if isinstance(error, ApiError) and error.code == "IDEMPOTENCY_KEY_MISMATCH":
        error.message = f"the occasion {occasion!r} has its post already, with other content"
        error.hint = (
            "It was not posted again. See: outreply posts list; for another post use --key."
        )
    return error


def _leftover_note(outcome: SendResult) -> str:
    what = outcome.entry.calendar
    if outcome.error is not None:
        return f"An earlier command ({what}) is unfinished: {outcome.error.message}"
    return f"Finished what an earlier command ({what}) had left open."
