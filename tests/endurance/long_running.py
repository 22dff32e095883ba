"""The processes that run for the whole day: the emulator and the receiver."""

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
# Each strikes by itself: one request in twenty meets one of them.
_FAULTS = ("status:500", "drop-before", "drop-after", "rate-limit:1", "delay:0.2")


@dataclass(frozen=True)
class Size:
    """What a process holds: memory in MB, and open file descriptors."""

    memory_mb: float
    descriptors: int


def size_of(pid: int) -> Size:
    """What a process holds now."""
    process = Path(f"/proc/{pid}")
    lines = process.joinpath("status").read_text().splitlines()
    resident = next(line for line in lines if line.startswith("VmRSS:"))
    return Size(int(resident.split()[1]) / 1024, len(list(process.joinpath("fd").iterdir())))


@contextmanager
def emulating(
    cli: CommandLine, directory: Path, seed: int, comments: int
) -> Iterator[EmulatorHandle]:
    """`outreply emulator start` with its clock in our hand; posts fail, and get comments."""
    words = [
        "emulator", "start", "--foreground", "--frozen", "--port", "0", "--seed", str(seed),
        "--comments", str(comments), "--failure-rate", "0.05", "--state", str(directory),
    ]  # fmt: skip
    process = subprocess.Popen(cli.words(*words), env=cli.environ, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        began = time.monotonic()
        while (running := find_running(directory)) is None:
            assert process.poll() is None, "the emulator ended"
            assert time.monotonic() - began < _START_SECONDS, "the emulator does not answer"
            time.sleep(0.02)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def misbehave(running: EmulatorHandle, rate: float, seed: int) -> None:
    """Let a share of the API's answers, 0 to 1, go wrong in all the ways."""
    for number, fault in enumerate(_FAULTS):
        choices = {"probability": rate / len(_FAULTS), "seed": seed + number}
        running.request("fault", add=fault, choices=choices)


@dataclass(frozen=True)
class Receiver:
    """`outreply serve-webhook` as it runs."""

    pid: int
    url: str


@contextmanager
def receiving(cli: CommandLine, directory: Path, secret: str, *words: str) -> Iterator[Receiver]:
    """Start it on a free port; what it says goes to files, as it would with a service manager."""
    said = directory / "receiver.err"
    with said.open("w") as err, (directory / "receiver.out").open("w") as out:
        process = subprocess.Popen(
            cli.words("serve-webhook", "--port", "0", "-o", "jsonl", *words),
            env={**cli.environ, "OUTREPLY_WEBHOOK_SECRET": secret}, stdout=out, stderr=err,
        )  # fmt: skip
    try:
        began = time.monotonic()
        while (found := _RECEIVING_AT.search(said.read_text())) is None:
            assert process.poll() is None, said.read_text()
            assert time.monotonic() - began < _START_SECONDS, "the receiver does not start"
            time.sleep(0.02)
        yield Receiver(process.pid, found[1])
    finally:
        process.terminate()
        process.wait(20)
