"""`outreply media list`."""

from typing import Annotated

from outreply_cli.cli.options import DisplayZone, command, option, switch
from outreply_cli.commands.media.output import (
    ID_FIELD,
    fetch_media,
    fetch_needed,
    media_columns,
    summarize,
)
from outreply_cli.context import Context
from outreply_cli.errors import unknown_choice_error
from outreply_cli.media.library import ORDERS, find_unused


@command()
def run(
    context: Context,
    sort: Annotated[
        str | None,
        option("ORDER", "Sort by age (oldest first), size (largest first), name or post."),
    ] = None,
    only_unused: Annotated[
        bool, switch("Show only media that no scheduled post uses.", "--unused")
    ] = False,
    tz: DisplayZone = None,
) -> None:
    """List uploaded media, and the scheduled posts that use them.

    Example: outreply media list --sort size

    Example: outreply media list --unused -q
    """
    if sort is not None and sort not in ORDERS:
        raise unknown_choice_error("order", sort, ORDERS, option="--sort")
    client = context.client()
    items = fetch_media(context, client)
    if only_unused:
        items = find_unused(items, fetch_needed(context, client, items))
    if sort is not None:
        items = sorted(items, key=ORDERS[sort])
    columns = media_columns(client.now(), context.zone(tz))
    context.output.print_list(items, columns, id_field=ID_FIELD)
    context.info(f"{summarize(items)}.")
