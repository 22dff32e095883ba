"""Adoption of posts that the account already has into the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from outreply_cli.api.client import post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.matching import MatchedRow, exported_post_id
from outreply_cli.bulk.remote_state import RemoteState
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import EntryState, JournalEntryDraft
from outreply_cli.posts.content import fingerprint
from outreply_cli.posts.sender import matches_entry
from outreply_cli.spec.text import normalize_text
from outreply_cli.timestamps import format_timestamp


def adopt_exported(
    journal: Journal,
    rows: Sequence[MatchedRow],
    remote: RemoteState,
    calendar: str,
    *,
    dry_run: bool,
) -> list[MatchedRow]:
    """Pair rows of a `calendar` that have no post yet with the posts that their keys name.

    The key is `post:ID`, as `bulk export` writes it. A post of another calendar stays its own. A
    dry run leaves the journal unchanged.

    Returns:
        All rows, with the entries of adopted posts.
    """
    if not remote.posts:
        return list(rows)
    posts = {str(post.get("id")): post for post in remote.posts}
    record = journal.preview if dry_run else journal.adopt
    adopted = list(rows)
    for index, row in enumerate(rows):
        post = _find_exported_post(row, posts) if row.entry is None else None
        if post is not None and find_owner(journal, row, calendar) is None:
            adopted[index] = row.with_entry(record(draft_from_post(row, post), str(post["id"])))
    return adopted


def find_owner(journal: Journal, row: MatchedRow, calendar: str) -> str | None:
    """Return the ID of the other calendar that has the post named by a row's key, if any."""
    post_id, account = exported_post_id(row.post), row.draft.account
    entry = journal.by_post_id(account, post_id) if post_id is not None else None
    if entry is None or entry.state == EntryState.CANCELLED or entry.calendar == calendar:
        return None
    return entry.calendar if entry.calendar in journal.calendars(account) else None


def draft_from_post(row: MatchedRow, post: Post) -> JournalEntryDraft:
    """Return the draft of a row's entry for a post that the account already has."""
    draft = row.draft
    if matches_entry(post, draft):
        return draft
    # The row was edited since: record the post as it is.
    at = post_time(post) or draft.scheduled_at
    body = {**draft.body, "scheduled_at": format_timestamp(at)}
    if normalize_text(post.get("message")) != normalize_text(body.get("message")):
        body["message"] = post.get("message")
    return replace(draft, body=body, scheduled_at=at, fingerprint=fingerprint(body))


def _find_exported_post(row: MatchedRow, posts: Mapping[str, Post]) -> Post | None:
    post = posts.get(exported_post_id(row.post) or "")
    return post if post is not None and post.get("page_id") == row.post.page_id else None
