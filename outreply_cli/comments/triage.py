"""Triage of unanswered comments, one after another, with a queued reply that can be undone."""

from collections.abc import Callable, Sequence

from outreply_cli.comments.inbox import PostComments
from outreply_cli.comments.replies import (
    ListedReply,
    ReplyOutcomeUnknownError,
    ReplyService,
    find_same_text,
)
from outreply_cli.comments.store import CommentStore
from outreply_cli.comments.threads import Comment, ThreadedComment
from outreply_cli.errors import OutReplyError


class Triage:
    """Progress of a triage.

    Each reply is queued until the next action, which confirms it. Skipped comments are left out of
    the next triage unless it is made with `include_skipped`. `confirm` is called before a reply to
    a comment that was answered since it was listed: with the comment and the reply that it has. If
    it returns False, the queued reply is discarded.

    Attributes:
        may_be_sent: Whether the queued reply is being sent, or may have been.
    """

    def __init__(
        self,
        replies: ReplyService,
        store: CommentStore,
        groups: Sequence[PostComments],
        confirm: Callable[[ThreadedComment, Comment | None], bool],
        *,
        include_skipped: bool = False,
    ) -> None:
        self._replies, self._store, self._confirm = replies, store, confirm
        self._comments = [
            (group, comment)
            for group in groups
            for comment in group.threads
            if comment.needs_reply and (include_skipped or not store.is_skipped(comment.id))
        ]
        self._index = 0
        self._queued: tuple[ThreadedComment, str] | None = None
        self.may_be_sent = False
        self.sent = 0
        self.skipped = 0

    @property
    def current(self) -> tuple[PostComments, ThreadedComment] | None:
        """The comment to decide on and its post; None at the end."""
        return self._comments[self._index] if self.remaining else None

    @property
    def queued_comment(self) -> ThreadedComment | None:
        """The comment whose reply is queued, or None."""
        return self._queued[0] if self._queued is not None else None

    @property
    def remaining(self) -> int:
        """Number of comments left."""
        return len(self._comments) - self._index

    def reply(self, message: str) -> None:
        """Send the queued reply, queue `message` for the current comment, and advance.

        Raises:
            OutReplyError: The queued reply was not sent, or may have been; it is still queued.
        """
        self.send_queued()
        self._queued = (self.mark_seen(), message)
        self._index += 1

    def skip(self) -> None:
        """Send the queued reply, skip the current comment permanently, and advance.

        Raises what `reply` raises.
        """
        self.send_queued()
        self._store.skip(self.mark_seen().id)
        self.skipped += 1
        self._index += 1

    def undo(self) -> bool:
        """Discard the queued reply and go back to its comment; False when none is queued.

        Raises:
            ReplyOutcomeUnknownError: The queued reply may have been sent.
        """
        if self._queued is None:
            return False
        if self.may_be_sent:
            raise ReplyOutcomeUnknownError(
                "the reply may have been sent and cannot be undone; enter q, then run "
                "`comments triage` again"
            )
        self._queued = None
        self._index -= 1
        return True

    def send_queued(self) -> None:
        """Send the queued reply, if any.

        Raises:
            OutReplyError: The reply was not sent, or may have been; it is still queued.
        """
        if self._queued is None:
            return
        comment, message = self._queued
        existing = self._replies.existing_replies(comment.id)
        last = existing[-1].comment if existing else None
        # A truncated list may lack a reply.
        is_sure = existing is not None and (
            not existing or find_same_text(existing, message) is not None
        )
        if is_sure or self._confirm(comment, last):
            self._send(comment.id, message, existing or [])
        self._queued, self.may_be_sent = None, False

    def mark_seen(self) -> ThreadedComment:
        """Store the current comment as seen, and return it; raises StorageError."""
        group, comment = self._comments[self._index]
        self._store.mark_seen(str(group.post["id"]), [comment.comment])
        return comment

    def _send(self, comment_id: str, message: str, existing: Sequence[ListedReply]) -> None:
        was_uncertain, self.may_be_sent = self.may_be_sent, True
        try:
            self._replies.send(comment_id, message, existing=existing)
        except OutReplyError as error:
            is_uncertain = error.maybe_applied or isinstance(error, ReplyOutcomeUnknownError)
            self.may_be_sent = was_uncertain or is_uncertain
            raise
        self.sent += 1
