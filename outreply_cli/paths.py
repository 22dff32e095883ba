"""Configuration and state directories, and paths given by users."""

import os
import sys
from collections.abc import Mapping

_APPLICATION = "outreply"
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def to_path(name: "str | Path") -> "Path":
    """Expand `~` in a path given by a user; `~name` of an unknown user is left unchanged."""
    from pathlib import Path

    # Path.expanduser raises for an unknown user.
    return Path(os.path.expanduser(name))


def resolve_unicode_name(path: "Path") -> "Path":
    """Return `path`, or the only existing one whose name is canonically equivalent.

    macOS writes `ü` as two characters, so names from its archives look equal but differ.
    """
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = type(path)(path.anchor)
    for name in path.relative_to(path.anchor).parts:
        names = [name]
        if not os.path.lexists(found / name):
            names = [entry for entry in _list_names(found) if _compose(entry) == _compose(name)]
        if len(names) != 1:
            return path
        found /= names[0]
    return found


def suggest_near_file(path: "Path") -> str:
    """Return a suggestion for a missing file, such as `; did you mean 'Photo.PNG'?`, or ""."""
    import difflib

    if os.path.lexists(path):
        # A link to a missing file.
        return ""
    missing = path
    while not os.path.lexists(missing.parent) and missing != missing.parent:
        missing = missing.parent
    if missing != path and missing.name.startswith("~"):
        return "; ~ is not expanded here: write the full path"
    names = {_compose(name).casefold(): name for name in _list_names(missing.parent)}
    near = difflib.get_close_matches(_compose(missing.name).casefold(), names, n=1, cutoff=0.7)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def _compose(name: str) -> str:
    from unicodedata import normalize

    return normalize("NFC", name)


def _list_names(directory: "Path") -> list[str]:
    try:
        return os.listdir(directory)
    except (OSError, ValueError):
        return []


def user_config_dir(environ: Mapping[str, str]) -> str:
    """The directory of profiles: `OUTREPLY_CONFIG_DIR`, else the platform's default.

    Raises:
        StorageError: The home directory is unknown.
    """
    return _directory(environ, "OUTREPLY_CONFIG_DIR", "XDG_CONFIG_HOME", "~/.config")


def user_state_dir(environ: Mapping[str, str]) -> str:
    """The directory of journals and the emulator: `OUTREPLY_STATE_DIR`, else the default.

    Raises:
        StorageError: The home directory is unknown.
    """
    return _directory(environ, "OUTREPLY_STATE_DIR", "XDG_STATE_HOME", "~/.local/state")


def _directory(environ: Mapping[str, str], variable: str, xdg: str, default: str) -> str:
    path = environ.get(variable)
    if path:
        return os.path.expanduser(path)
    if sys.platform == "linux":
        # Same rules as platformdirs, whose import takes a third of the time of shell completion.
        base = environ.get(xdg, "")
        if not base.strip():
            base = os.path.expanduser(default)
        if base.startswith("~"):
            from outreply_cli.errors import StorageError

            raise StorageError(
                "no home directory: HOME is not set",
                hint="Set HOME, or OUTREPLY_CONFIG_DIR and OUTREPLY_STATE_DIR.",
            )
        return os.path.join(base, _APPLICATION)
    import platformdirs

    if variable == "OUTREPLY_CONFIG_DIR":
        return platformdirs.user_config_dir(_APPLICATION, appauthor=False)
    return platformdirs.user_state_dir(_APPLICATION, appauthor=False)
