"""Runs targets and minimizes the inputs that are findings."""

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

_LOCATION = re.compile(r" at (\w+\.py:\d+)$", re.MULTILINE)
_MAX_SECONDS = 10
_MINIMIZE_SECONDS = 10.0


class TooSlowError(BaseException):
    """A check took too long; a BaseException so that parsers do not catch it."""


@dataclass(frozen=True)
class Finding:
    """An input that fails a check.

    Attributes:
        cause: Exception and location, which identify the finding.
        data: Input.
        text: Traceback.
    """

    cause: str
    data: bytes
    text: str

    def save(self, directory: Path) -> Path:
        """Write the input and, next to it, the traceback."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / hashlib.sha256(self.data).hexdigest()[:12]
        path.write_bytes(self.data)
        path.with_suffix(".txt").write_text(f"{self.data!r}\n{self.text}", errors="replace")
        return path


@dataclass
class Result:
    """The result of a run of a target."""

    target: Target
    executions: int = 0
    seconds: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)


def run(
    target: Target, *, seed: int, seconds: float | None = None, executions: int | None = None
) -> Result:
    """Run a target for a time or a number of inputs.

    Args:
        target: Target to run.
        seed: Random seed.
        seconds: Time limit.
        executions: Number of inputs.
    """
    result = Result(target)
    mutator = Mutator(target.seeds, target.words, random.Random(seed))  # noqa: S311
    started_at = time.monotonic()
    inputs = iter(target.seeds)
    with _time_limits():
        while executions is None or result.executions < executions:
            result.seconds = time.monotonic() - started_at
            if seconds is not None and result.seconds >= seconds:
                break
            data = next(inputs, None)
            finding = attempt(target, mutator.next() if data is None else data)
            result.executions += 1
            if finding is not None and finding.cause not in result.findings:
                result.findings[finding.cause] = minimize(target, finding)
        signal.alarm(0)
    return result


def attempt(target: Target, data: bytes) -> Finding | None:
    """Run an input; return the finding, if any."""
    signal.alarm(_MAX_SECONDS)
    try:
        target(data)
    except (Exception, TooSlowError) as problem:  # noqa: BLE001 - every exception is a finding
        return Finding(_cause(problem), data, "".join(traceback.format_exception(problem)))
    return None


def minimize(target: Target, finding: Finding) -> Finding:
    """Remove parts of the input that are not needed for the finding."""
    deadline = time.monotonic() + _MINIMIZE_SECONDS
    best = finding
    size = len(best.data)
    while size >= 1:
        index = 0
        while index < len(best.data):
            if time.monotonic() > deadline:
                return best
            smaller = attempt(target, best.data[:index] + best.data[index + size :])
            if smaller is not None and smaller.cause == finding.cause:
                best = smaller
            else:
                index += size
        size //= 2
    return best


def _cause(problem: BaseException) -> str:
    if isinstance(problem, TooSlowError):
        return "too slow"
    frames = traceback.extract_tb(problem.__traceback__)
    package_frames = [frame for frame in frames if "outreply_cli" in frame.filename] or frames
    location = f"{Path(package_frames[-1].filename).name}:{package_frames[-1].lineno}"
    reported = _LOCATION.search(str(problem))
    if reported is not None:
        # The message of an internal error names its origin.
        location = reported[1]
    elif isinstance(problem, AssertionError):
        location = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
    return f"{type(problem).__name__} at {location}"


@contextmanager
def _time_limits() -> Iterator[None]:
    def raise_timeout(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, raise_timeout)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
