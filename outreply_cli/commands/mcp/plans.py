"""`outreply mcp plans`."""

from contextlib import closing
from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.commands.mcp.shared import open_plans
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    limit: Annotated[int, option("COUNT", "Show at most COUNT plans.", min=1, max=1_000)] = 20,
) -> None:
    """List the plans of agents, newest first.

    Example: outreply mcp plans

    Example: outreply mcp plans --json
    """
    from outreply_cli.ui.columns import Column, short_time_column

    now = context.clock.now().timestamp()
    with closing(open_plans(context, allow_readonly=True)) as plans:
        items = [plan.as_dict(now) for plan in plans.list(limit=limit)]
    context.output.print_list(
        items,
        [
            Column("ID", "id"),
            Column("State", "state"),
            Column("Command", "command"),
            Column("Arguments", "arguments", lambda item: " ".join(item["arguments"]),
                   shrinkable=True),
            short_time_column("Created", "created_at", context.zone()),
            Column("Decided by", "decided_by"),
        ],
    )  # fmt: skip
