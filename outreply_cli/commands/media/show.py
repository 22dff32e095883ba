"""`outreply media show`."""

from typing import Annotated

from outreply_cli.cli.options import DisplayZone, argument, command
from outreply_cli.commands.media.output import (
    ID_FIELD,
    add_local_names,
    media_columns,
    resolve_media,
)
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    media_id: Annotated[str, argument("ID", "Media ID.")],
    tz: DisplayZone = None,
) -> None:
    """Show one uploaded image or video.

    Example: outreply media show $(outreply media list -q | head -n 1)

    Example: outreply media show $(outreply media list -q | head -n 1) --json
    """
    client = context.client()
    (media_id,) = resolve_media(client, [media_id])
    (item,) = add_local_names(context, [client.media_item(media_id)])
    columns = media_columns(client.now(), context.zone(tz), item)
    context.output.print_one(item, columns, id_field=ID_FIELD)
