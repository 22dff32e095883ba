"""`outreply emulator rotate`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context
from outreply_cli.ui.output import Column


@command(api=False)
def run(
    context: Context,
    hook: Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's id.")],
    state: StateOption = None,
) -> None:
    """Give a webhook a new secret and print it; the old one signs too for 24 hours.

    Example: outreply emulator rotate $(outreply webhooks list -q | head -n 1)

    Example: outreply emulator rotate $(outreply webhooks list -q | head -n 1) --json
    """
    made = running_emulator(state_directory(context, state)).request("rotate", id=hook)
    context.output.print_one(made, [Column("Webhook", "id"), Column("Secret", "secret")])
