"""`outreply` and `python -m outreply_cli`."""

import sys


def run() -> int:
    """Run the command line; `--version` is answered before anything heavy is imported."""
    if sys.argv[1:2] == ["--version"]:
        from outreply_cli import __version__

        sys.stdout.write(f"outreply {__version__}\n")
        return 0
    try:
        from outreply_cli.app import run as run_app

        return run_app()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
