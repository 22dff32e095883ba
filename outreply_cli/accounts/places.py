"""Where our files live on this machine."""

from collections.abc import Mapping
from pathlib import Path

import platformdirs

_APPLICATION = "outreply"


def config_dir(environ: Mapping[str, str]) -> Path:
    """Where profiles are kept: `OUTREPLY_CONFIG_DIR`, else the platform's place for it."""
    chosen = environ.get("OUTREPLY_CONFIG_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_config_path(_APPLICATION, appauthor=False)


def state_dir(environ: Mapping[str, str]) -> Path:
    """Where journals and the emulator are kept: `OUTREPLY_STATE_DIR`, else the platform's place."""
    chosen = environ.get("OUTREPLY_STATE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_state_path(_APPLICATION, appauthor=False)
