"""`outreply emulator start`."""

from functools import partial
from typing import Annotated

from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.emulator.shared import (
    BehaviorOptions,
    StateOption,
    print_started,
    state_directory,
    state_flag,
)
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    *,
    port: Annotated[
        int, option("PORT", "Port to listen on (0 picks a free port).", min=0, max=65535)
    ] = 8787,
    state: StateOption = None,
    foreground: Annotated[bool, switch("Run in this terminal.")] = False,
    host: Annotated[
        str, option("ADDRESS", "Address or name to bind to (* for all).")
    ] = "127.0.0.1",
    behavior: BehaviorOptions,
    allow_external: Annotated[bool, switch("Allow webhooks to other machines.")] = False,
) -> None:
    """Start the emulator in the background.

    Stores a profile `emulator` with a full-access token.

    Example: outreply emulator start

    Example: outreply emulator start --seed 7 --frozen --failure-rate 0.1
    """
    from outreply_cli.api.base_url import is_loopback
    from outreply_cli.emulator.daemon import serve, start_daemon

    if not is_loopback(host):
        context.warn(
            f"{host} is reachable from other machines; the emulator is open to all of them"
        )
    directory = state_directory(context, state)
    stop = f"outreply emulator stop{state_flag(context, state)}"
    stop_hint = f"Run: {stop}, or use another --state directory."
    if foreground:
        config = behavior.to_config(allow_external=allow_external)
        serve(
            directory, context.clock, port=port, host=host, config=config, stop_hint=stop_hint,
            on_ready=partial(print_started, context, state),
        )  # fmt: skip
        return
    options = behavior.to_flags() + ["--allow-external"] * allow_external
    handle = start_daemon(
        directory, context.clock, port=port, host=host, options=options, stop_hint=stop_hint,
        environ=context.environ,
    )  # fmt: skip
    print_started(context, state, handle)
