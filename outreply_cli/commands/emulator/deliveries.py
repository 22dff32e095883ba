"""`outreply emulator deliveries`."""

from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.commands.emulator.shared import StateOption, running_emulator
from outreply_cli.context import Context
from outreply_cli.times import format_api_time
from outreply_cli.ui.columns import Column


@command(api=False)
def run(
    context: Context,
    limit: Annotated[int, option("COUNT", "Show at most COUNT deliveries.", min=1, max=1000)] = 50,
    state: StateOption = None,
) -> None:
    """List webhook deliveries, newest first.

    Example: outreply emulator deliveries

    Example: outreply emulator deliveries --limit 5 --json
    """
    response = running_emulator(context, state).request("deliveries", limit=limit)
    context.output.print_list(
        response["deliveries"],
        [
            Column("ID", "id"),
            Column("Event", "event"),
            Column("Attempts", "attempts"),
            Column("Status", "status", lambda item: str(item["status"] or item["error"] or "")),
            Column(
                "Next attempt",
                "next_attempt_at",
                lambda item: format_api_time(item["next_attempt_at"] or "", context.zone()),
            ),
        ],
    )
