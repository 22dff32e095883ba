"""`outreply emulator seed`."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    save_profile,
    show_emulator,
    state_directory,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="YAML that describes accounts.")
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Print what is in it as a seed file.")
    ] = False,
    state: StateOption = None,
    yes: Yes = False,
) -> None:
    """Put the accounts of a YAML file into it instead of what is there.

    With no FILE an empty emulator gets the built-in account.

    Example: outreply emulator seed --export > seed.yaml

    Example: outreply emulator seed seed.yaml --yes
    """
    running = running_emulator(state_directory(context, state))
    if export:
        if file is not None:
            raise InvalidInputError("--export prints to stdout; leave the FILE out")
        context.output.write_document(str(running.request("export")["seed"]))
        return
    if file is None:
        status = running.request("seed")
    else:
        text = context.read_text(str(file))
        context.confirm("Replace everything in the emulator?", yes=yes)
        status = running.request("seed", text=text, name=str(file))
    save_profile(context, running, status)
    show_emulator(context, running, status)
