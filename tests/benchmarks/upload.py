"""A 250 MB video: `media upload` beside `curl -F` to the same server, and its memory.

`python -m tests.benchmarks.upload [--megabytes 250] [--rounds 5]`

Both are whole processes, from start to exit, in turns. curl sends the file and nothing else; the
command also starts Python, reads the account and the media that are there, and keeps its journal.
The same command without an upload (`media list`) is what its memory is compared with.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer

_MEGABYTE = 1024 * 1024
_CLI = (sys.executable, "-m", "outreply_cli")


def write_video(path: Path, megabytes: int) -> None:
    """A file of that size that begins as a video does and can't be compressed."""
    with path.open("wb") as stream:
        stream.write(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 12)
        stream.write((megabytes * _MEGABYTE - stream.tell()).to_bytes(4, "big") + b"mdat")
        while (left := megabytes * _MEGABYTE - stream.tell()) > 0:
            stream.write(os.urandom(min(_MEGABYTE, left)))


def seconds_of(words: Sequence[str], environ: dict[str, str]) -> tuple[float, float]:
    """How long a process took, and how long the sending that it tells of with `-v`."""
    began = time.perf_counter()
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    sending = re.search(r"/media/upload 201 (\d+) ms", done.stderr)
    return seconds, int(sending[1]) / 1000 if sending else seconds


def peak_of(words: Sequence[str], environ: dict[str, str]) -> float:
    """The most memory that a process took, in MB.

    A small process starts it: what it inherits of a large one would be counted too.
    """
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], env=environ,
                          capture_output=True, text=True, check=True)  # fmt: skip
    return int(done.stdout) / 1024


def main() -> dict[str, float]:
    """Print the figures, and give them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    program = shutil.which("curl")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        video = root / "video.mp4"
        write_video(video, asked.megabytes)
        with EmulatorServer(root / "emulator.db", SystemClock()) as server:
            with server.state.change() as db:
                db.execute("UPDATE users SET tier = 'elite'")
            environ = {
                **os.environ,
                "OUTREPLY_API_KEY": server.token,
                "OUTREPLY_BASE_URL": server.base_url,
                "OUTREPLY_STATE_DIR": str(root / "state"),
                "OUTREPLY_CONFIG_DIR": str(root / "config"),
            }

            def forget() -> None:
                # A file of the same size that is there already would be read twice.
                with server.state.change() as db:
                    db.execute("UPDATE media SET deleted_at = 1")

            ours, sendings, theirs = [], [], []
            upload = (*_CLI, "media", "upload", str(video))
            memory = peak_of(upload, environ) - peak_of((*_CLI, "media", "list"), environ)
            for _ in range(asked.rounds):
                forget()
                if program is not None:
                    theirs.append(seconds_of(_curl_words(program, server, video), environ)[0])
                forget()
                whole, sending = seconds_of((*upload, "-v"), environ)
                ours.append(whole)
                sendings.append(sending)
    figures = {
        "MB of memory above `media list`": memory,
        "seconds for `media upload`, median": statistics.median(ours),
    }
    if theirs:
        figures["seconds for `curl -F`, median"] = statistics.median(theirs)
        for name, seconds in (("whole process", ours), ("sending alone", sendings)):
            ratios = [curl / command for curl, command in zip(theirs, seconds, strict=True)]
            figures[f"of curl's speed, {name}, median of the rounds"] = statistics.median(ratios)
    for name, figure in figures.items():
        print(f"{figure:6.2f}  {name}")
    return figures


def _curl_words(curl: str, server: EmulatorServer, video: Path) -> Sequence[str]:
    return (
        curl, "--silent", "--show-error", "--fail", "--header",
        f"Authorization: Bearer {server.token}", "--form", f"file=@{video};type=video/mp4",
        f"{server.base_url}/media/upload",
    )  # fmt: skip


if __name__ == "__main__":
    main()
