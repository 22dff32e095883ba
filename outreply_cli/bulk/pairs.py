"""Pairs of rows in doubt and posts that no row claims."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from outreply_cli.api.types import Post
from outreply_cli.bulk.doubts import find_leftovers
from outreply_cli.bulk.matching import Doubt, MatchedRow
from outreply_cli.bulk.remote_state import PostStatus


class RowInDoubt(NamedTuple):
    """A row that may have been scheduled already, and the only similar post that no other row has.

    The candidates of `doubt` are those that are not the exact candidate of another row.
    """

    row: MatchedRow
    doubt: Doubt
    unique: Post | None = None


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
    exact = {_get_id(row.doubt.candidates[0]) for row in rows if row.doubt and row.doubt.is_exact}
    in_doubt: list[tuple[MatchedRow, Doubt]] = []
    for row in rows:
        doubt = row.doubt
        if doubt is None and row.status == PostStatus.UNKNOWN:
            doubt = Doubt("the outcome of an earlier request is not known")
        if doubt is not None and not doubt.is_exact:
            left = tuple(post for post in doubt.candidates if _get_id(post) not in exact)
            doubt = replace(doubt, candidates=left)
        if doubt is not None:
            in_doubt.append((row, doubt))
    counts = Counter(
        _get_id(post)
        for _, doubt in in_doubt
        for post in doubt.candidates
        if _get_id(post) in doubt.similar
    )
    found: list[RowInDoubt] = []
    for row, doubt in in_doubt:
        similar = [post for post in doubt.candidates if _get_id(post) in doubt.similar]
        is_unique = len(similar) == 1 and counts[_get_id(similar[0])] == 1
        # The row's own post is an alternative.
        unique = similar[0] if is_unique and not row.is_live else None
        found.append(RowInDoubt(row, doubt, unique))
    candidates = {_get_id(post): post for _, doubt in in_doubt for post in doubt.candidates}
    leftovers = find_leftovers(rows, unclaimed, candidates)
    return Pairs(found, {_get_id(post): post for post in unclaimed} | candidates, leftovers)


def _get_id(post: Post) -> str:
    return str(post.get("id"))
