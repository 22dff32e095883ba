"""Composing programs as small Python scripts."""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outreply_cli.api.client import Client

# Another text in each run, as a language model writes it; its documents and environments are kept.
_COUNTING = """
import json, os, pathlib, sys
home = pathlib.Path(__file__).with_suffix(".runs")
home.mkdir(exist_ok=True)
number = len(list(home.iterdir())) + 1
document = json.load(sys.stdin)
(home / f"{number:03}.json").write_text(json.dumps([document, dict(os.environ)]))
print(f"Composed {number} for {document['platform']}")
"""


@dataclass(frozen=True)
class Composer:
    """A composing program, and what it was given."""

    path: Path

    @classmethod
    def make(cls, directory: Path, code: str = _COUNTING, name: str = "composer.py") -> "Composer":
        """Write the program into a directory."""
        path = directory / name
        path.write_text(code, encoding="utf-8")
        return cls(path)

    @property
    def command(self) -> str:
        """The value of --compose-with."""
        return shlex.join([sys.executable, str(self.path)])

    @property
    def words(self) -> tuple[str, ...]:
        """The options of a script."""
        return ("--compose-with", self.command, "--yes")

    @property
    def runs(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """The document and the environment of each run."""
        files = sorted(self.path.with_suffix(".runs").glob("*.json"))
        return [tuple(json.loads(file.read_text())) for file in files]

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The document of each run."""
        return [document for document, _ in self.runs]


def composed_texts(client: Client) -> list[str]:
    """Return the composed texts of scheduled posts, sorted."""
    found = [str(post["message"]) for post in client.scheduled_posts().items]
    return sorted(text for text in found if text.startswith("Composed"))
