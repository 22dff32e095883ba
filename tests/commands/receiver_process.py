"""`outreply serve-webhook` in a separate process."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.command_line import CommandLine, Result

SECRET = "whsec_of_these_tests"


@dataclass
class ReceiverProcess:
    """A running receiver.

    Attributes:
        startup_lines: The lines on stderr until it was ready.
    """

    process: "subprocess.Popen[str]"
    url: str
    startup_lines: list[str]

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 60) -> Result:
        """Send a signal and wait for the process to end."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 60) -> Result:
        out, err = self.process.communicate(timeout=seconds)
        return Result(self.process.returncode, out, "".join(self.startup_lines) + err)


def parse_lines(ran: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


@contextmanager
def run_receiver(cli: CommandLine, *words: str, **env: str) -> Iterator[ReceiverProcess]:
    """Start a receiver on a free port that verifies with SECRET."""
    env = {"OUTREPLY_WEBHOOK_SECRET": SECRET, **env}
    process = cli.start("serve-webhook", "--port", "0", *words, env=env)
    lines: list[str] = []
    assert process.stderr is not None
    url = None
    try:
        for line in process.stderr:
            lines.append(line)
            match = re.search(r"Receiving at (\S+?)[;.] ", line)
            url = match[1] if match else url
            if line.startswith(("From the internet", "Registered with the emulator")):
                break
        assert url is not None, "".join(lines)
        yield ReceiverProcess(process, url, lines)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
