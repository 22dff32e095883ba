"""`outreply mcp approve`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.mcp.shared import PlanArgument, decide
from outreply_cli.context import Context


@command(output=False)
def run(context: Context, plan_id: PlanArgument) -> None:
    """Show an agent's plan, and approve it.

    Requires a terminal. The agent can then apply this plan, once, within a day.

    Example: outreply mcp approve 3f2a9c017be4

    Example: outreply mcp approve $(outreply mcp plans -q | head -n 1)
    """
    from outreply_cli.commands.mcp.plan_store import PlanState

    decide(context, plan_id, PlanState.APPROVED, "approve")
