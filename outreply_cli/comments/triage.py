"""A pass through the comments that wait: one at a time, each reply held until the next step."""

from collections.abc import Sequence
from dataclasses import dataclass

from outreply_cli.comments.inbox import PostComments
from outreply_cli.comments.replies import ReplyService
from outreply_cli.comments.store import CommentStore
from outreply_cli.comments.threads import ThreadedComment, comment_id


@dataclass(frozen=True)
class UnansweredComment:
    """A comment that waits, below its post."""

    group: PostComments
    placed: ThreadedComment

    @property
    def id(self) -> str:
        """The comment's."""
        return comment_id(self.placed.comment)


class Triage:
    """Where a pass stands. A reply can be taken back until the next one is decided.

    Args:
        replies: Sends them.
        memory: Keeps what was skipped, so that the next pass begins where this one ended.
        groups: The posts with their comments.
        with_skipped: Whether those that were skipped before take part.
    """

    def __init__(
        self,
        replies: ReplyService,
        memory: CommentStore,
        groups: Sequence[PostComments],
        *,
        with_skipped: bool = False,
    ) -> None:
        self._replies, self._memory = replies, memory
        self._all = [
            UnansweredComment(group, placed)
            for group in groups
            for placed in group.threads
            if placed.needs_reply
            and (with_skipped or not memory.is_skipped(comment_id(placed.comment)))
        ]
        self._place = 0
        self._held: tuple[str, str] | None = None
        self.sent = 0
        self.skipped = 0

    @property
    def current(self) -> UnansweredComment | None:
        """The comment to decide about; None when the pass is over."""
        return self._all[self._place] if self._place < len(self._all) else None

    @property
    def remaining(self) -> int:
        """How many are still to be decided about."""
        return len(self._all) - self._place

    def reply(self, message: str) -> None:
        """Answer the current one, and go on; what was held before is sent.

        Raises:
            OutReplyError: What was held could not be sent; the pass stands where it stood.
        """
        self.send_queued()
        self._held = (self._all[self._place].id, message)
        self._place += 1

    def skip(self) -> None:
        """Leave the current one, for the next passes too; what was held before is sent."""
        self.send_queued()
        self._memory.skip(self._all[self._place].id)
        self.skipped += 1
        self._place += 1

    def undo(self) -> bool:
        """Take the held reply back, and its comment with it; whether there was one."""
        if self._held is None:
            return False
        self._held = None
        self._place -= 1
        return True

    def send_queued(self) -> None:
        """Send the reply that is held, if there is one.

        Raises:
            OutReplyError: It could not be sent; it is still held.
        """
        if self._held is None:
            return
        self._replies.send(*self._held)
        self._held = None
        self.sent += 1
