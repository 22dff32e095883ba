"""What the commands of `outreply mcp` share."""

from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import check_values
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.ui.options import GlobalOptions

if TYPE_CHECKING:
    from outreply_cli.commands.mcp.plan_store import Plan, PlanState, PlanStore

PlanArgument = Annotated[str, typer.Argument(metavar="ID", help="ID of the plan.")]


def start(ctx: typer.Context, profile: str | None = None) -> Context:
    """The context of a command that prints no result, and so has no options of output."""
    context: Context = ctx.obj
    context.command = " ".join(ctx.command_path.split()[1:])
    context.configure(GlobalOptions(profile=profile))
    check_values(ctx)
    return context


def open_plans(context: Context) -> "PlanStore":
    """The plans of agents on this machine; raises StorageError."""
    from outreply_cli.commands.mcp.plan_store import PLANS_FILE, PlanStore

    return PlanStore(context.state_dir / PLANS_FILE)


def decide(context: Context, plan_id: str, state: "PlanState", question: str) -> None:
    """Show a plan to the person at the terminal, and store the decision.

    Raises:
        InvalidInputError: There is no terminal, or the person declined.
        PlanNotFoundError: No plan has that ID.
        PlanStateError: It is not a proposal any more.
    """
    import getpass
    from contextlib import closing

    if not context.is_interactive:
        raise InvalidInputError(
            "a plan is decided by a person at a terminal",
            hint=f"Run in a terminal: outreply mcp plans, and then: outreply mcp approve {plan_id}",
        )
    with closing(open_plans(context)) as plans:
        plan = plans.get(plan_id)
        for line in describe(plan):
            context.info(line)
        context.confirm(question, yes=False)
        plans.decide(plan, state, getpass.getuser(), context.clock.now().timestamp())
    context.info(f"Plan {plan.id} is {state}.")


def describe(plan: "Plan") -> list[str]:
    """The lines that show what a plan sends."""
    import json

    lines = [f"outreply {plan.call.command}"]
    words = plan.call.words[len(plan.call.command.split()) :]
    lines += [f"  {sanitize(word)}" for word in words if word not in {"--", "--json", "-"}]
    if plan.call.stdin:
        lines += [f"  | {sanitize(line)}" for line in plan.call.stdin.splitlines()]
    if plan.preview is not None:
        lines.append("It would do:")
        text = json.dumps(plan.preview, indent=2, ensure_ascii=False)
        lines += [f"  {sanitize(line)}" for line in text.splitlines()]
    return lines
