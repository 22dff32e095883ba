"""Adoption of posts that the account already has into the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from outreply_cli.api.client import Client, find_post, get_page_id, post_time
from outreply_cli.api.errors import NotFoundError
from outreply_cli.api.types import Post
from outreply_cli.bulk.calendar import split_urls
from outreply_cli.bulk.export import join_urls
from outreply_cli.bulk.matching import MatchedRow, exported_post_id
from outreply_cli.bulk.remote_state import RemoteState
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import FILES_FIELD, EntryState, JournalEntryDraft
from outreply_cli.posts.content import PostContent, content_from_api, fingerprint
from outreply_cli.posts.sender import matches_entry
from outreply_cli.spec.text import normalize_text
from outreply_cli.timestamps import format_timestamp


def adopt_exported(
    client: Client,
    journal: Journal,
    rows: Sequence[MatchedRow],
    remote: RemoteState,
    calendar: str,
    *,
    dry_run: bool,
) -> list[MatchedRow]:
    """Pair rows of a `calendar` that have no post yet with the posts that their keys name.

    The key is `post:ID`, as `bulk export` writes it. A post that belongs to another calendar is not
    adopted. A dry run leaves the journal unchanged. Each post is fetched, with first comment and
    media.

    Returns:
        All rows, with the entries of adopted posts.

    Raises:
        OutReplyError: A post cannot be fetched.
    """
    record = journal.preview_adoption if dry_run else journal.adopt
    adopted = list(rows)
    for index, row in enumerate(rows):
        post_id = exported_post_id(row.post) if row.entry is None else None
        if post_id is None or find_owner(journal, row, calendar) is not None:
            continue
        post = _fetch_post(client, journal, row.draft.account, remote, post_id)
        if post is not None:
            draft = _draft_with_extras(client, row, post)
            adopted[index] = row.with_entry(record(draft, str(post["id"])))
    return adopted


def find_owner(journal: Journal, row: MatchedRow, calendar: str) -> str | None:
    """Return the ID of the other calendar that has the post named by a row's key, if any."""
    post_id = exported_post_id(row.post)
    if post_id is None:
        return None
    account = row.draft.account
    entry = journal.by_post_id(account, post_id)
    if entry is None or entry.state == EntryState.CANCELLED or entry.calendar == calendar:
        return None
    return entry.calendar if entry.calendar in journal.calendars(account) else None


def draft_from_post(row: MatchedRow, post: Post) -> JournalEntryDraft:
    """Return the draft of a row's entry for a post that the account already has."""
    draft = row.draft
    if matches_entry(post, draft):
        return draft
    # The row was edited since: record the post as it is.
    at, page_id = post_time(post) or draft.scheduled_at, get_page_id(post)
    body = {**draft.body, "page_id": page_id, "scheduled_at": format_timestamp(at)}
    if normalize_text(post.get("message")) != normalize_text(body.get("message")):
        body["message"] = post.get("message")
    return replace(
        draft, page_id=page_id, body=body, scheduled_at=at, fingerprint=fingerprint(body)
    )


def _draft_with_extras(client: Client, row: MatchedRow, post: Post) -> JournalEntryDraft:
    """Return the draft of a row's entry for a post that was fetched with all of its content."""
    draft = draft_from_post(row, post)
    content, _ = content_from_api(post, client.attached_media)
    if "published_at" in post or _has_same_extras(post, content, row.draft.body):
        return draft
    body = content.body(draft.page_id, draft.scheduled_at)
    return replace(draft, body=body, fingerprint=fingerprint(body))


def _has_same_extras(post: Post, content: PostContent, body: Mapping[str, Any]) -> bool:
    """Return whether a post has what the body of its row has besides time and text."""
    if FILES_FIELD in body or any(
        normalize_text(getattr(content, name)) != normalize_text(body.get(name))
        for name in ("first_comment", "link")
    ):
        return False
    ids, urls = body.get("media_ids", []), body.get("media_urls", [])
    # To a token that cannot read uploads, they are URLs like the others.
    sources = [str(item.get("src")) for item in post.get("media", [])]
    has_same_media = len(ids) + len(urls) == len(sources) and (
        ids in ([], list(content.media_ids)) or not content.media_ids
    )
    known = {*split_urls(join_urls(sources)), *sources}
    return (
        has_same_media
        and known.issuperset(urls)
        and body.get("tiktok_settings") == content.tiktok_settings
    )


def _fetch_post(
    client: Client, journal: Journal, account: str, remote: RemoteState, post_id: str
) -> Post | None:
    """Return the post that an export names, or the one that has replaced it since."""
    entry = journal.by_post_id(account, post_id)
    while entry is not None and (newer := journal.get_replacement(entry)) is not None:
        entry = newer
    if entry is not None and entry.post_id is not None:
        post_id = entry.post_id
    published = find_post(post_id, remote.published)
    if published is not None:
        return published
    try:
        # Lists leave out first comments and media, and the post may be on another page.
        return client.get_post(post_id)
    except NotFoundError:
        return None
