"""`outreply store log`."""

from contextlib import closing
from typing import Annotated, Any

from outreply_cli.cli.options import DisplayZone, command, option
from outreply_cli.commands.posts.options import PageFilter
from outreply_cli.context import Context
from outreply_cli.journal.models import Event
from outreply_cli.pages import resolve_page_id
from outreply_cli.timestamps import format_timestamp
from outreply_cli.ui.columns import Column, Item, time_column


@command()
def run(
    context: Context,
    page: PageFilter = None,
    since: Annotated[
        str | None, option("TIME", "Show only what was done since TIME, such as 7d.")
    ] = None,
    limit: Annotated[int, option("COUNT", "Show at most COUNT events.", min=1)] = 100,
    tz: DisplayZone = None,
) -> None:
    """List changes to posts: what, when, by whom, and from which host and command.

    The newest event comes first. The log covers posts from calendars, with --key or with --at
    next-slot, and posts that were edited or rescheduled, but not posts that were sent once without
    a key. `adopted` means that an existing post was recorded: a row was paired with it, or it was
    edited. For `approved`, the name and time are those in the approval file, and are not verified.

    Example: outreply store log --since 7d

    Example: outreply store log --page instagram:acme --json
    """
    zone = context.zone(tz)
    after = None
    if since is not None:
        from outreply_cli.time_parser import parse_past_time

        after = parse_past_time(since, now=context.clock.now(), zone=zone)
    pages = context.client().pages().items if page is not None else []
    page_id = resolve_page_id(pages, page)
    events: list[Event] = []
    if context.store.exists:
        with closing(context.store.open(allow_readonly=True)) as journal:
            events = journal.events(since=after, page_id=page_id, limit=limit + 1)
    if len(events) > limit:
        context.info(f"Only the newest {limit} events are shown; use --limit to see more.")
    items = [_to_dict(event) for event in events[:limit]]
    context.output.print_list(items, [
        time_column("When", "at", zone),
        Column("Action", "action"),
        Column("Page", "page_id", shrinkable=True),
        time_column("Scheduled for", "scheduled_at", zone),
        Column("Post", "id", shrinkable=True),
        Column("By", "user", _format_origin, shrinkable=True),
        Column("Command", "command"),
        Column("Message", "message", shrinkable=True),
    ])  # fmt: skip


def _format_origin(item: Item) -> str:
    return f"{item['user']}@{item['host']}" if item["host"] else str(item["user"])


def _to_dict(event: Event) -> dict[str, Any]:
    return {
        **event._asdict(),
        "at": format_timestamp(event.at),
        "action": event.action.value,
        "scheduled_at": format_timestamp(event.scheduled_at),
    }
