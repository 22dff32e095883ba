"""`outreply completion`: what makes a shell complete outreply's words and values."""

from typing import Annotated

import typer

from outreply_cli.command_tree import read_tree
from outreply_cli.commands.options import new_command
from outreply_cli.errors import InvalidInputError
from outreply_cli.terminal.session import Session

app = new_command()


@app.command("completion")
def completion(
    ctx: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print the script that completes commands, options and values in a shell.

    A package puts it where bash, zsh and fish look. Otherwise, once:
    bash: outreply completion bash > ~/.local/share/bash-completion/completions/outreply
    zsh: outreply completion zsh > a directory of your fpath, as _outreply
    fish: outreply completion fish > ~/.config/fish/completions/outreply.fish
    PowerShell: outreply completion powershell >> $PROFILE

    Example: outreply completion bash

    Example: source <(outreply completion bash)
    """
    from outreply_cli.completion.scripts import SCRIPTS, write_script

    session: Session = ctx.obj
    if shell not in SCRIPTS:
        raise InvalidInputError(
            f"there is no completion for {shell!r}", hint=f"Choose: {', '.join(SCRIPTS)}"
        )
    root = ctx.find_root()
    session.output.show_text(write_script(shell, read_tree(root.command, root)))
