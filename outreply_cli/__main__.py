"""`outreply` and `python -m outreply_cli`."""

import gc
import os
import sys

# A reading that a shell's completion started in the background ends after so long, whatever it
# waits for.
_REFRESH_SECONDS = 15.0


def main() -> None:
    """The installed command."""
    # What is imported stays: to look among it again and again for what can go finds nothing.
    gc.set_threshold(50_000, 20, 20)
    _leave(run())


def run() -> int:
    """Run the command line; `--version` is answered before anything heavy is imported."""
    first = sys.argv[1:2]
    if first == ["--version"]:
        return _show_version()
    if first == ["__complete"]:
        return _complete()
    if first == ["__refresh"]:
        _end_in_time()
        del sys.argv[1]
    try:
        from outreply_cli.app import run as run_app

        return run_app()
    except KeyboardInterrupt:
        return 130


def _show_version() -> int:
    from outreply_cli import __version__

    reason = "it is closed"
    try:
        if sys.stdout is not None:
            sys.stdout.write(f"outreply {__version__}\n")
            sys.stdout.flush()
            return 0
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except OSError as failure:
        # What it holds back would be tried again at exit, and complained of.
        sys.stdout = None
        reason = failure.strerror or reason
    if sys.stderr is not None:
        sys.stderr.write(f"Error: The output can't be written: {reason}\n")
    return 1


def _complete() -> int:
    import time

    from outreply_cli.completion.query import complete

    complete(sys.argv[2:], os.environ, time.time())
    return 0


def _leave(code: int) -> None:
    """End: at once where nothing is left to be done, as to take Python apart takes a while."""
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


def _end_in_time() -> None:
    import threading

    timer = threading.Timer(_REFRESH_SECONDS, os._exit, [0])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
