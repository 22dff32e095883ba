"""`outreply emulator exec`."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import argument, command, option
from outreply_cli.commands.emulator.shared import BehaviorOptions
from outreply_cli.context import Context
from outreply_cli.emulator.client import EmulatorHandle


@command(api=False, allow_interspersed_args=False)
def run(
    context: Context,
    *,
    words: Annotated[list[str], argument("-- COMMAND...", "Command to run.")],
    file: Annotated[Path | None, option("FILE", "Seed file to load first.", "--seed-file")] = None,
    behavior: BehaviorOptions,
) -> None:
    """Run a command against a temporary emulator.

    The command gets OUTREPLY_BASE_URL and OUTREPLY_API_KEY in its environment. Exits with the
    command's exit code.

    Example: outreply emulator exec -- outreply pages list

    Example: outreply emulator exec --seed 7 -- sh -c 'outreply posts list --published --json'
    """
    import tempfile

    from outreply_cli.emulator.daemon import run_with_emulator

    text = None if file is None else context.read_text(str(file))

    def load_seed(handle: EmulatorHandle) -> None:
        if text is not None:
            handle.request("seed", text=text, name=str(file))

    with tempfile.TemporaryDirectory(prefix="outreply-emulator-") as directory:
        code = run_with_emulator(
            words, Path(directory), context.clock, config=behavior.to_config(),
            environ=context.environ, on_ready=load_seed,
        )  # fmt: skip
    raise typer.Exit(code)
