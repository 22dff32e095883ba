"""Adoption of posts that the account already has into the journal."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from outreply_cli.api.client import post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.matching import MatchedRow
from outreply_cli.bulk.remote_state import RemoteState
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import JournalEntryDraft
from outreply_cli.posts.content import Diagnostic, fingerprint
from outreply_cli.posts.sender import matches_entry
from outreply_cli.timestamps import format_timestamp

EXPORTED_KEY = "post:"


@dataclass(frozen=True)
class Adoption:
    """All rows, with the entries of adopted posts, and the duplicates that were not adopted."""

    rows: list[MatchedRow]
    problems: list[Diagnostic]
    duplicates: set[str]


def adopt_posts(
    journal: Journal,
    account: str,
    rows: Sequence[MatchedRow],
    remote: RemoteState,
    *,
    enabled: bool,
    dry_run: bool,
    tolerance: timedelta,
) -> Adoption:
    """Pair rows that have no post yet with posts that the journal does not know.

    A row whose key is `post:ID`, as `bulk export` writes it, adopts that post. Another row adopts,
    if enabled, a post with the same page, time and text; otherwise that post is reported.

    `tolerance` is how far a scheduled post may be from the time of its row: where `--spread` may
    have moved it. A dry run leaves the journal unchanged.
    """
    posts = {str(post.get("id")): post for post in remote.posts}
    claimed = journal.post_ids(account)
    candidates: dict[str, list[Post]] = defaultdict(list)
    for post_id, post in posts.items():
        if post_id not in claimed:
            candidates[str(post.get("page_id"))].append(post)
    result = Adoption(list(rows), [], set())
    record = journal.preview if dry_run else journal.adopt
    unpaired = dict.fromkeys(i for i, row in enumerate(rows) if row.entry is None)
    # Exact matches first: a post nearby may be that of the next row.
    for distance in dict.fromkeys((timedelta(0), tolerance)):
        for index in list(unpaired):
            row = rows[index]
            exported = _find_exported_post(row, posts)
            match = exported or _take_match(row, candidates[row.post.page_id], distance)
            if match is None:
                continue
            del unpaired[index]
            if exported is not None or enabled:
                entry = record(_draft_of_post(row, match), str(match["id"]))
                result.rows[index] = row.with_entry(entry)
            else:
                result.problems.append(_report(row, match))
                result.duplicates.add(str(match.get("id")))
    return result


def _draft_of_post(row: MatchedRow, post: Post) -> JournalEntryDraft:
    draft = row.draft
    if matches_entry(post, draft):
        return draft
    # The row was edited since its export: record the post as it is.
    at = post_time(post) or draft.scheduled_at
    body = {**draft.body, "message": post.get("message"), "scheduled_at": format_timestamp(at)}
    return replace(draft, body=body, scheduled_at=at, fingerprint=fingerprint(body))


def _take_match(row: MatchedRow, candidates: list[Post], tolerance: timedelta) -> Post | None:
    match = next((post for post in candidates if matches_entry(post, row.draft)), None)
    if match is None and tolerance and candidates:
        nearest = min(candidates, key=lambda post: _distance(post, row.draft))
        match = nearest if _distance(nearest, row.draft) <= tolerance else None
    if match is not None:
        candidates.remove(match)
    return match


def _report(row: MatchedRow, post: Post) -> Diagnostic:
    at = post_time(post)
    location = f" at {format_timestamp(at)}" if at and at != row.post.scheduled_at else ""
    return row.post.row.diagnostic(
        "",
        f"an identical post already exists{location} ({post.get('id')}), created outside this "
        "file; use it for this row with --adopt",
    )


def _find_exported_post(row: MatchedRow, posts: Mapping[str, Post]) -> Post | None:
    key = row.post.key or ""
    post = posts.get(key.removeprefix(EXPORTED_KEY)) if key.startswith(EXPORTED_KEY) else None
    return post if post is not None and post.get("page_id") == row.post.page_id else None


def _distance(post: Post, draft: JournalEntryDraft) -> timedelta:
    """Return how far the time of an otherwise equal scheduled post is from that of `draft`."""
    at = post_time(post)
    if at is None or "published_at" in post:
        return timedelta.max
    is_equal = matches_entry(post, replace(draft, scheduled_at=at))
    return abs(at - draft.scheduled_at) if is_equal else timedelta.max
