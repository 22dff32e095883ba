"""`outreply emulator seed`."""

from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import Yes, argument, command, switch
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, save_and_show
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    file: Annotated[Path | None, argument("[FILE]", "YAML file that describes accounts.")] = None,
    export: Annotated[bool, switch("Print the emulator's data as a seed file.")] = False,
    state: StateOption = None,
    yes: Yes = False,
) -> None:
    """Replace the emulator's data with a seed file.

    Example: outreply emulator seed --export > seed.yaml

    Example: outreply emulator seed seed.yaml --yes
    """
    handle = running_emulator(context, state)
    if export:
        if file is not None:
            hint = "Use: outreply emulator seed --export > FILE"
            raise InvalidInputError("--export does not take a FILE", hint=hint)
        context.output.write_document(str(handle.request("export")["seed"]))
        return
    if file is None:
        hint = "To restore the default data, run: outreply emulator reset"
        raise InvalidInputError("FILE or --export is required", hint=hint)
    text = context.read_text(str(file))
    context.confirm("Replace all data in the emulator?", yes=yes)
    status = handle.request("seed", text=text, name=str(file))
    save_and_show(context, state, handle, status)
