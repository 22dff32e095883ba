"""`outreply emulator snapshot save`."""

from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import Yes, argument, command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator
from outreply_cli.context import Context
from outreply_cli.paths import to_path


@command(api=False)
def run(
    context: Context,
    file: Annotated[Path, argument("FILE", "Snapshot file to write.")],
    state: StateOption = None,
    yes: Yes = False,
) -> None:
    """Save the emulator's state to a file, tokens and secrets included.

    Example: outreply emulator snapshot save before-launch.db

    Example: outreply emulator snapshot save before-launch.db --yes --json
    """
    handle = running_emulator(context, state)
    path = to_path(file).absolute()
    if path.exists():
        context.confirm(f"Replace {file}?", yes=yes)
    status = handle.request("snapshot", save=str(path))
    result = {"file": str(path), "now": status["now"], "size_bytes": path.stat().st_size}
    context.report(result, f"Saved the emulator to {file}.")
