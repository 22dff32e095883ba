"""`outreply emulator token`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator
from outreply_cli.context import Context
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.times import parse_duration


@command(api=False)
def run(
    context: Context,
    scopes: Annotated[
        str | None, typer.Option(metavar="SCOPE,...", help="Scopes of a new token (default: all).")
    ] = None,
    expires_in: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Lifetime of a new token (default: unlimited)."),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of a new token.")] = None,
    state: StateOption = None,
) -> None:
    """Print an API token for the emulator.

    Prints the token of the profile, or creates one with --scopes, --expires-in or --name.

    Example: export OUTREPLY_API_KEY=$(outreply emulator token)

    Example: outreply emulator token --scopes read:posts,read:pages --expires-in 1h
    """
    handle = running_emulator(context, state)
    if scopes is None and expires_in is None and name is None:
        token = next(iter(handle.request("status")["tokens"]), None)
        if token is None:
            hint = "Run: outreply emulator token --name NAME"
            raise EmulatorError("the emulator has no active token", hint=hint)
    else:
        token = handle.request(
            "token",
            scopes=[scope.strip() for scope in scopes.split(",")] if scopes else None,
            expires_in=parse_duration(expires_in).total_seconds() if expires_in else None,
            name=name,
        )
    context.output.print_value(str(token["token"]), {**token, "base_url": handle.base_url})
