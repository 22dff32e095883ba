"""`outreply media prune`."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import DisplayZone, Yes, command
from outreply_cli.commands.media.output import ID_FIELD, media_columns
from outreply_cli.commands.media.shared import count, delete, warn_if_cut_off
from outreply_cli.commands.posts.options import DryRunOption
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.library import find_unused, media_size
from outreply_cli.times import parse_duration


@command()
def run(
    context: Context,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="T", help="Only what was uploaded longer ago, such as 7d."),
    ] = None,
    dry_run: DryRunOption = False,
    yes: Yes = False,
    tz: DisplayZone = None,
) -> None:
    """Delete what no pending post uses, after showing it.

    Example: outreply media prune --dry-run

    Example: outreply media prune --older-than 7d --yes
    """
    age = parse_duration(older_than) if older_than is not None else None
    client = context.client()
    listing = client.media()
    now = client.now()
    items = find_unused(listing.items, before=_moment_before(now, age))
    warn_if_cut_off(context, listing)
    columns = media_columns(now, context.zone(tz))
    told = f"{count(items)} that no pending post uses, {format_size(sum(map(media_size, items)))}"
    if dry_run:
        context.output.print_list(items, columns, id_field=ID_FIELD)
        context.info(f"{told}. Nothing was deleted: --dry-run.")
        return
    if not items:
        context.output.print_list([], columns, id_field=ID_FIELD)
        context.info("There is nothing to delete.")
        return
    if not yes:
        context.notes.print_list(items, columns, id_field=ID_FIELD)
    context.confirm(f"Delete {told}?", yes=yes)
    delete(context, client, [str(item[ID_FIELD]) for item in items])


def _moment_before(now: datetime, age: timedelta | None) -> datetime | None:
    if age is None:
        return None
    try:
        return now - age
    except OverflowError:
        raise InvalidInputError("--older-than goes back before the calendar begins") from None
