"""`outreply media delete`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.media.shared import delete
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    media_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The media's ids.")],
    yes: Yes = False,
) -> None:
    """Delete uploaded media; what a pending post needs stays.

    Example: outreply media delete $(outreply media list -q | head -n 1) --yes

    Example: outreply media delete $(outreply media list --unused -q) --yes
    """
    wanted = list(dict.fromkeys(media_ids))
    client = context.client()
    context.confirm(f"Delete {', '.join(wanted)}?", yes=yes)
    delete(context, client, wanted)
