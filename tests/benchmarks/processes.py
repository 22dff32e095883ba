"""Duration and peak memory of processes."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# Processes start from a small launcher: memory inherited from the parent is counted.
_LAUNCHER = (
    "import resource, subprocess, sys; "
    "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


@dataclass(frozen=True)
class ProcessResult:
    """Duration of a process and its standard error."""

    seconds: float
    stderr: str


def run(
    words: Sequence[str], environ: Mapping[str, str] = os.environ, codes: Collection[int] = (0,)
) -> ProcessResult:
    """Run a process; raise RuntimeError unless its exit code is in `codes`."""
    started_at = time.perf_counter()
    done = subprocess.run(
        words, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started_at
    if done.returncode not in codes:
        raise RuntimeError(f"{words[0]} exited with {done.returncode}: {done.stderr}")
    return ProcessResult(seconds, done.stderr)


def peak_mb(
    words: Sequence[str], environ: Mapping[str, str] = os.environ, codes: Collection[int] = (0,)
) -> float:
    """Measure the peak memory of a process; raise RuntimeError as `run` does."""
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *words], env=environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in codes:
        raise RuntimeError(f"{words[0]} exited with {done.returncode}: {done.stderr}")
    return int(done.stdout) / 1024
