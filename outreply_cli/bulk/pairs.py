"""Pairs of rows in doubt and posts that no row claims."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from outreply_cli.api.types import Post
from outreply_cli.bulk.doubts import find_leftovers
from outreply_cli.bulk.matching import MatchedRow
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.journal.models import JournalEntry


@dataclass(frozen=True)
class RowInDoubt:
    """A row that may have been scheduled already, and the posts that may be its own.

    Attributes:
        reason: The reason for the doubt.
        is_exact: Whether the only candidate has the row's page, time and text.
        unique: The only candidate that is similar, if no other row has it as a candidate.
        old: Entry of the post that the row's current one replaces, if it may not be cancelled yet.
    """

    row: MatchedRow
    reason: str
    candidates: tuple[Post, ...] = ()
    is_exact: bool = False
    unique: Post | None = None
    old: JournalEntry | None = None

    @property
    def own_id(self) -> str | None:
        """ID of the row's current post."""
        return None if self.row.entry is None else self.row.entry.post_id


@dataclass(frozen=True)
class Pairs:
    """The rows in doubt, and the posts that they may have, by ID: candidates and unclaimed ones.

    `leftovers` are those that may be earlier versions of rows that have a post.
    """

    rows: list[RowInDoubt]
    posts: dict[str, Post]
    leftovers: list[tuple[MatchedRow, Post]]


def find_pairs(rows: Sequence[MatchedRow], unclaimed: Sequence[Post]) -> Pairs:
    """Return the rows in doubt; an exact candidate of a row is not one of another row."""
    doubts = {index: row.doubt for index, row in enumerate(rows) if row.doubt is not None}
    taken = {_get_id(doubt.candidates[0]) for doubt in doubts.values() if doubt.is_exact}
    candidates = {
        index: doubt.candidates
        if doubt.is_exact
        else tuple(post for post in doubt.candidates if _get_id(post) not in taken)
        for index, doubt in doubts.items()
    }
    counts = Counter(
        _get_id(post)
        for index, posts in candidates.items()
        for post in posts
        if _get_id(post) in doubts[index].similar
    )
    found: list[RowInDoubt] = []
    for index, row in enumerate(rows):
        if index in doubts:
            posts, doubt = candidates[index], doubts[index]
            similar = [post for post in posts if _get_id(post) in doubt.similar]
            is_unique = len(similar) == 1 and counts[_get_id(similar[0])] == 1
            found.append(
                RowInDoubt(
                    row,
                    doubt.reason,
                    posts,
                    is_exact=doubt.is_exact,
                    # The row's own post is an alternative.
                    unique=similar[0] if is_unique and not row.is_live else None,
                    old=doubt.old,
                )
            )
        elif row.status == PostStatus.UNKNOWN:
            found.append(RowInDoubt(row, "the outcome of an earlier request is not known"))
    in_doubt = {_get_id(post): post for posts in candidates.values() for post in posts}
    leftovers = find_leftovers(rows, unclaimed, in_doubt)
    return Pairs(found, {_get_id(post): post for post in unclaimed} | in_doubt, leftovers)


def _get_id(post: Post) -> str:
    return str(post.get("id"))
