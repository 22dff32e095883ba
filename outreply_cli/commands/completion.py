"""`outreply completion`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.context import Context
from outreply_cli.errors import unknown_choice_error


@command(api=False)
def run(
    context: Context,
    shell: Annotated[str, argument("SHELL", "Shell: bash, zsh, fish or powershell.")],
) -> None:
    """Generate shell completion scripts.

    pip installs the scripts for bash, zsh and fish under its prefix. Otherwise save the
    script to:

      bash        ~/.local/share/bash-completion/completions/outreply
      zsh         _outreply, in a directory of fpath
      fish        ~/.config/fish/completions/outreply.fish
      PowerShell  the file that $PROFILE names

    Pages, posts and media are completed from a local cache of what commands listed during the last
    day. After five minutes it is refreshed in the background, so TAB never waits for the
    network.

    Example: outreply completion bash

    Example: source <(outreply completion bash)
    """
    from outreply_cli.completion.stubs import STUBS, read_stub

    if shell not in STUBS:
        raise unknown_choice_error("shell", shell, STUBS)
    context.output.write_document(read_stub(shell))
