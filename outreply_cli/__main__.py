"""The entry point of `outreply` and `python -m outreply_cli`."""

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

# Kills a background refresh that hangs on the network.
_REFRESH_TIMEOUT_SECONDS = 15.0


def main() -> None:
    """Run the installed command."""
    # Imported modules stay alive, so frequent collections would find nothing.
    gc.set_threshold(50_000, 20, 20)
    _exit(run())


def run() -> int:
    """Run the command line; `--version` and completion import nothing heavy."""
    first = sys.argv[1:2]
    try:
        if first == ["--version"]:
            return _print_version()
        if first == ["__complete"]:
            return _complete()
        _interrupt_on_sigterm()
        if first == ["__refresh"]:
            _exit_after_timeout()
            del sys.argv[1]
        _disable_core_files()
        from outreply_cli.app import run as run_app

        return run_app()
    except KeyboardInterrupt:
        return 130


def _disable_core_files() -> None:
    """Keep secrets out of core files, and out of those of commands that outreply starts."""
    try:
        import resource
    except ImportError:
        # Windows has no core files.
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _print_version() -> int:
    from outreply_cli import __version__

    reason = "the stream is closed"
    try:
        if sys.stdout is not None:
            sys.stdout.write(f"outreply {__version__}\n")
            sys.stdout.flush()
            return 0
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except OSError as error:
        # Python would write the buffer again at exit, and fail again.
        sys.stdout = None
        reason = error.strerror or reason
    if sys.stderr is not None:
        sys.stderr.write(f"Error: Cannot write the output: {reason}\n")
    return 1


def _complete() -> int:
    import time

    from outreply_cli.completion.query import complete

    complete(sys.argv[2:], os.environ, time.time())
    return 0


def _exit(code: int) -> None:
    """Exit, without Python's slow finalization if no other thread is running."""
    threads = sys.modules.get("threading")
    if threads is not None and threads.active_count() > 1:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            sys.exit(code)
    os._exit(code)


def _interrupt_on_sigterm() -> None:
    """Handle SIGTERM like Ctrl-C; Linux has no default action for it in process 1."""
    import signal

    def interrupt(_signal: int, frame: "FrameType | None") -> None:
        handler = signal.getsignal(signal.SIGINT)
        # Jobs of a shell that run in the background ignore Ctrl-C.
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, interrupt)


def _exit_after_timeout() -> None:
    import threading

    timer = threading.Timer(_REFRESH_TIMEOUT_SECONDS, os._exit, [0])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
