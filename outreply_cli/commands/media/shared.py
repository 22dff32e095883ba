"""Code that the commands of `outreply media` share."""

from collections.abc import Sequence

from outreply_cli.api.client import Client, ListResult
from outreply_cli.api.types import Media
from outreply_cli.commands.media.output import ID_FIELD, report_deleted
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, raise_for_failures
from outreply_cli.media.library import delete_media
from outreply_cli.ui.output import Item


def delete_items(context: Context, client: Client, media_ids: Sequence[str]) -> None:
    """Delete media and print their IDs; raises what failed."""
    deleted: list[Item] = []
    failures: list[tuple[str, OutReplyError]] = []
    for media_id in media_ids:
        try:
            delete_media(client, media_id)
            deleted.append({ID_FIELD: media_id, "success": True})
        except OutReplyError as error:
            failures.append((media_id, error))
    if deleted or len(media_ids) > 1:
        report_deleted(context, deleted)
    raise_for_failures(failures, len(media_ids))


def warn_if_truncated(context: Context, listing: ListResult[Media]) -> None:
    """Warn if the account may have more media than the API lists."""
    if listing.truncated:
        context.warn("the API lists at most 100 media; there may be more")
