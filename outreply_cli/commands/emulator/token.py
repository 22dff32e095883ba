"""`outreply emulator token`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.times import parse_duration


@command(api=False)
def run(
    context: Context,
    scopes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these scopes; all by default.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(metavar="T", help="Such as 90d; never by default.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What it is called.")] = None,
    state: StateOption = None,
) -> None:
    """Print a token of it: the profile's own, or a new one with --scopes or --expires-in.

    Example: export OUTREPLY_API_KEY=$(outreply emulator token)

    Example: outreply emulator token --scopes read:posts,read:pages --expires-in 1h
    """
    running = running_emulator(state_directory(context, state))
    if scopes is None and expires_in is None and name is None:
        token = next(iter(running.request("status")["tokens"]), None)
        if token is None:
            raise EmulatorError(
                "no token in the emulator is in force",
                hint="Make one with: outreply emulator token --name A",
            )
    else:
        token = running.request(
            "token",
            scopes=[scope.strip() for scope in scopes.split(",")] if scopes else None,
            expires_in=parse_duration(expires_in).total_seconds() if expires_in else None,
            name=name,
        )
    if context.options.output == "table" and context.options.fields is None:
        context.output.print_text(str(token["token"]))
    else:
        context.output.write_json({**token, "base_url": running.base_url})
