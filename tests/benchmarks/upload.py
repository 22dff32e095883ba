"""A 250 MB video: `media upload` beside `curl -F` to the same server, and its memory.

`python -m tests.benchmarks.upload [--megabytes 250] [--rounds 5]`

Both are whole processes, from start to exit, in turns. curl sends the file and nothing else; the
command also starts Python, reads the account and the media that are there, and keeps its journal.
The same command without an upload (`media list`) is what its memory is compared with.
"""

import argparse
import os
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


def measure(words: Sequence[str], environ: dict[str, str]) -> tuple[float, float]:
    """How long a process took, in seconds, and its peak memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        assert process.stderr is not None
        raise SystemExit(process.stderr.read().decode())
    return seconds, usage.ru_maxrss / 1024


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
            _, idle = measure((*_CLI, "media", "list"), environ)
            ours, theirs, peak = [], [], 0.0
            for _ in range(asked.rounds):
                if program is not None:
                    theirs.append(measure(_curl_words(program, server, video), environ)[0])
                # What is there already has the size of the file, which then is read twice.
                with server.state.change() as db:
                    db.execute("UPDATE media SET deleted_at = 1")
                seconds, memory = measure((*_CLI, "media", "upload", str(video)), environ)
                ours.append(seconds)
                peak = max(peak, memory)
                with server.state.change() as db:
                    db.execute("UPDATE media SET deleted_at = 1")
    figures = {
        "MB of memory above `media list`": peak - idle,
        "seconds for `media upload`, median": statistics.median(ours),
    }
    if theirs:
        figures["seconds for `curl -F`, median"] = statistics.median(theirs)
        ratios = [curl / command for curl, command in zip(theirs, ours, strict=True)]
        figures["of curl's speed, median of the rounds"] = statistics.median(ratios)
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
