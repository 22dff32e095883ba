"""Commands given by the user."""

import sys

from outreply_cli.subprocesses import CommandResult, CommandRunner


def test_timeout_longer_than_system_limit() -> None:
    month = 31 * 86_400.0
    assert CommandRunner().run(
        [sys.executable, "-c", ""], {}, b"x", timeout=month
    ) == CommandResult(None)
