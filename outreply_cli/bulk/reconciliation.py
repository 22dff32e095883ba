"""Pairs of ambiguous rows and posts that no row claims."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from outreply_cli.api.types import Post
from outreply_cli.bulk.ambiguities import find_leftovers
from outreply_cli.bulk.matching import Ambiguity, MatchedRow
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.posts.sender import matches_entry


class AmbiguousRow(NamedTuple):
    """A row that may have been scheduled already, and the only similar post that no other row has.

    The candidates of `ambiguity` are those that are not the exact candidate of another row.
    """

    row: MatchedRow
    ambiguity: Ambiguity
    unique: Post | None = None


@dataclass(frozen=True)
class Pairs:
    """The ambiguous rows, and the posts that they may have, by ID: candidates and unclaimed ones.

    `leftovers` are those that may be earlier versions of rows that have a post, and `resolved` is
    the number of requests whose outcome was determined.
    """

    rows: list[AmbiguousRow]
    posts: dict[str, Post]
    leftovers: list[tuple[MatchedRow, Post]]
    resolved: int = 0


def find_pairs(
    rows: Sequence[MatchedRow], unclaimed: Sequence[Post], *, dry_run: bool = False
) -> Pairs:
    """Return the ambiguous rows; a post identical to one row is not a candidate of another.

    With `dry_run`, requests with an unknown outcome were not looked up, which would pair their rows
    with the identical posts.
    """
    if dry_run:
        rows = _with_lost_posts(rows, unclaimed)
    exact = {
        _get_id(row.ambiguity.candidates[0])
        for row in rows
        if row.ambiguity and row.ambiguity.is_exact
    }
    ambiguous: list[tuple[MatchedRow, Ambiguity]] = []
    for row in rows:
        ambiguity = row.ambiguity
        if ambiguity is None and row.status == PostStatus.UNKNOWN:
            ambiguity = Ambiguity("the outcome of an earlier request is not known")
        if ambiguity is not None and not ambiguity.is_exact:
            left = tuple(post for post in ambiguity.candidates if _get_id(post) not in exact)
            ambiguity = replace(ambiguity, candidates=left)
        if ambiguity is not None:
            ambiguous.append((row, ambiguity))
    counts = Counter(
        _get_id(post)
        for _, ambiguity in ambiguous
        for post in ambiguity.candidates
        if _get_id(post) in ambiguity.similar
    )
    found: list[AmbiguousRow] = []
    for row, ambiguity in ambiguous:
        similar = [post for post in ambiguity.candidates if _get_id(post) in ambiguity.similar]
        is_unique = len(similar) == 1 and counts[_get_id(similar[0])] == 1
        # The row's own post is an alternative.
        unique = similar[0] if is_unique and not row.is_live else None
        found.append(AmbiguousRow(row, ambiguity, unique))
    candidates = {
        _get_id(post): post for _, ambiguity in ambiguous for post in ambiguity.candidates
    }
    leftovers = find_leftovers(rows, unclaimed, candidates)
    return Pairs(found, {_get_id(post): post for post in unclaimed} | candidates, leftovers)


def _with_lost_posts(rows: Sequence[MatchedRow], unclaimed: Sequence[Post]) -> list[MatchedRow]:
    """Return `rows`; those with an unknown outcome have an identical post as exact candidate."""
    left = [*unclaimed]

    def find_lost(row: MatchedRow) -> Ambiguity | None:
        entry = row.entry
        if entry is None or row.status != PostStatus.UNKNOWN or row.ambiguity is not None:
            return row.ambiguity
        post = next((post for post in left if matches_entry(post, entry)), None)
        if post is None:
            return None
        left.remove(post)
        reason = f"post {_get_id(post)} is that of the row's earlier request"
        return Ambiguity(reason, (post,), is_exact=True)

    return [row._replace(ambiguity=find_lost(row)) for row in rows]


def _get_id(post: Post) -> str:
    return str(post.get("id"))
