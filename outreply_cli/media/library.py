"""Uploaded media: sorting, finding unused items, deleting."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from outreply_cli.api.client import Client, Resource
from outreply_cli.api.errors import ApiError
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal
from outreply_cli.timestamps import timestamp_or_none

_NEVER = datetime.max.replace(tzinfo=UTC)


def media_name(item: Mapping[str, Any]) -> str:
    """Return the name of `item` on this machine if known, else the server's."""
    return str(item.get("file") or item.get("filename") or "")


# Sort keys of `--sort`: the oldest, the largest and used items come first.
ORDERS: Mapping[str, Callable[[Resource], Any]] = {
    "age": lambda item: created_at(item) or _NEVER,
    "size": lambda item: -media_size(item),
    "name": media_name,
    "post": lambda item: (not item.get("scheduled_post_id"), str(item.get("scheduled_post_id"))),
}


def created_at(item: Mapping[str, Any]) -> datetime | None:
    """Return the upload time of `item`, if known."""
    return timestamp_or_none(item.get("created_at"))


def media_size(item: Mapping[str, Any]) -> int:
    """Return the size of `item` in bytes; 0 if unknown."""
    size = item.get("size_bytes")
    return size if isinstance(size, int) and not isinstance(size, bool) else 0


def find_needed(items: Iterable[Resource], journal: Journal, client: Client) -> set[str]:
    """Return the IDs of media that the API may not know to be in use.

    They are those of unfinished posts, and those of `items` that scheduled posts use by URL.
    """
    account = account_fingerprint(client)
    unfinished = journal.list_unsettled(account)
    posts = [*unfinished, *journal.pending_entries(account, client.now())]
    names = {url.rpartition("/")[2] for post in posts for url in post.body.get("media_urls") or ()}
    ids = {media_id for post in unfinished for media_id in post.body.get("media_ids") or ()}
    return ids | {str(item["media_id"]) for item in items if item.get("filename") in names}


def find_unused(
    items: Iterable[Resource], needed: Collection[str] = (), *, before: datetime | None = None
) -> list[Resource]:
    """Return the items known to be unused by scheduled posts and, if given, older than `before`.

    Those with an ID in `needed` are left out.
    """
    unused = []
    for item in items:
        if item.get("scheduled_post_id", "") is not None or item.get("media_id") in needed:
            continue
        uploaded_at = created_at(item)
        if before is None or (uploaded_at is not None and uploaded_at < before):
            unused.append(item)
    return unused


def delete_media(client: Client, media_id: str) -> None:
    """Delete one item (reference: DELETE /media/:mediaId).

    Raises:
        ApiError: The item cannot be deleted; for `MEDIA_IN_USE` the message names its post.
    """
    try:
        client.delete_media(media_id)
    except ApiError as error:
        if error.code != "MEDIA_IN_USE":
            raise
        post_id = error.details.get("scheduled_post_id")
        if not isinstance(post_id, str):
            with suppress(OutReplyError):
                post_id = client.media_item(media_id).get("scheduled_post_id")
        if not isinstance(post_id, str):
            raise error.replace(
                hint="Find the post with: outreply media list --sort post; then cancel it first."
            ) from None
        raise error.replace(
            message=f"{media_id} is attached to the scheduled post {post_id}",
            hint=f"Cancel the post first: outreply posts cancel {post_id}",
            details={**error.details, "scheduled_post_id": post_id},
        ) from None
