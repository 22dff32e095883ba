"""`outreply emulator snapshot load`."""

from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import Yes, argument, command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, save_and_show
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.paths import to_path


@command(api=False)
def run(
    context: Context,
    file: Annotated[Path, argument("FILE", "Snapshot file to load.")],
    state: StateOption = None,
    yes: Yes = False,
) -> None:
    """Restore the emulator's state and time from a file.

    Example: outreply emulator snapshot load before-launch.db --yes

    Example: outreply emulator snapshot load before-launch.db --yes --json
    """
    path = to_path(file).absolute()
    try:
        path.open("rb").close()
    except OSError as error:
        raise InvalidInputError(
            f"cannot load the snapshot {path}: {error.strerror}",
            hint="Use a file written by: outreply emulator snapshot save",
        ) from None
    handle = running_emulator(context, state)
    context.confirm("Replace all data in the emulator?", yes=yes)
    status = handle.request("snapshot", load=str(path))
    save_and_show(context, state, handle, status)
