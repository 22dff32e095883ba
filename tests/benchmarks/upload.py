"""A 250 MB video: `media upload` beside `curl -F` to the same server, and its memory.

`python -m tests.benchmarks.upload`

Both are whole processes, from start to exit, in turns. curl sends the file and nothing else; the
command also starts Python, reads the account and the media that are there, and keeps its journal.
The same command without an upload (`media list`) is what its memory is compared with.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from tests.benchmarks.figures import Figure, main
from tests.benchmarks.processes import peak_mb, run

_MEGABYTE = 1024 * 1024
_CLI = (sys.executable, "-m", "outreply_cli")
_SENDING = re.compile(r"/media/upload 201 (\d+) ms")


def write_video(path: Path, megabytes: int) -> None:
    """A file of that size that begins as a video does and can't be compressed."""
    with path.open("wb") as stream:
        stream.write(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 12)
        stream.write((megabytes * _MEGABYTE - stream.tell()).to_bytes(4, "big") + b"mdat")
        while (left := megabytes * _MEGABYTE - stream.tell()) > 0:
            stream.write(os.urandom(min(_MEGABYTE, left)))


def figures(quick: bool) -> Iterator[Figure]:
    """Speeds as ratios to curl's, where curl is; memory as a ratio to a command's that reads."""
    megabytes, rounds = (5, 1) if quick else (250, 5)
    curl = shutil.which("curl")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        video = root / "video.mp4"
        write_video(video, megabytes)
        with EmulatorServer(root / "emulator.db", SystemClock()) as server:
            server.state.connection.execute("UPDATE users SET tier = 'elite'")
            environ = {
                **os.environ,
                "OUTREPLY_API_KEY": server.token,
                "OUTREPLY_BASE_URL": server.base_url,
                "OUTREPLY_STATE_DIR": str(root / "state"),
                "OUTREPLY_CONFIG_DIR": str(root / "config"),
            }
            upload = (*_CLI, "media", "upload", str(video))
            peak = peak_mb(upload, environ)
            yield Figure(
                f"`media upload` of {megabytes} MB, peak memory",
                peak / peak_mb((*_CLI, "media", "list"), environ), "`media list`", 1.1,
                peak_mb=peak,
            )  # fmt: skip
            if curl is None:
                return
            wholes, sendings = [], []
            for _ in range(rounds):
                _forget(server)
                theirs = run(_curl_words(curl, server, video), environ).seconds
                _forget(server)
                ours = run((*upload, "-v"), environ)
                sending = _SENDING.search(ours.said)
                assert sending is not None, ours.said
                wholes.append(ours.seconds / theirs)
                sendings.append(int(sending[1]) / 1000 / theirs)
    yield Figure(f"`media upload` of {megabytes} MB", median(wholes), "`curl -F`", 1.5)
    yield Figure("its sending alone", median(sendings), "`curl -F`", 1.25)


def _forget(server: EmulatorServer) -> None:
    # A file of the same size that is there already would be read twice.
    with server.state.transaction() as db:
        db.execute("UPDATE media SET deleted_at = 1")


def _curl_words(curl: str, server: EmulatorServer, video: Path) -> Sequence[str]:
    return (
        curl, "--silent", "--show-error", "--fail", "--header",
        f"Authorization: Bearer {server.token}", "--form", f"file=@{video};type=video/mp4",
        f"{server.base_url}/media/upload",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main({"upload": figures}))
