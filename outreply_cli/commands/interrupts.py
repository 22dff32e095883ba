"""Ctrl-C in commands that send from several threads, or that wait for requests."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from outreply_cli.cancellation import CancellationToken
from outreply_cli.context import Context
from outreply_cli.errors import ExitCode, InterruptedRunError
from outreply_cli.ui.streams import is_terminal

# A progress bar hides the cursor.
_SHOW_CURSOR = b"\x1b[?25h\n"


@contextmanager
def interruptible(
    context: Context, stop: CancellationToken, error: InterruptedRunError
) -> Iterator[None]:
    """Let Ctrl-C stop the run in the block within seconds, and a second Ctrl-C exit immediately.

    The run is stopped because of `error`. No exception is raised, wherever the signal arrives.
    """

    def interrupt(_signal: int, _frame: object) -> None:
        if stop.is_interrupted:
            # What was sent is in the journal, and the lock ends with the process.
            if is_terminal(context.stderr):
                os.write(2, _SHOW_CURSOR)
            os._exit(ExitCode.INTERRUPTED)
        stop.set(error)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with handle_interrupts(interrupt):
        yield


@contextmanager
def handle_interrupts(
    handler: Callable[[int, Any], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Call `handler` at each Ctrl-C, and at each of the signals `numbers`, while the block runs.

    SIGTERM has the same effect as Ctrl-C, because `__main__` forwards it to the handler of SIGINT.
    """
    previous = {number: signal.signal(number, handler) for number in (signal.SIGINT, *numbers)}
    try:
        yield
    finally:
        for number, handler_before in previous.items():
            signal.signal(number, handler_before)
