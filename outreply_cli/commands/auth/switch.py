"""`outreply auth switch`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context, name: Annotated[str, typer.Argument(metavar="N", help="The profile.")]
) -> None:
    """Choose the account that is used when none is named.

    Example: outreply auth switch emulator

    Example: outreply auth switch $(outreply auth list -q | head -n 1)
    """
    profiles = context.profiles
    profiles.current = profiles.named(name).name
    profiles.save()
    context.info(f"Now using the profile {name!r}.")
