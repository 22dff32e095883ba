"""`outreply status`."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column, Item, short_time_column

if TYPE_CHECKING:
    from outreply_cli.overview import Overview

_HEADINGS = {
    "today": "Today",
    "failed": "Known failures in the last 7 days",
    "expired_pages": "Expired pages",
    "unanswered_comments": "Unanswered comments",
    "limits": "Limits running low",
    "unknown": "Requests with an unknown outcome",
}
# The next step for a section that is not empty.
_HINTS = {
    "failed": "outreply posts retry ID",
    "expired_pages": "Reconnect in the dashboard",
    "unanswered_comments": "outreply comments triage",
    "limits": "outreply quota show",
    "unknown": "outreply store status",
}


@command()
def run(context: Context, tz: DisplayZone = None) -> None:
    """Show what needs attention today.

    Shows today's posts, posts that failed in the last 7 days, expired pages, comments without a
    reply, limits running low, and requests whose outcome is unknown. Uses one read of the
    monthly quota per post from the last 7 days, for at most 20 posts.

    Example: outreply status

    Example: outreply status --json
    """
    from outreply_cli.overview import fetch_overview

    zone = context.zone(tz)
    overview = fetch_overview(context.client(), context.store, zone)
    if context.options.output != "table" or context.options.fields:
        errors = {
            name: {"code": error.code, "message": error.message}
            for name, error in overview.errors.items()
        }
        context.output.print_one({**overview.sections, "errors": errors}, [], id_field=None)
    else:
        _print(context, overview, zone)
    for name, error in overview.errors.items():
        context.warn(f"{_HEADINGS[name]}: {error.message}")
    if overview.is_truncated:
        context.warn("the API lists at most 100 posts; there may be more")


def _print(context: Context, overview: "Overview", zone: ZoneInfo) -> None:
    output = context.output
    columns = _columns(zone)
    if output.quiet:
        return
    if not output.is_terminal:
        for name, items in overview.sections.items():
            rows = [{"section": name, **item} for item in items]
            output.print_list(rows, [Column("Section", "section"), *columns[name]])
        return
    for name, items in overview.sections.items():
        # A row of comments is a post with any number of them.
        count = sum(int(item.get("unanswered", 1)) for item in items)
        heading = f"{_HEADINGS[name]}: {count or 'none'}"
        if items and name in _HINTS:
            heading += f"  ({_HINTS[name]})"
        output.print_groups([(heading, items)], columns[name])


def _columns(zone: ZoneInfo) -> dict[str, list[Column]]:
    """Return the columns of each section."""
    page, text = Column("Page", "page", shrinkable=True), Column("Text", "message", shrinkable=True)
    return {
        "today": [short_time_column("When", "at", zone), page, Column("Status", "status"), text],
        "failed": [short_time_column("When", "scheduled_at", zone), page, Column("ID", "id"),
                   Column("Error", "error", shrinkable=True)],
        "expired_pages": [page, Column("Posts waiting", "posts_waiting", _format_waiting),
                          short_time_column("When", "next_at", zone)],
        "unanswered_comments": [page, Column("Comments", "unanswered"), Column("Post", "post_id"),
                                text],
        "limits": [Column("Limit", "name"), Column("Remaining", "remaining", _format_remaining)],
        "unknown": [short_time_column("When", "scheduled_at", zone), page, text],
    }  # fmt: skip


def _format_waiting(item: Item) -> str:
    count = item["posts_waiting"]
    return "" if count is None else f"{count} post{'s' * (count != 1)} waiting"


def _format_remaining(item: Item) -> str:
    return f"{item['remaining']} of {item['limit']} remaining ({item['percent']}% used)"
