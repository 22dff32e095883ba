"""The options with which a calendar file was read, remembered for its next run.

Without them, an export with other column names would have to be explained in every run, and a run
that forgets one would change posts.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outreply_cli.errors import StorageError
from outreply_cli.storage.private_files import read_private, write_private

_DIRECTORY = "calendars"


def recall_options(state_dir: Path, source: str) -> dict[str, Any]:
    """Return the options of the last run of a calendar, texts and lists of texts by name.

    Args:
        state_dir: The state directory.
        source: Path or address of the calendar.
    """
    try:
        text = read_private(_path(state_dir, source))
        options = json.loads(text or "{}")["options"]
    except (StorageError, ValueError, KeyError, TypeError):
        # Without them, the file is read as it is: unknown columns are errors.
        return {}
    if not isinstance(options, dict):
        return {}
    return {name: value for name, value in options.items() if _is_valid(value)}


def remember_options(state_dir: Path, source: str, options: Mapping[str, Any]) -> None:
    """Remember the options of a run; raises StorageError."""
    path = _path(state_dir, source)
    if not options and not path.exists():
        return
    write_private(path, json.dumps({"calendar": source, "options": dict(options)}, indent=2) + "\n")


def _path(state_dir: Path, source: str) -> Path:
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return state_dir / _DIRECTORY / f"{digest}.json"


def _is_valid(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str)
