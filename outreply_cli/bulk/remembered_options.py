"""The options with which a calendar file was read, remembered for its next run.

Otherwise, an export with other column names would require the options in every run, and a run that
omits one would change posts.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.storage.private_files import read_private, write_private

_DIRECTORY = "calendars"


def recall_options(state_dir: Path, source: str, *, match_content: bool = False) -> dict[str, Any]:
    """Return the options of the last run of a calendar, strings and lists of strings by name.

    Args:
        state_dir: The state directory.
        source: Path or URL of the calendar.
        match_content: Whether a file without a run may have the options of one with the same
            content: it was renamed, moved or copied.

    Raises:
        InvalidInputError: Files with the same content had different options.
    """
    remembered = _read(_path(state_dir, source))
    if remembered is None and match_content and (content := _content_digest(source)):
        found = map(_read, sorted((state_dir / _DIRECTORY).glob("*.json")))
        equal = [item for item in found if item and item.get("content") == content]
        if any(item["options"] != equal[0]["options"] for item in equal):
            names = " and ".join(str(item.get("calendar")) for item in equal)
            raise InvalidInputError(
                f"{source} has the same content as {names}, which had different options",
                hint="Specify the options, or use none of these with --forget.",
            )
        remembered = equal[0] if equal else None
    options = remembered["options"] if remembered else {}
    return {name: value for name, value in options.items() if _is_valid(value)}


def remember_options(state_dir: Path, source: str, options: Mapping[str, Any]) -> None:
    """Remember the options of a run; raises StorageError."""
    path = _path(state_dir, source)
    if not options and not path.exists():
        return
    item = {"calendar": source, "content": _content_digest(source), "options": dict(options)}
    write_private(path, json.dumps(item, indent=2) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    # If the options cannot be read, unknown columns are errors again.
    try:
        item = json.loads(read_private(path) or "{}")
    except (StorageError, ValueError):
        return None
    is_valid = isinstance(item, dict) and isinstance(item.get("options"), dict)
    return item if is_valid else None


def _content_digest(source: str) -> str | None:
    """Return a digest of a file's content; None for a URL."""
    path = Path(source)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except (OSError, ValueError):
        return None


def _path(state_dir: Path, source: str) -> Path:
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return state_dir / _DIRECTORY / f"{digest}.json"


def _is_valid(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str)
