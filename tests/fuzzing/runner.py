"""Runs targets: makes inputs, keeps the ones that are findings, each as small as it gets."""

import hashlib
import random
import re
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzzing.mutation import Mutator
from tests.fuzzing.target import Target

_PLACE = re.compile(r" at (\w+\.py:\d+)$", re.MULTILINE)
_SLOWEST_SECONDS = 10
_SHRINKING_SECONDS = 10.0


class TooSlowError(BaseException):
    """An input kept its reader for longer than any may; no reader catches it."""


@dataclass(frozen=True)
class Finding:
    """An input that a check did not pass.

    Attributes:
        cause: What was raised and where: the same for inputs that find the same.
        text: The whole of it.
    """

    cause: str
    data: bytes
    text: str

    def save(self, directory: Path) -> Path:
        """Write the input, and what it caused beside it."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / hashlib.sha256(self.data).hexdigest()[:12]
        path.write_bytes(self.data)
        path.with_suffix(".txt").write_text(f"{self.data!r}\n{self.text}", errors="replace")
        return path


@dataclass
class Result:
    """What came of running a target."""

    target: Target
    executions: int = 0
    seconds: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)


def run(
    target: Target, *, seed: int, seconds: float | None = None, executions: int | None = None
) -> Result:
    """Try inputs until the time is over, or as many as were asked for.

    Args:
        target: What is tried.
        seed: Makes the same inputs again.
        seconds: For how long.
        executions: How many inputs.
    """
    ran = Result(target)
    mutator = Mutator(target.seeds, target.words, random.Random(seed))  # noqa: S311
    began = time.monotonic()
    inputs = iter(target.seeds)
    with _guarded():
        while executions is None or ran.executions < executions:
            ran.seconds = time.monotonic() - began
            if seconds is not None and ran.seconds >= seconds:
                break
            data = next(inputs, None)
            finding = attempt(target, mutator.next() if data is None else data)
            ran.executions += 1
            if finding is not None and finding.cause not in ran.findings:
                ran.findings[finding.cause] = shrunk(target, finding)
        signal.alarm(0)
    return ran


def attempt(target: Target, data: bytes) -> Finding | None:
    """What an input finds, or None."""
    signal.alarm(_SLOWEST_SECONDS)
    try:
        target(data)
    except (Exception, TooSlowError) as problem:  # noqa: BLE001 - whatever it is
        return Finding(_cause(problem), data, "".join(traceback.format_exception(problem)))
    return None


def shrunk(target: Target, finding: Finding) -> Finding:
    """The same finding from an input with as much taken out as the time allows."""
    deadline = time.monotonic() + _SHRINKING_SECONDS
    best = finding
    size = len(best.data)
    while size >= 1:
        place = 0
        while place < len(best.data):
            if time.monotonic() > deadline:
                return best
            smaller = attempt(target, best.data[:place] + best.data[place + size :])
            if smaller is not None and smaller.cause == finding.cause:
                best = smaller
            else:
                place += size
        size //= 2
    return best


def _cause(problem: BaseException) -> str:
    if isinstance(problem, TooSlowError):
        return "too slow"
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if "outreply_cli" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    told = _PLACE.search(str(problem))
    if told is not None:
        # A command tells of a fault where it came from.
        place = told[1]
    elif isinstance(problem, AssertionError):
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    return f"{type(problem).__name__} at {place}"


@contextmanager
def _guarded() -> Iterator[None]:
    def end(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, end)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
