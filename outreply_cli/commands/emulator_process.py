"""`outreply emulator start`, `exec`, `stop` and `status`: its life."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator_group import (
    StateOption,
    announce,
    app,
    running_emulator,
    show_emulator,
    state_directory,
)
from outreply_cli.context import Session
from outreply_cli.emulator.client import Running

SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Makes ids and chance the same again.")
]
FrozenOption = Annotated[
    bool, typer.Option("--frozen", help="Its clock stands still but for `advance`.")
]
FailureOption = Annotated[
    float,
    typer.Option(metavar="RATE", min=0, max=1, help="The share of posts that fail when due."),
]
CommentsOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=100, help="Comments that come in on each new post."),
]


@command(app, "start", api=False)
def emulator_start(
    session: Session,
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
    from outreply_cli.emulator.config import Settings
    from outreply_cli.emulator.daemon import serve, start_in_background

    if not is_loopback(host):
        session.warn(f"{host} is reached from other machines; anybody there can use this emulator")
    directory = state_directory(session, state)
    if foreground:
        serve(
            directory,
            session.clock,
            port=port,
            host=host,
            settings=Settings(seed, frozen, failure_rate, comments, send_anywhere),
            on_ready=lambda running: announce(session, running),
        )
        return
    words = [f"--failure-rate={failure_rate}", f"--comments={comments}"]
    words += [f"--seed={seed}"] if seed is not None else []
    words += ["--frozen"] if frozen else []
    words += ["--send-anywhere"] if send_anywhere else []
    running = start_in_background(
        directory, session.clock, port=port, host=host, words=words, environ=session.environ
    )
    announce(session, running)


@command(app, "exec", api=False, context_settings={"allow_interspersed_args": False})
def emulator_exec(
    session: Session,
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

    from outreply_cli.emulator.config import Settings
    from outreply_cli.emulator.daemon import run_beside

    text = None if file is None else session.read_text(str(file))

    def prepare(running: Running) -> None:
        if text is not None:
            running.ask("seed", text=text, name=str(file))

    with tempfile.TemporaryDirectory(prefix="outreply-emulator-") as directory:
        code = run_beside(
            words,
            Path(directory),
            session.clock,
            settings=Settings(seed, frozen, failure_rate, comments),
            environ=session.environ,
            on_ready=prepare,
        )
    raise typer.Exit(code)


@command(app, "stop", api=False)
def emulator_stop(session: Session, state: StateOption = None) -> None:
    """End it; its state stays.

    Example: outreply emulator stop

    Example: outreply emulator start --state rehearsal && outreply emulator stop --state rehearsal
    """
    from outreply_cli.emulator.daemon import stop

    directory = state_directory(session, state)
    running = running_emulator(directory)
    stop(running, directory, session.clock)
    session.note(f"The emulator on port {running.port} has ended; its state is kept.")


@command(app, "status", api=False)
def emulator_status(session: Session, state: StateOption = None) -> None:
    """Show where it is, its time, its posts and tokens.

    Example: outreply emulator status

    Example: outreply emulator status --json
    """
    directory = state_directory(session, state)
    running = running_emulator(directory)
    show_emulator(session, running, {**running.ask("status"), "state": str(directory)})
