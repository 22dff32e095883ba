"""`outreply posts calendar`."""

from datetime import timedelta
from typing import Annotated

from outreply_cli.cli.options import DisplayZone, command, option, switch
from outreply_cli.commands.posts.options import PageFilter, check_exclusive
from outreply_cli.commands.posts.shared import TRUNCATED
from outreply_cli.context import Context
from outreply_cli.pages import resolve_page_id


@command()
def run(
    context: Context,
    week: Annotated[bool, switch("Show one week (default).")] = False,
    month: Annotated[bool, switch("Show a whole month.")] = False,
    page: PageFilter = None,
    from_: Annotated[
        str | None,
        option(
            "DATE",
            "Show the week or month that contains this day, such as 2026-12-24 or +7d.",
            "--from",
        ),
    ] = None,
    tz: DisplayZone = None,
) -> None:
    """Show the scheduled and published posts of a week or month.

    Prints a grid on terminals of 60 columns or more, and an agenda on narrower ones. In the grid,
    IG is Instagram, TW is X, and so on; the letter after it is the brand.

    Example: outreply posts calendar --month

    Example: outreply posts calendar --page instagram:acme --from +7d
    """
    from outreply_cli.commands.posts.calendar_period import Period
    from outreply_cli.commands.posts.output import post_columns
    from outreply_cli.posts.listing import list_calendar_posts
    from outreply_cli.time_parser import parse_day
    from outreply_cli.times import day_start

    check_exclusive(week=week, month=month)
    client, zone = context.client(), context.zone(tz)
    pages = client.pages().items
    page_id = resolve_page_id(pages, page)
    now = client.now()
    day = parse_day(from_ or "today", now=now, zone=zone)
    period = Period.containing(day, today=now.astimezone(zone).date(), whole_month=month)
    start, end = day_start(period.first, zone), day_start(period.after, zone)
    listing = list_calendar_posts(
        client, pages, page_id=page_id,
        # The API's `since` is exclusive.
        published_since=start - timedelta(seconds=1) if start <= now else None,
    )  # fmt: skip
    posts = [post for post in listing.items if start <= post.at < end]
    output = context.output
    if output.is_terminal and output.format == "table" and not (output.quiet or output.fields):
        from outreply_cli.commands.posts.calendar_grid import print_calendar

        print_calendar(output, period, posts, zone)
    else:
        output.print_list([post.post for post in posts], post_columns(zone, pages))
    if listing.truncated:
        context.warn(TRUNCATED)
