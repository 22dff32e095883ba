"""`outreply emulator fault add`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command, option
from outreply_cli.commands.emulator.shared import FAULT_COLUMNS, StateOption, running_emulator
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    kind: Annotated[
        str,
        argument(
            "FAULT",
            "Fault to add: drop-before, drop-after, delay:SECONDS, status:CODE, garbage, "
            "truncate, rate-limit[:SECONDS] or skew:SECONDS.",
        ),
    ],
    method: Annotated[
        str | None, option("METHOD", "Match this HTTP method (default: any).")
    ] = None,
    path: Annotated[
        str | None, option("PATTERN", "Match paths such as '/posts/*' (default: any).")
    ] = None,
    every: Annotated[int, option("COUNT", "Affect one in COUNT matching requests.", min=1)] = 1,
    probability: Annotated[
        float, option("RATE", "Probability that a matching request is affected.", min=0, max=1)
    ] = 1.0,
    seed: Annotated[int, option("NUMBER", "Random seed for reproducible results.")] = 0,
    times: Annotated[
        int | None, option("COUNT", "Maximum number of hits (default: unlimited).", min=1)
    ] = None,
    state: StateOption = None,
) -> None:
    """Add a fault to the responses of matching requests.

    drop-before closes the connection before the request takes effect, drop-after afterwards.
    garbage responds with HTML, truncate cuts the body off, and skew shifts the Date header.
    Faults last until they are cleared or the emulator stops.

    Example: outreply emulator fault add drop-after --method POST --path '/posts/*' --times 1

    Example: outreply emulator fault add delay:2 --path /pages --times 1
    """
    options = {
        "method": method, "path": path, "every": every,
        "probability": probability, "seed": seed, "times": times,
    }  # fmt: skip
    fault = running_emulator(context, state).request("fault", add=kind, options=options)
    context.output.print_one(fault, FAULT_COLUMNS, id_field="number")
