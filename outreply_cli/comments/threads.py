"""Comments as threads: what stands under what, who wrote it, what still waits for an answer.

Reference: GET /comments. Replies of the page's own are comments with a `parent_id`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outreply_cli.timestamps import parse_timestamp

Comment = Mapping[str, Any]


@dataclass(frozen=True)
class ThreadedComment:
    """A comment in its thread.

    Attributes:
        comment: The API's own object.
        depth: 0 for one that answers no other.
        is_ours: Whether the page itself wrote it.
        is_answered: Whether the page answered it.
    """

    comment: Comment
    depth: int
    is_ours: bool
    is_answered: bool

    @property
    def needs_reply(self) -> bool:
        """Whether somebody waits for an answer to it."""
        return not self.is_ours and not self.is_answered


def build_threads(
    comments: Iterable[Comment],
    *,
    username: str | None = None,
    answered: Collection[str] = (),
    ours: Collection[str] = (),
) -> list[ThreadedComment]:
    """Comments by age, each followed by what answers it.

    Args:
        comments: Of one post, in any order; an answer to one that is missing stands alone.
        username: The page's own, which tells its replies from other people's.
        answered: Ids that were answered from here.
        ours: Ids of replies that were sent from here.
    """
    by_age = sorted(comments, key=lambda one: (created_at(one), comment_id(one)))
    known = {comment_id(one) for one in by_age}
    below: dict[str | None, list[Comment]] = {}
    for one in by_age:
        parent = one.get("parent_id")
        is_below = isinstance(parent, str) and parent in known and parent != comment_id(one)
        below.setdefault(parent if is_below else None, []).append(one)

    def is_own(one: Comment) -> bool:
        name = get_author(one).get("username")
        return comment_id(one) in ours or (username is not None and name == username)

    def is_answered(one: Comment) -> bool:
        children = below.get(comment_id(one), [])
        if comment_id(one) in answered or any(is_own(child) for child in children):
            return True
        # Replies that the server counts and does not list may be the page's.
        count = one.get("replies_count")
        return isinstance(count, int) and count > 0 and not children

    placed: list[ThreadedComment] = []
    done: set[str] = set()
    # A stack: threads can be deeper than Python's calls may be.
    stack = [(one, 0) for one in reversed(below.get(None, []))]
    while stack:
        one, depth = stack.pop()
        done.add(comment_id(one))
        placed.append(ThreadedComment(one, depth, is_own(one), is_answered(one)))
        stack += [(child, depth + 1) for child in reversed(below.get(comment_id(one), []))]
    # Comments that answer one another in a circle hang from nothing.
    placed += [
        ThreadedComment(one, 0, is_own(one), is_answered(one))
        for one in by_age
        if comment_id(one) not in done
    ]
    return placed


def comment_id(comment: Comment) -> str:
    """Its id."""
    return str(comment.get("id"))


def get_author(comment: Comment) -> Mapping[str, Any]:
    """Who wrote it, as far as the API tells."""
    author = comment.get("author")
    return author if isinstance(author, dict) else {}


def created_at(comment: Comment) -> datetime:
    """When it was written; long ago where that can't be read."""
    try:
        return parse_timestamp(str(comment.get("created_at")))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
