"""Media that the server keeps: ordered, chosen for pruning, deleted with a reason where not."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from outreply_cli.api.client import Client, Resource
from outreply_cli.api.errors import ApiError
from outreply_cli.errors import OutReplyError
from outreply_cli.timestamps import parse_timestamp

_NEVER = datetime.max.replace(tzinfo=UTC)
# How `--sort` orders: the oldest, the largest, and what a post waits for come first.
ORDERS: Mapping[str, Callable[[Resource], Any]] = MappingProxyType(
    {
        "age": lambda item: created_at(item) or _NEVER,
        "size": lambda item: -media_size(item),
        "name": lambda item: str(item.get("filename") or ""),
        "post": lambda item: (
            not item.get("scheduled_post_id"),
            str(item.get("scheduled_post_id")),
        ),
    }
)


def created_at(item: Mapping[str, Any]) -> datetime | None:
    """When `item` was uploaded, where it says so."""
    try:
        return parse_timestamp(str(item.get("created_at")))
    except ValueError:
        return None


def media_size(item: Mapping[str, Any]) -> int:
    """Its bytes; 0 where it does not say."""
    size = item.get("size_bytes")
    return size if isinstance(size, int) else 0


def find_unused(items: Iterable[Resource], *, before: datetime | None = None) -> list[Resource]:
    """What surely no pending post has, uploaded before `before` where that is given."""
    chosen = []
    for item in items:
        if item.get("scheduled_post_id", "") is not None:
            continue
        made = created_at(item)
        if before is None or (made is not None and made < before):
            chosen.append(item)
    return chosen


def delete_media(client: Client, media_id: str) -> None:
    """Delete one item (reference: DELETE /media/:mediaId).

    Raises:
        ApiError: It can't be deleted; `MEDIA_IN_USE` names the post that has it.
    """
    try:
        client.delete_media(media_id)
    except ApiError as error:
        if error.code == "MEDIA_IN_USE":
            _name_post(client, media_id, error)
        raise


def _name_post(client: Client, media_id: str, error: ApiError) -> None:
    post_id = error.details.get("scheduled_post_id")
    if not isinstance(post_id, str):
        try:
            post_id = client.media_item(media_id).get("scheduled_post_id")
        except OutReplyError:
            post_id = None
    if isinstance(post_id, str):
        error.message = f"{media_id} is attached to the pending post {post_id}"
        error.hint = f"Cancel the post first: outreply posts cancel {post_id}"
        error.details["scheduled_post_id"] = post_id
    else:
        error.hint = "Find the post with: outreply media list --sort post; then cancel it first."
