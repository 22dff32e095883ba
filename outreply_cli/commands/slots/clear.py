"""`outreply slots clear`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.slots.shared import (
    COLUMNS,
    Target,
    TargetArgument,
    open_store,
    resolve_target,
)
from outreply_cli.context import Context
from outreply_cli.posts.slots import UnknownSlotsError


@command()
def run(context: Context, target: TargetArgument) -> None:
    """Remove the slots of a page or brand.

    Posts that are scheduled stay as they are, and so do the times that were chosen for rows of
    calendars.

    Example: outreply slots clear instagram:acme

    Example: outreply slots clear 'brand:Acme Co.'
    """
    client = context.client()
    with open_store(context, client) as (journal, account):
        schedules = journal.slot_schedules(account)
        kinds = [kind for kind, target_id in schedules if target_id == target]
        # The page may have been removed since.
        resolved = Target(kinds[0], target, target, "") if kinds else resolve_target(client, target)
        slots = schedules.get((resolved.kind, resolved.id))
        if slots is None:
            raise UnknownSlotsError(
                f"{resolved.name} does not have its own slots", hint="See: outreply slots list"
            )
        journal.clear_slots(account, resolved.kind, resolved.id)
    context.output.print_one(resolved.to_dict(slots), COLUMNS)
    context.info(f"Cleared the slots of {resolved.name}.")
