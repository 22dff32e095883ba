"""The shells, and the script of each."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from outreply_cli.cli.tree import Command
from outreply_cli.completion.bash import bash_script
from outreply_cli.completion.fish import fish_script
from outreply_cli.completion.grammar import Grammar
from outreply_cli.completion.powershell import powershell_script
from outreply_cli.completion.zsh import zsh_script

SCRIPTS: Mapping[str, Callable[[Grammar], str]] = MappingProxyType(
    {
        "bash": bash_script,
        "zsh": zsh_script,
        "fish": fish_script,
        "powershell": powershell_script,
    }
)


def write_script(shell: str, root: Command) -> str:
    """The script that completes the tree below `root` in `shell`, one of SCRIPTS."""
    return SCRIPTS[shell](Grammar(root))
