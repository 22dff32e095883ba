"""`outreply emulator add-comment`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command, option
from outreply_cli.commands.emulator.shared import StateOption, running_emulator
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command(api=False)
def run(
    context: Context,
    post: Annotated[str, argument("POST", "ID of a published post.")],
    message: Annotated[str, option("TEXT", "Comment text.", "--message", "-m")],
    name: Annotated[str, option("NAME", "Author name.")] = "Jane Doe",
    username: Annotated[str, option("NAME", "Author username.")] = "jane.doe",
    state: StateOption = None,
) -> None:
    """Add a comment to a published post and send its webhooks.

    Example: outreply emulator add-comment $(outreply posts list --published -q --limit 1) -m 'Is it open?'

    Example: outreply emulator add-comment $(outreply posts list --published -q --limit 1) -m Hello --name Ana --json
    """  # noqa: E501 - a line that can be pasted
    comment = running_emulator(context, state).request(
        "comment", post_id=post, message=message, name=name, username=username
    )
    context.output.print_one(comment, [Column("ID", "id"), Column("Post", "post_id")])
