"""`outreply webhooks queue clear`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.webhooks.queue.shared import (
    TargetOption,
    change_forwards,
    normalize_target,
)
from outreply_cli.commands.webhooks.shared import TeamOption, open_store
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context, to: TargetOption = None, yes: Yes = False, team: TeamOption = False
) -> None:
    """Skip all queued deliveries.

    They stay in the history. To queue them again: outreply webhooks queue retry --failed

    Example: outreply webhooks queue clear --to localhost:3000/hooks --yes

    Example: outreply webhooks queue clear --yes
    """
    from outreply_cli.webhooks.models import ForwardState

    target = normalize_target(to)
    with open_store(context, team=team) as store:
        queued = store.queued_forwards(target=target, states=[ForwardState.QUEUED])
        if queued:
            noun = "delivery" if len(queued) == 1 else "deliveries"
            where = "" if target is None else f" for {target}"
            context.confirm(f"Skip {len(queued)} queued {noun}{where}?", yes=yes)
        change_forwards(context, store, queued, store.skip, "Skipped")
