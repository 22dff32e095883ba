"""`outreply mcp reject`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.mcp.shared import PlanArgument, decide
from outreply_cli.context import Context


@command(output=False)
def run(context: Context, plan_id: PlanArgument) -> None:
    """Reject a plan of an agent, so that it is never applied.

    Requires a terminal.

    Example: outreply mcp reject 3f2a9c017be4

    Example: outreply mcp reject $(outreply mcp plans -q | head -n 1)
    """
    from outreply_cli.commands.mcp.plan_store import PlanState

    decide(context, plan_id, PlanState.REJECTED, "reject")
