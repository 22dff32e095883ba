"""Code shared by the commands of `outreply mcp`."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from outreply_cli.cli.options import argument
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from outreply_cli.commands.mcp.plan_store import AgentPlan, PlanState, PlanStore

# Fields that the first line of a post shows, or that the user need not see.
_NOT_LISTED = frozenset({"action", "file", "page", "page_id", "scheduled_at", "status"})

PlanArgument = Annotated[str, argument("ID", "ID of the plan.")]


def open_plans(context: Context, *, allow_readonly: bool = False) -> "PlanStore":
    """The plans of agents on this machine; raises StorageError."""
    from outreply_cli.commands.mcp.plan_store import PLANS_FILE, PlanStore

    return PlanStore(context.state_dir / PLANS_FILE, allow_readonly=allow_readonly)


def decide(context: Context, word: str, state: "PlanState", verb: str) -> None:
    """Show a plan to the user at the terminal, and store the decision.

    Raises:
        InvalidInputError: The command has no terminal, or the user declined.
        PlanNotFoundError: No plan has that ID.
        PlanStateError: The plan is no longer a proposal.
    """
    from contextlib import closing

    from outreply_cli.commands.mcp.plan_store import check_open

    if not context.is_interactive:
        raise InvalidInputError(
            "plans can only be approved or rejected in a terminal",
            hint=f"Run in a terminal: outreply mcp {verb} {sanitize(word)}",
        )
    with closing(open_plans(context)) as plans:
        plan = plans.get(word)
        check_open(plan, state, context.clock.now().timestamp())
        for line in describe(plan, context.zone()):
            context.info(line)
        context.confirm(f"{verb.capitalize()} this plan?", yes=False)
        plans.decide(plan, state, context.origin.user, context.clock.now().timestamp())
    context.info(f"Plan {plan.id} is {state}.")


def describe(plan: "AgentPlan", zone: "ZoneInfo") -> "Iterator[str]":
    """Yield the lines that show what a plan sends."""
    from outreply_cli.commands.mcp.plan_store import preview_rows

    yield f"Account: {sanitize(plan.user)}"
    yield f"Command: outreply {plan.call.command}"
    yield from (f"  {sanitize(word)}" for word in plan.call.arguments)
    yield from (f"  | {sanitize(line)}" for line in plan.call.stdin.splitlines())
    rows = preview_rows(plan.preview)
    if rows:
        yield "It would do:"
        for row in rows:
            yield from (f"  {line}" for line in _describe_row(row, zone))


def _describe_row(row: "Mapping[str, Any]", zone: "ZoneInfo") -> "Iterator[str]":
    from outreply_cli.times import format_api_time

    at = row.get("scheduled_at")
    head = (row.get("action"), row.get("page") or row.get("page_id"),
            format_api_time(at, zone) if at else None)  # fmt: skip
    yield sanitize("  ".join(str(part) for part in head if part))
    for name, value in row.items():
        if name not in _NOT_LISTED and value not in (None, [], ""):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield from (f"  {line}" for line in f"{name}: {sanitize(text)}".splitlines())
