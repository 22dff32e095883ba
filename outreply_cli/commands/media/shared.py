"""Options and helpers that the commands of `outreply media` share."""

from collections.abc import Sequence

from outreply_cli.api.client import Client, ListResult, Resource
from outreply_cli.commands.media.output import ID_FIELD
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, raise_for_failures
from outreply_cli.media.library import delete_media


def delete(context: Context, client: Client, media_ids: Sequence[str]) -> None:
    deleted: list[Resource] = []
    failures: list[tuple[str, OutReplyError]] = []
    for media_id in media_ids:
        try:
            delete_media(client, media_id)
            deleted.append({ID_FIELD: media_id, "success": True})
        except OutReplyError as error:
            failures.append((media_id, error))
    if context.options.output == "table" and not context.options.quiet:
        for item in deleted:
            context.output.print_line(f"Deleted {item[ID_FIELD]}")
    elif deleted:
        context.output.print_list(deleted, [], id_field=ID_FIELD)
    raise_for_failures(failures, len(media_ids))


def warn_if_cut_off(context: Context, listing: ListResult) -> None:
    if listing.truncated:
        context.warn("the API lists 100 media at most; there may be more")


def count(items: Sequence[Resource]) -> str:
    return "1 file" if len(items) == 1 else f"{len(items)} files"
