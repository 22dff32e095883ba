"""`outreply emulator fault list`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import FAULT_COLUMNS, StateOption, running_emulator
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """List the active faults.

    Example: outreply emulator fault list

    Example: outreply emulator fault list --json
    """
    faults = running_emulator(context, state).request("fault")["faults"]
    context.output.print_list(faults, FAULT_COLUMNS, id_field="number")
