"""`media upload` of a 250 MB video, compared to `curl -F` to the same server.

`python -m tests.benchmarks.upload`

Both are processes, from start to exit, and alternate. The command also starts Python, reads the
account and its media, and writes the journal. Its memory is compared to that of `media list`.
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
_TRANSFER = re.compile(r"/media/upload 201 (\d+) ms")


def write_video(path: Path, megabytes: int) -> None:
    """Write an incompressible file of that size with the header of a video."""
    with path.open("wb") as stream:
        stream.write(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 12)
        stream.write((megabytes * _MEGABYTE - stream.tell()).to_bytes(4, "big") + b"mdat")
        while (left := megabytes * _MEGABYTE - stream.tell()) > 0:
            stream.write(os.urandom(min(_MEGABYTE, left)))


def figures(quick: bool) -> Iterator[Figure]:
    """Ratios of time to curl, if installed, and of memory to `media list`."""
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
            totals, transfers = [], []
            for _ in range(rounds):
                _delete_media(server)
                curl_seconds = run(_curl_words(curl, server, video), environ).seconds
                _delete_media(server)
                result = run((*upload, "-v"), environ)
                transfer = _TRANSFER.search(result.stderr)
                assert transfer is not None, result.stderr
                totals.append(result.seconds / curl_seconds)
                transfers.append(int(transfer[1]) / 1000 / curl_seconds)
    yield Figure(f"`media upload` of {megabytes} MB", median(totals), "`curl -F`", 1.5)
    yield Figure("its transfer alone", median(transfers), "`curl -F`", 1.25)


def _delete_media(server: EmulatorServer) -> None:
    # An existing file of the same size would be hashed first.
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
