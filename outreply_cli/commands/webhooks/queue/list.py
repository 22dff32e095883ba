"""`outreply webhooks queue list`."""

from typing import Annotated

from outreply_cli.cli.options import DisplayZone, command, option, switch
from outreply_cli.commands.webhooks.queue.shared import (
    TargetOption,
    normalize_target,
    queued_to_dict,
)
from outreply_cli.commands.webhooks.shared import TeamOption, open_store
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    to: TargetOption = None,
    failed: Annotated[bool, switch("Show failed and skipped deliveries instead.")] = False,
    limit: Annotated[int, option("COUNT", "Show at most COUNT deliveries.", min=1)] = 100,
    team: TeamOption = False,
    tz: DisplayZone = None,
) -> None:
    """Show deliveries waiting to be forwarded, in order.

    With --failed, show those that are not retried automatically: skipped by a user, or failed, such
    as commands that exited with an error.

    Example: outreply webhooks queue list

    Example: outreply webhooks queue list --failed --to localhost:3000/hooks
    """
    from outreply_cli.ui.columns import Column, short_time_column
    from outreply_cli.webhooks.models import GIVEN_UP_STATES, OPEN_STATES

    zone = context.zone(tz)
    with open_store(context, team=team, allow_readonly=True) as store:
        states = GIVEN_UP_STATES if failed else OPEN_STATES
        # One more than shown, to know whether there are more.
        found = store.queue(target=normalize_target(to), states=states, limit=limit + 1)
        items = [queued_to_dict(queued) for queued in found[:limit]]
    context.output.print_list(
        items,
        [
            Column("Number", "number"),
            Column("Event", "event"),
            Column("ID", "id"),
            Column("Target", "target", shrinkable=True),
            Column("State", "state"),
            Column("Attempts", "attempts"),
            short_time_column("Next attempt", "due_at", zone),
            Column(
                "Response", "status",
                lambda item: str(item["error"] or item["status"] or ""), shrinkable=True,
            ),
        ],
    )  # fmt: skip
    if len(found) > limit:
        context.info(f"Only the first {limit} deliveries are shown; use --limit to see more.")
