"""The shells' completion scripts: short static stubs that call `outreply __complete`."""

from pathlib import Path

STUBS = {
    "bash": "outreply.bash", "zsh": "_outreply", "fish": "outreply.fish",
    "powershell": "outreply.ps1",
}  # fmt: skip
_INSTALLED = Path(__file__).parent / "stubs"
_CHECKOUT = Path(__file__).parents[2] / "completions"


def read_stub(shell: str) -> str:
    """The script for `shell`, one of STUBS."""
    directory = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return (directory / STUBS[shell]).read_text(encoding="utf-8")
