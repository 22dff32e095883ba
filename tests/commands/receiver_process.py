"""`outreply serve-webhook` in a separate process."""

import http.client
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from outreply_cli.webhooks import sign
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

    @property
    def inspector_path(self) -> str:
        """The path of the inspector's page."""
        (path,) = re.findall(
            r"^Inspect deliveries at http://[^/]+(\S+)$", "".join(self.startup_lines), re.MULTILINE
        )
        return str(path)

    def stop(self, number: int = signal.SIGTERM, *, seconds: float = 60) -> Result:
        """Send a signal and wait for the process to end."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 60) -> Result:
        """Wait for the process to end."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        # Not `communicate`, which would miss what was read ahead with the lines at startup.
        with self.process, ThreadPoolExecutor(2) as pool:
            out, err = (
                pool.submit(pipe.read) for pipe in (self.process.stdout, self.process.stderr)
            )
            try:
                code = self.process.wait(seconds)
            finally:
                self.process.kill()
            return Result(code, out.result(), "".join(self.startup_lines) + err.result())


def parse_lines(ran: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def send(url: str, body: bytes, signature: str | None = None, path: str | None = None) -> int:
    """Send a delivery, signed unless a signature is given, and return the status."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"X-OutReply-Signature": signature or sign(body, SECRET)}
    connection.request("POST", path or parts.path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


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
            if line.startswith(
                ("Public URL", "To receive from the internet", "Registered with the emulator")
            ):
                break
        assert url is not None, "".join(lines)
        yield ReceiverProcess(process, url, lines)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
