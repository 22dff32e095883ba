"""Commands of the user's own."""

import sys

from outreply_cli.subprocesses import run_command


def test_a_command_may_run_for_longer_than_the_system_can_wait_at_once() -> None:
    month = 31 * 86_400.0
    assert run_command([sys.executable, "-c", ""], {}, b"x", seconds=month) == (True, None)
