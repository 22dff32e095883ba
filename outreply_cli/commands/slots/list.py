"""`outreply slots list`."""

from contextlib import suppress

from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.cli.options import command
from outreply_cli.commands.slots.shared import COLUMNS, NO_SLOTS, Target, open_store
from outreply_cli.context import Context
from outreply_cli.pages import page_alias


@command()
def run(context: Context) -> None:
    """List the slots of pages and brands.

    A page without its own slots uses those of its brand.

    Example: outreply slots list

    Example: outreply slots list --json
    """
    client = context.client()
    with open_store(context, client, allow_readonly=True) as (journal, account):
        schedules = journal.slot_schedules(account)
    names = {}
    if schedules:
        pages = client.pages().items
        names = {str(page["id"]): page_alias(page) for page in pages}
        with suppress(PermissionDeniedError):
            names |= {str(brand["id"]): str(brand.get("name")) for brand in client.brands().items}
    items = [
        Target(kind, target_id, names.get(target_id, target_id), "").to_dict(slots)
        for (kind, target_id), slots in schedules.items()
    ]
    context.output.print_list(items, COLUMNS)
    if not items:
        context.info(NO_SLOTS)
