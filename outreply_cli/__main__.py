"""`outreply` and `python -m outreply_cli`."""

import sys

# A reading that a shell's completion started in the background ends after so long, whatever it
# waits for.
_REFRESH_SECONDS = 15.0


def run() -> int:
    """Run the command line; `--version` is answered before anything heavy is imported."""
    first = sys.argv[1:2]
    if first == ["--version"]:
        from outreply_cli import __version__

        sys.stdout.write(f"outreply {__version__}\n")
        return 0
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


def _complete() -> int:
    import os
    import time

    from outreply_cli.completion.answer import answer

    answer(sys.argv[2:], os.environ, time.time())
    return 0


def _end_in_time() -> None:
    import os
    import threading

    timer = threading.Timer(_REFRESH_SECONDS, os._exit, [0])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    sys.exit(run())
