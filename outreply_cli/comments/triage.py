"""Triage of unanswered comments, one after another, with a queued reply that can be undone."""

from collections.abc import Sequence

from outreply_cli.comments.inbox import PostComments
from outreply_cli.comments.replies import ReplyService
from outreply_cli.comments.store import CommentStore
from outreply_cli.comments.threads import ThreadedComment


class Triage:
    """Progress of a triage.

    Each reply is queued until the next action, which confirms it. Skipped comments are left out of
    the next triage unless it is made with `include_skipped`.

    Attributes:
        is_sending: Whether a confirmed reply is being sent; still set if that was interrupted.
    """

    def __init__(
        self,
        replies: ReplyService,
        store: CommentStore,
        groups: Sequence[PostComments],
        *,
        include_skipped: bool = False,
    ) -> None:
        self._replies, self._store = replies, store
        self._comments = [
            (group, comment)
            for group in groups
            for comment in group.threads
            if comment.needs_reply and (include_skipped or not store.is_skipped(comment.id))
        ]
        self._index = 0
        self._queued: tuple[str, str] | None = None
        self.is_sending = False
        self.sent = 0
        self.skipped = 0

    @property
    def current(self) -> tuple[PostComments, ThreadedComment] | None:
        """The comment to decide on and its post; None at the end."""
        return self._comments[self._index] if self.remaining else None

    @property
    def queued_comment(self) -> ThreadedComment | None:
        """The comment whose reply is queued, or None."""
        return self._comments[self._index - 1][1] if self._queued is not None else None

    @property
    def remaining(self) -> int:
        """Number of comments left."""
        return len(self._comments) - self._index

    def reply(self, message: str) -> None:
        """Send the queued reply, queue `message` for the current comment, and advance.

        Raises:
            OutReplyError: The queued reply was not sent; nothing changed.
        """
        self.send_queued()
        self._queued = (self._comments[self._index][1].id, message)
        self._index += 1

    def skip(self) -> None:
        """Send the queued reply, skip the current comment permanently, and advance.

        Raises what `reply` raises.
        """
        self.send_queued()
        self._store.skip(self._comments[self._index][1].id)
        self.skipped += 1
        self._index += 1

    def undo(self) -> bool:
        """Discard the queued reply and go back to its comment; False when none is queued."""
        if self._queued is None:
            return False
        self._queued = None
        self._index -= 1
        return True

    def send_queued(self) -> None:
        """Send the queued reply, if any.

        Raises:
            OutReplyError: The reply was not sent and is still queued.
        """
        if self._queued is None:
            return
        self.is_sending = True
        self._replies.send(*self._queued)
        self.is_sending = False
        self._queued = None
        self.sent += 1
