"""`outreply emulator audit`."""

from typing import Annotated

from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.emulator.shared import StateOption, running_emulator
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column, time_column


@command(api=False)
def run(
    context: Context,
    limit: Annotated[int, option("COUNT", "Show at most COUNT entries.", min=1, max=1000)] = 50,
    event: Annotated[
        str | None, option("EVENT", "Filter by event, such as request or token.revoked.")
    ] = None,
    denied: Annotated[bool, switch("Show only requests refused with 401 or 403.")] = False,
    state: StateOption = None,
) -> None:
    """List requests with a known token and changes of tokens in the last 30 days, newest first.

    Example: outreply emulator audit

    Example: outreply emulator audit --denied --json
    """
    response = running_emulator(context, state).request(
        "audit", limit=limit, event=event, denied=denied
    )
    context.output.print_list(
        response["entries"],
        [
            Column("Number", "number"),
            time_column("Time", "at", context.zone()),
            Column("Event", "event"),
            Column("Token", "token_name"),
            Column("Method", "method"),
            Column("Path", "path", shrinkable=True),
            Column("Status", "status"),
            Column("Code", "code"),
            Column("IP", "ip"),
        ],
        id_field="number",
    )
