"""`outreply webhooks queue skip`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.queue.shared import (
    TargetOption,
    change_forwards,
    normalize_target,
    select_forwards,
)
from outreply_cli.commands.webhooks.shared import DeliveriesArgument, TeamOption, open_store
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    ids: DeliveriesArgument = None,
    to: TargetOption = None,
    team: TeamOption = False,
) -> None:
    """Skip queued deliveries, so that those behind them are forwarded.

    They stay in the history. To queue them again: outreply webhooks queue retry

    Example: outreply webhooks queue skip 12

    Example: outreply webhooks queue skip 12 --to localhost:3000/hooks
    """
    from outreply_cli.webhooks.models import ForwardState

    if not ids:
        raise InvalidInputError("no deliveries selected", hint="Specify delivery IDs or numbers.")
    with open_store(context, team=team) as store:
        forwards = select_forwards(store, ids, normalize_target(to), [ForwardState.QUEUED])
        change_forwards(context, store, forwards, store.skip, "Skipped")
