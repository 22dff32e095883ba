"""`outreply emulator exec`."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    CommentsOption,
    FailureOption,
    FrozenOption,
    SeedOption,
)
from outreply_cli.context import Context
from outreply_cli.emulator.client import EmulatorHandle


@command(api=False, context_settings={"allow_interspersed_args": False})
def run(
    context: Context,
    words: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run.")],
    file: Annotated[
        Path | None, typer.Option("--seed-file", metavar="FILE", help="A seed to begin with.")
    ] = None,
    seed: SeedOption = None,
    frozen: FrozenOption = False,
    failure_rate: FailureOption = 0.0,
    comments: CommentsOption = 0,
) -> None:
    """Run a command with an emulator of its own, which ends with it; its exit code is ours.

    The command finds OUTREPLY_BASE_URL and OUTREPLY_API_KEY in its environment.

    Example: outreply emulator exec -- outreply pages list

    Example: outreply emulator exec --seed 7 -- sh -c 'outreply posts list --published --json'
    """
    import tempfile

    from outreply_cli.emulator.config import EmulatorConfig
    from outreply_cli.emulator.daemon import run_with_emulator

    text = None if file is None else context.read_text(str(file))

    def prepare(running: EmulatorHandle) -> None:
        if text is not None:
            running.request("seed", text=text, name=str(file))

    with tempfile.TemporaryDirectory(prefix="outreply-emulator-") as directory:
        code = run_with_emulator(
            words,
            Path(directory),
            context.clock,
            settings=EmulatorConfig(seed, frozen, failure_rate, comments),
            environ=context.environ,
            on_ready=prepare,
        )
    raise typer.Exit(code)
