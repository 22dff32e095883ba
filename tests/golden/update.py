"""Golden files; `UPDATE_GOLDEN=1 pytest -n 0 tests/golden tests/ui tests/completion` updates."""

import os
from pathlib import Path

UPDATE_GOLDEN = bool(os.environ.get("UPDATE_GOLDEN"))


def update_text(path: Path, text: str) -> None:
    """Write `text` to a golden file, if UPDATE_GOLDEN is set."""
    if UPDATE_GOLDEN:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
