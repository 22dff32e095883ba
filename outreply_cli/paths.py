"""Where files are: ours, as the environment says, and those that people name."""

import os
import sys
from collections.abc import Mapping

_APPLICATION = "outreply"
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def to_path(name: "str | Path") -> "Path":
    """The path that a person names; `~nobody` stays as it is where there is no such user."""
    from pathlib import Path

    # pathlib's own raises for that.
    return Path(os.path.expanduser(name))


def config_path(environ: Mapping[str, str]) -> str:
    """Where profiles are kept: `OUTREPLY_CONFIG_DIR`, else the platform's place for it.

    Raises:
        StorageError: There is no home directory to keep anything in.
    """
    return _place(environ, "OUTREPLY_CONFIG_DIR", "XDG_CONFIG_HOME", "~/.config")


def state_path(environ: Mapping[str, str]) -> str:
    """Where journals and the emulator are kept: `OUTREPLY_STATE_DIR`, else the platform's place.

    Raises:
        StorageError: There is no home directory to keep anything in.
    """
    return _place(environ, "OUTREPLY_STATE_DIR", "XDG_STATE_HOME", "~/.local/state")


def config_dir(environ: Mapping[str, str]) -> "Path":
    """`config_path` as a path."""
    from pathlib import Path

    return Path(config_path(environ))


def state_dir(environ: Mapping[str, str]) -> "Path":
    """`state_path` as a path."""
    from pathlib import Path

    return Path(state_path(environ))


def _place(environ: Mapping[str, str], variable: str, xdg: str, otherwise: str) -> str:
    chosen = environ.get(variable)
    if chosen:
        return os.path.expanduser(chosen)
    if sys.platform == "linux":
        # What platformdirs answers here; to ask it costs a shell's completion a third.
        base = environ.get(xdg, "")
        if not base.strip():
            base = os.path.expanduser(otherwise)
        if base.startswith("~"):
            raise _homeless()
        return os.path.join(base, _APPLICATION)
    import platformdirs

    if variable == "OUTREPLY_CONFIG_DIR":
        return platformdirs.user_config_dir(_APPLICATION, appauthor=False)
    return platformdirs.user_state_dir(_APPLICATION, appauthor=False)


def _homeless() -> Exception:
    from outreply_cli.errors import StorageError

    return StorageError(
        "there is no home directory: HOME is not set, and this user has none",
        hint="Set HOME, or OUTREPLY_CONFIG_DIR and OUTREPLY_STATE_DIR.",
    )
