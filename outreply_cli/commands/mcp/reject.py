"""`outreply mcp reject`."""

import typer

from outreply_cli.cli.typer_adapter import CommandSpec
from outreply_cli.commands.mcp.shared import PlanArgument, decide, start


def _reject(ctx: typer.Context, plan_id: PlanArgument) -> None:
    """Reject a plan of an agent, so that it is never applied.

    Example: outreply mcp reject 3f2a9c017be4

    Example: outreply mcp reject $(outreply mcp plans -q | head -n 1)
    """
    from outreply_cli.commands.mcp.plan_store import PlanState

    decide(start(ctx), plan_id, PlanState.REJECTED, "reject")


run = CommandSpec(_reject)
