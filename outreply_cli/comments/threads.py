"""Comments as threads: order, depth, authors, and which ones need a reply.

Reference: GET /comments. The page's own replies are comments with a `parent_id`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outreply_cli.timestamps import timestamp_or_none

Comment = Mapping[str, Any]


@dataclass(frozen=True)
class ThreadedComment:
    """A comment and its depth in the thread; `is_answered` if the page replied to it."""

    comment: Comment
    depth: int
    is_own: bool
    is_answered: bool

    @property
    def id(self) -> str:
        """ID of the comment."""
        return get_id(self.comment)

    @property
    def needs_reply(self) -> bool:
        """Whether another person wrote it and the page has not replied."""
        return not self.is_own and not self.is_answered


def build_threads(
    comments: Iterable[Comment],
    *,
    usernames: Collection[str] = (),
    answered_ids: Collection[str] = (),
    own_ids: Collection[str] = (),
) -> list[ThreadedComment]:
    """Return the comments of one post by age, each followed by its replies.

    A reply whose parent is missing starts a thread. `usernames` mark the page's own comments; the
    other IDs are those of comments answered and replies sent from this machine.
    """
    by_age = sorted(comments, key=lambda comment: (get_created_at(comment), get_id(comment)))
    ids = {get_id(comment) for comment in by_age}
    replies: dict[str | None, list[Comment]] = {}
    for comment in by_age:
        parent = comment.get("parent_id")
        is_reply = isinstance(parent, str) and parent in ids and parent != get_id(comment)
        replies.setdefault(parent if is_reply else None, []).append(comment)

    own_names = set(map(_normalize_name, usernames))

    def is_own(comment: Comment) -> bool:
        name = get_author(comment).get("username")
        return get_id(comment) in own_ids or _normalize_name(str(name or "")) in own_names

    def is_answered(comment: Comment) -> bool:
        children = replies.get(get_id(comment), [])
        if get_id(comment) in answered_ids or any(map(is_own, children)):
            return True
        # Replies that the server counts but does not list may be the page's.
        count = comment.get("replies_count")
        return isinstance(count, int) and count > 0 and not children

    threaded: list[ThreadedComment] = []

    def append(comment: Comment, depth: int) -> None:
        threaded.append(ThreadedComment(comment, depth, is_own(comment), is_answered(comment)))

    # An explicit stack: threads can be deeper than Python's recursion limit.
    stack = [(comment, 0) for comment in reversed(replies.get(None, []))]
    while stack:
        comment, depth = stack.pop()
        append(comment, depth)
        stack += [(child, depth + 1) for child in reversed(replies.get(get_id(comment), []))]
    # Comments whose parents form a cycle belong to no thread.
    reached = {comment.id for comment in threaded}
    for comment in by_age:
        if get_id(comment) not in reached:
            append(comment, 0)
    return threaded


def find_thread(
    comments: Sequence[ThreadedComment], comment_id: str
) -> tuple[ThreadedComment, list[ThreadedComment]] | None:
    """Return a comment and all comments of its thread, its own replies included; None if missing.

    `comments` are those of one post, as `build_threads` returns them.
    """
    thread: list[ThreadedComment] = []
    found = None
    for threaded in comments:
        if threaded.depth == 0:
            if found is not None:
                break
            thread = []
        thread.append(threaded)
        if threaded.id == comment_id:
            found = threaded
    return None if found is None else (found, thread)


def get_id(comment: Comment) -> str:
    """Return the ID of a comment."""
    return str(comment.get("id"))


def get_author(comment: Comment) -> Mapping[str, Any]:
    """Return the author of a comment; empty when the API names none."""
    author = comment.get("author")
    return author if isinstance(author, dict) else {}


def get_created_at(comment: Comment) -> datetime:
    """Return the creation time of a comment, or the earliest time when it is invalid."""
    return timestamp_or_none(comment.get("created_at")) or datetime.min.replace(tzinfo=UTC)


def _normalize_name(username: str) -> str:
    return username.removeprefix("@").casefold()
