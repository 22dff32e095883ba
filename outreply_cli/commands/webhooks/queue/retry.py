"""`outreply webhooks queue retry`."""

from typing import Annotated

from outreply_cli.cli.options import command, switch
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
    failed: Annotated[bool, switch("Retry all failed and skipped deliveries.")] = False,
    team: TeamOption = False,
) -> None:
    """Retry deliveries now.

    Queued deliveries become due, and failed or skipped ones return to their position in the queue.
    A running serve-webhook sends them, or else the next one that forwards to the same target.

    Example: outreply webhooks queue retry 12

    Example: outreply webhooks queue retry --failed --to localhost:3000/hooks
    """
    from outreply_cli.webhooks.models import GIVEN_UP_STATES, ForwardState

    if not ids and not failed:
        raise InvalidInputError(
            "no deliveries selected", hint="Specify delivery IDs or numbers, or use --failed."
        )
    target = normalize_target(to)
    with open_store(context, team=team) as store:
        states = [ForwardState.QUEUED, *GIVEN_UP_STATES]
        forwards = select_forwards(store, ids or [], target, states)
        if failed:
            forwards += store.queued_forwards(target=target, states=GIVEN_UP_STATES)
        change_forwards(context, store, forwards, store.retry, "Retrying")
