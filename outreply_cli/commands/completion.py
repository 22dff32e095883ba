"""`outreply completion`: what makes a shell complete outreply's words and values."""

from typing import Annotated

import typer

from outreply_cli.cli.options import HelpfulCommand, new_command
from outreply_cli.cli.tree import read_tree
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError

app = new_command()


@app.command("completion", cls=HelpfulCommand)
def completion(
    ctx: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print the script that completes commands, options and values in a shell.

    pip puts it where bash, zsh and fish look, below the environment it installs into. Otherwise
    put what is printed into:

      bash        ~/.local/share/bash-completion/completions/outreply
      zsh         _outreply, in a directory of fpath
      fish        ~/.config/fish/completions/outreply.fish
      PowerShell  the file that $PROFILE names

    Pages, posts and media complete from what commands saw during the last day; no key press waits
    for the network. What is older than five minutes is read anew in the background.

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
