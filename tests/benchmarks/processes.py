"""What a whole process takes, from its start to its exit."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# What a process inherits of a large one that starts it would be counted too, so a small one does.
_LAUNCHER = (
    "import resource, subprocess, sys; "
    "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


@dataclass(frozen=True)
class Ended:
    """How long a process took, and what it said on standard error."""

    seconds: float
    said: str


def run(
    words: Sequence[str], environ: Mapping[str, str] = os.environ, codes: Collection[int] = (0,)
) -> Ended:
    """Run a process; raises RuntimeError when it ends with none of `codes`."""
    began = time.perf_counter()
    done = subprocess.run(
        words, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if done.returncode not in codes:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr}")
    return Ended(seconds, done.stderr)


def peak_mb(
    words: Sequence[str], environ: Mapping[str, str] = os.environ, codes: Collection[int] = (0,)
) -> float:
    """The most memory that a process takes; raises RuntimeError as `run` does."""
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *words], env=environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in codes:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr}")
    return int(done.stdout) / 1024
