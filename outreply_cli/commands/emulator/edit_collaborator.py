"""`outreply emulator edit-collaborator`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, token_columns
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    collaborator: Annotated[str, argument("COLLABORATOR", "ID of the collaborator.")],
    action: Annotated[str, argument("ACTION", "Change to make: remove, downgrade or restore.")],
    state: StateOption = None,
) -> None:
    """Remove or downgrade a collaborator, and show the tokens that the collaborator issued.

    Removing a collaborator revokes the tokens (401 TOKEN_REVOKED). Without full access, requests
    fail with 403 COLLABORATOR_INSUFFICIENT until it is restored.

    Example: outreply emulator edit-collaborator sam downgrade

    Example: outreply emulator edit-collaborator sam remove --json
    """
    response = running_emulator(context, state).request(
        "collaborator", id=collaborator, action=action
    )
    context.output.print_list(response["tokens"], token_columns(context))
