"""`outreply emulator comment`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context
from outreply_cli.ui.output import Column


@command(api=False)
def run(
    context: Context,
    post: Annotated[str, typer.Argument(metavar="POST", help="A published post's id.")],
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="What it says.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Who writes.")] = "Jane Doe",
    username: Annotated[str, typer.Option(metavar="NAME", help="Their user name.")] = "jane.doe",
    state: StateOption = None,
) -> None:
    """Let a comment come in on a published post; webhooks are told.

    Example: outreply emulator comment $(outreply posts list --published -q --limit 1) -m 'Is it open?'

    Example: outreply emulator comment $(outreply posts list --published -q --limit 1) -m Hello --name Ana --json
    """  # noqa: E501 - a line that can be pasted
    running = running_emulator(state_directory(context, state))
    made = running.request("comment", post_id=post, message=message, name=name, username=username)
    context.output.print_one(made, [Column("Comment", "id"), Column("Post", "post_id")])
