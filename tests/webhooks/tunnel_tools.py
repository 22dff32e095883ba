"""Stand-ins for cloudflared, ngrok and tailscale, as programs in PATH."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outreply_cli.subprocesses import identify_process
from tests.webhooks import tunnel_stand_in

TOOLS = ("cloudflared", "ngrok", "tailscale")


@dataclass
class StandIns:
    """The installed stand-ins, and their starts in `directory`."""

    directory: Path

    @classmethod
    def install(cls, directory: Path, environ: dict[str, str]) -> "StandIns":
        """Install them below `directory`, first in the PATH of `environ`."""
        programs, starts = directory / "tools", directory / "starts"
        programs.mkdir()
        starts.mkdir()
        source = Path(tunnel_stand_in.__file__).read_text()
        for name in TOOLS:
            path = programs / name
            path.write_text(f"#!{sys.executable}\n{source}")
            path.chmod(0o755)
        environ["PATH"] = f"{programs}{os.pathsep}{environ['PATH']}"
        environ["STAND_IN_DIR"] = str(starts)
        return cls(starts)

    def starts(self) -> list[dict[str, Any]]:
        """Name, process ID, arguments and environment of each start, oldest first."""
        paths = sorted(self.directory.glob("start-*"), key=lambda path: int(path.name[6:]))
        return [json.loads(path.read_text()) for path in paths]

    def running(self) -> list[int]:
        """The process IDs of those that are running."""
        pids = [start["pid"] for start in self.starts()]
        return [pid for pid in pids if identify_process(pid) is not None]
