"""`outreply emulator fault list`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.fault.shared import FAULT_COLUMNS
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """List the faults in force, and how often each struck.

    Example: outreply emulator fault list

    Example: outreply emulator fault list --json
    """
    found = running_emulator(state_directory(context, state)).request("fault")["faults"]
    context.output.print_list(found, FAULT_COLUMNS, id_field="number")
