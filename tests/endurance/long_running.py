"""The long-running processes: the emulator and the receiver."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outreply_cli.emulator.client import EmulatorHandle, find_running
from tests.command_line import CommandLine

_START_SECONDS = 20.0
_RECEIVING_AT = re.compile(r"Receiving at (http\S+?)[;.] ")
# Faults are independent; together they affect one request in twenty.
_FAULTS = ("status:500", "drop-before", "drop-after", "rate-limit:1", "delay:0.2")


@dataclass(frozen=True)
class Usage:
    """Memory in MB and number of open file descriptors."""

    memory_mb: float
    descriptors: int


def get_usage(pid: int) -> Usage:
    """Measure the resource usage of a process."""
    process = Path(f"/proc/{pid}")
    lines = process.joinpath("status").read_text().splitlines()
    resident = next(line for line in lines if line.startswith("VmRSS:"))
    return Usage(int(resident.split()[1]) / 1024, len(list(process.joinpath("fd").iterdir())))


@contextmanager
def run_emulator(
    cli: CommandLine, directory: Path, seed: int, comments: int
) -> Iterator[EmulatorHandle]:
    """Run `outreply emulator start` with a frozen clock, failing posts and comments."""
    words = [
        "emulator", "start", "--foreground", "--frozen", "--port", "0", "--seed", str(seed),
        "--comments", str(comments), "--failure-rate", "0.05", "--state", str(directory),
    ]  # fmt: skip
    process = subprocess.Popen(cli.words(*words), env=cli.environ, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        started_at = time.monotonic()
        while (running := find_running(directory)) is None:
            assert process.poll() is None, "the emulator exited"
            assert time.monotonic() - started_at < _START_SECONDS, "the emulator did not start"
            time.sleep(0.02)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def add_faults(running: EmulatorHandle, rate: float, seed: int) -> None:
    """Add faults of all kinds to a share of the requests, 0 to 1."""
    for number, fault in enumerate(_FAULTS):
        options = {"probability": rate / len(_FAULTS), "seed": seed + number}
        running.request("fault", add=fault, options=options)


@dataclass(frozen=True)
class Receiver:
    """A running `outreply serve-webhook`."""

    pid: int
    url: str


@contextmanager
def run_receiver(cli: CommandLine, directory: Path, secret: str, *words: str) -> Iterator[Receiver]:
    """Run `outreply serve-webhook` on a free port, with its output in files."""
    log = directory / "receiver.err"
    with log.open("w") as err, (directory / "receiver.out").open("w") as out:
        process = subprocess.Popen(
            cli.words("serve-webhook", "--port", "0", "-o", "jsonl", *words),
            env={**cli.environ, "OUTREPLY_WEBHOOK_SECRET": secret}, stdout=out, stderr=err,
        )  # fmt: skip
    try:
        started_at = time.monotonic()
        while (match := _RECEIVING_AT.search(log.read_text())) is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() - started_at < _START_SECONDS, "the receiver did not start"
            time.sleep(0.02)
        yield Receiver(process.pid, match[1])
    finally:
        process.terminate()
        process.wait(20)
