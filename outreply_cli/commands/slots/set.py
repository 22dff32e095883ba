"""`outreply slots set`."""

from typing import Annotated

from outreply_cli.cli.options import TimeZone, argument, command
from outreply_cli.commands.slots.shared import COLUMNS, TargetArgument, open_store, resolve_target
from outreply_cli.context import Context
from outreply_cli.errors import TimeError
from outreply_cli.journal.models import StoredSchedule
from outreply_cli.posts.slots import SlotSchedule
from outreply_cli.times import BRAND_ZONE, parse_zone


@command()
def run(
    context: Context,
    target: TargetArgument,
    slots: Annotated[
        str, argument("SLOTS", "Days and times, such as 'mon-fri 09:00,17:30; sat 11:00'.")
    ],
    tz: TimeZone = None,
) -> None:
    """Set the weekly slots of a page, or of all pages of a brand.

    Replaces the earlier slots; scheduled posts stay as they are. The slots of a page take
    precedence over those of its brand. Days are mon to sun, ranges such as mon-fri, weekdays,
    weekends or daily. Times are in the brand's time zone unless --tz names another one. If a clock
    change skips a time, that day has no such slot; if it repeats one, the first counts.

    Example: outreply slots set instagram:acme 'mon-fri 09:00,17:30; sat 11:00'

    Example: outreply slots set facebook:acme 'daily 12:00' --tz America/New_York
    """
    # Before any request; the zone of the brand is not known yet.
    _parse(slots, "UTC")
    client = context.client()
    resolved = resolve_target(client, target)
    name = tz if tz and tz != BRAND_ZONE else client.brand_zone(resolved.brand_id)
    text = StoredSchedule(str(_parse(slots, name)), parse_zone(name).key)
    with open_store(context, client) as (journal, account):
        journal.set_slots(account, resolved.kind, resolved.id, text)
    context.output.print_one(resolved.to_dict(text), COLUMNS)


def _parse(slots: str, zone: str) -> SlotSchedule:
    try:
        return SlotSchedule.parse(slots, parse_zone(zone))
    except TimeError as error:
        raise error.replace(message=f"SLOTS: {error.message}") from None
