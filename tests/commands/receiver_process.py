"""`outreply serve-webhook` as a process of its own, and what it says."""

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
class Serving:
    """A receiver that runs."""

    process: "subprocess.Popen[str]"
    url: str
    said: list[str]

    def end(self, number: int = signal.SIGTERM, *, seconds: float = 20) -> Result:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 20) -> Result:
        out, err = self.process.communicate(timeout=seconds)
        return Result(self.process.returncode, out, "".join(self.said) + err)

    def objects(self, ran: Result) -> list[dict[str, Any]]:
        return [json.loads(line) for line in ran.out.splitlines()]


@contextmanager
def serving(cli: CommandLine, *words: str, **env: str) -> Iterator[Serving]:
    """Start one on a free port; SECRET is its secret."""
    process = subprocess.Popen(
        cli.words("serve-webhook", "--port", "0", *words),
        env={**cli.environ, "OUTREPLY_WEBHOOK_SECRET": SECRET, **env},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said: list[str] = []
    assert process.stderr is not None
    url = None
    try:
        for line in process.stderr:
            said.append(line)
            found = re.search(r"Receiving at (\S+?)[;.] ", line)
            url = found[1] if found else url
            if line.startswith("From the internet"):
                break
        assert url is not None, "".join(said)
        yield Serving(process, url, said)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
