"""`outreply emulator start`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    CommentsOption,
    FailureOption,
    FrozenOption,
    SeedOption,
    StateOption,
    print_started,
    state_directory,
)
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = 8787,
    state: StateOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in this terminal.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; anybody there may use it.")
    ] = "127.0.0.1",
    seed: SeedOption = None,
    frozen: FrozenOption = False,
    failure_rate: FailureOption = 0.0,
    comments: CommentsOption = 0,
    send_anywhere: Annotated[
        bool, typer.Option("--send-anywhere", help="Let webhooks go to other machines.")
    ] = False,
) -> None:
    """Start it in the background, with a profile `emulator` to use it by.

    Example: outreply emulator start

    Example: outreply emulator start --seed 7 --frozen --failure-rate 0.1
    """
    from outreply_cli.api.base_url import is_loopback
    from outreply_cli.emulator.config import EmulatorConfig
    from outreply_cli.emulator.daemon import serve, start_daemon

    if not is_loopback(host):
        context.warn(f"{host} is reached from other machines; anybody there can use this emulator")
    directory = state_directory(context, state)
    if foreground:
        serve(
            directory,
            context.clock,
            port=port,
            host=host,
            settings=EmulatorConfig(seed, frozen, failure_rate, comments, send_anywhere),
            on_ready=lambda running: print_started(context, running),
        )
        return
    words = [f"--failure-rate={failure_rate}", f"--comments={comments}"]
    words += [f"--seed={seed}"] if seed is not None else []
    words += ["--frozen"] if frozen else []
    words += ["--send-anywhere"] if send_anywhere else []
    running = start_daemon(
        directory, context.clock, port=port, host=host, words=words, environ=context.environ
    )
    print_started(context, running)
