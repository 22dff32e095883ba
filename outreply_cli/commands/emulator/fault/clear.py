"""`outreply emulator fault clear`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator
from outreply_cli.context import Context
from outreply_cli.emulator.errors import EmulatorNotFoundError


@command(api=False)
def run(
    context: Context,
    number: Annotated[
        int | None, argument("[NUMBER]", "Number of the fault (default: all faults).")
    ] = None,
    state: StateOption = None,
) -> None:
    """Remove one fault, or all of them.

    Example: outreply emulator fault clear

    Example: outreply emulator fault clear 1
    """
    result = running_emulator(context, state).request("fault", clear=number)
    removed = result["removed"]
    if number is not None and not removed:
        raise EmulatorNotFoundError(
            f"fault not found: {number}", hint="See: outreply emulator fault list"
        )
    context.report(result, f"Removed {removed} fault{'' if removed == 1 else 's'}.")
