"""`outreply media prune`."""

from typing import Annotated

from outreply_cli.cli.options import DisplayZone, Yes, command, option, switch
from outreply_cli.commands.media.output import (
    ID_FIELD,
    delete_items,
    fetch_media,
    fetch_needed,
    media_columns,
    summarize,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.media.library import find_unused
from outreply_cli.times import parse_duration


@command()
def run(
    context: Context,
    older_than: Annotated[
        str | None, option("DURATION", "Delete only media older than this, such as 7d.")
    ] = None,
    dry_run: Annotated[bool, switch("Show what would be deleted; delete nothing.")] = False,
    yes: Yes = False,
    tz: DisplayZone = None,
) -> None:
    """Delete media that no scheduled post uses.

    Example: outreply media prune --dry-run

    Example: outreply media prune --older-than 7d --yes
    """
    age = parse_duration(older_than) if older_than is not None else None
    client = context.client()
    media = fetch_media(context, client)
    now = client.now()
    try:
        before = now - age if age is not None else None
    except OverflowError:
        raise InvalidInputError("--older-than is too long") from None
    items = find_unused(media, fetch_needed(context, client, media), before=before)
    columns = media_columns(now, context.zone(tz))
    summary = f"{summarize(items)}, not used by a scheduled post"
    if dry_run or not items:
        context.output.print_list(items, columns, id_field=ID_FIELD)
        context.info(
            f"{summary}. Dry run: nothing was deleted." if dry_run else "Nothing to delete."
        )
        return
    if not yes:
        context.notes.print_list(items, columns, id_field=ID_FIELD)
    context.confirm(f"Delete {summary}?", yes=yes)
    delete_items(context, client, [str(item["media_id"]) for item in items])
