"""`outreply emulator snapshot`: everything in it to a file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command, new_group
from outreply_cli.commands.emulator_group import (
    StateOption,
    app,
    keep_profile,
    running_emulator,
    show_emulator,
    state_directory,
)
from outreply_cli.context import Session
from outreply_cli.paths import path_of

snapshot = new_group("Keep everything in it in a file, and bring it back.")
app.add_typer(snapshot, name="snapshot")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Where the snapshot is.")]


@command(snapshot, "save", api=False)
def emulator_snapshot_save(
    session: Session, file: FileArgument, state: StateOption = None, yes: Yes = False
) -> None:
    """Write everything in it to FILE, as of this instant; tokens and secrets too.

    Example: outreply emulator snapshot save before-launch.db

    Example: outreply emulator snapshot save before-launch.db --yes --json
    """
    running = running_emulator(state_directory(session, state))
    path = path_of(file).absolute()
    if path.exists():
        session.confirm(f"Replace {file}?", yes=yes)
    running.ask("snapshot", save=str(path))
    session.note(f"Everything in the emulator is in {file}.")


@command(snapshot, "load", api=False)
def emulator_snapshot_load(
    session: Session, file: FileArgument, state: StateOption = None, yes: Yes = False
) -> None:
    """Put what is in FILE in place of everything in it; its time goes on from then.

    Example: outreply emulator snapshot load before-launch.db --yes

    Example: outreply emulator snapshot load before-launch.db --yes --json
    """
    running = running_emulator(state_directory(session, state))
    session.confirm("Replace everything in the emulator?", yes=yes)
    status = running.ask("snapshot", load=str(path_of(file).absolute()))
    keep_profile(session, running, status)
    show_emulator(session, running, status)
