"""`outreply media list`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.commands.media.output import ID_FIELD, media_columns
from outreply_cli.commands.media.shared import count, warn_if_cut_off
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.library import ORDERS, find_unused, media_size


@command()
def run(
    context: Context,
    sort: Annotated[
        str | None,
        typer.Option(metavar="BY", help="age (oldest first), size (largest first), name, or post."),
    ] = None,
    only_unused: Annotated[
        bool, typer.Option("--unused", help="Only what no pending post uses.")
    ] = False,
    tz: DisplayZone = None,
) -> None:
    """List uploaded media, and which post waits for them.

    Example: outreply media list --sort size

    Example: outreply media list --unused -q
    """
    if sort is not None and sort not in ORDERS:
        raise InvalidInputError(f"--sort {sort!r} is unknown", hint=f"Choose: {', '.join(ORDERS)}")
    client = context.client()
    listing = client.media()
    items = find_unused(listing.items) if only_unused else listing.items
    if sort is not None:
        items = sorted(items, key=ORDERS[sort])
    columns = media_columns(client.now(), context.zone(tz))
    context.output.print_list(items, columns, id_field=ID_FIELD)
    warn_if_cut_off(context, listing)
    context.info(f"{count(items)}, {format_size(sum(map(media_size, items)))}.")
