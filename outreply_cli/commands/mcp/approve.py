"""`outreply mcp approve`."""

import typer

from outreply_cli.cli.typer_adapter import CommandSpec
from outreply_cli.commands.mcp.shared import PlanArgument, decide, start


def _approve(ctx: typer.Context, plan_id: PlanArgument) -> None:
    """Approve a plan of an agent, after it was shown.

    A person does that at a terminal. The agent can then apply this plan, once, within a day.

    Example: outreply mcp approve 3f2a9c017be4

    Example: outreply mcp approve $(outreply mcp plans -q | head -n 1)
    """
    from outreply_cli.commands.mcp.plan_store import PlanState

    decide(start(ctx), plan_id, PlanState.APPROVED, "approve")


run = CommandSpec(_approve)
