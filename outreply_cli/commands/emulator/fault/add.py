"""`outreply emulator fault add`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.fault.shared import FAULT_COLUMNS
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="FAULT",
            help="drop-before, drop-after, delay:SECONDS, status:CODE, garbage, truncate, "
            "rate-limit[:SECONDS] or skew:SECONDS.",
        ),
    ],
    method: Annotated[
        str | None, typer.Option(metavar="METHOD", help="Such as POST; any by default.")
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Such as '/posts/*'; any by default.")
    ] = None,
    every: Annotated[int, typer.Option(metavar="N", min=1, help="Every Nth request.")] = 1,
    probability: Annotated[
        float, typer.Option(metavar="P", min=0, max=1, help="The chance of each.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes chance the same again.")] = 0,
    times: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How often in all; always by default.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Add a fault that matching requests meet.

    Example: outreply emulator fault add drop-after --method POST --path '/posts/*' --times 1

    Example: outreply emulator fault add delay:2 --path /pages --times 1
    """
    running = running_emulator(state_directory(context, state))
    choices = {
        "method": method.upper() if method else None, "path": path, "every": every,
        "probability": probability, "seed": seed, "times": times,
    }  # fmt: skip
    context.output.print_one(
        running.request("fault", add=kind, choices=choices), FAULT_COLUMNS, id_field="number"
    )
