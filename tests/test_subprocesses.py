"""Commands given by the user."""

import sys

from outreply_cli.subprocesses import run_command


def test_timeout_longer_than_system_limit() -> None:
    month = 31 * 86_400.0
    assert run_command([sys.executable, "-c", ""], {}, b"x", timeout=month) == (True, None)
