"""`outreply media delete`."""

from typing import Annotated

from outreply_cli.api.request_builders import delete_media
from outreply_cli.cli.options import Yes, argument, command
from outreply_cli.commands.media.output import delete_items, fetch_needed, resolve_media
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(has_print_option=True)
def run(
    context: Context,
    media_ids: Annotated[list[str], argument("ID...", "Media IDs.")],
    yes: Yes = False,
) -> None:
    """Delete uploaded media.

    The API does not delete media that a scheduled post uses.

    Example: outreply media delete $(outreply media list -q | head -n 1) --yes

    Example: outreply media delete $(outreply media list --unused -q) --yes
    """
    client = context.client()
    unique_ids = resolve_media(client, media_ids)
    if context.options.print_as:
        requests = [delete_media(media_id) for media_id in unique_ids]
        print_requests(context, client, requests)
        return
    needed = sorted({*unique_ids} & fetch_needed(context, client))
    if needed:
        raise InvalidInputError(
            f"a post of an interrupted command uses {', '.join(needed)}",
            hint="Nothing was deleted. Run that command again first; see: outreply store status",
        )
    context.confirm(f"Delete {', '.join(unique_ids)}?", yes=yes)
    delete_items(context, client, unique_ids)
