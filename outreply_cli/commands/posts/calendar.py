"""`outreply posts calendar`."""

from datetime import timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.posts.shared import CUT_OFF, OnePage
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.pages import find_page


@command()
def run(
    context: Context,
    week: Annotated[bool, typer.Option("--week", help="One week (default).")] = False,
    month: Annotated[bool, typer.Option("--month", help="A whole month.")] = False,
    page: OnePage = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="A day in it: 2026-12-24, 2026-12 or +7d."),
    ] = None,
    tz: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="Such as Europe/Paris.")
    ] = None,
) -> None:
    """Look at a week or a month: what is scheduled, and what went out.

    A terminal of 60 columns or more shows a grid, others an agenda.
    In the grid IG is Instagram; the letter after it is the brand's.

    Example: outreply posts calendar --month

    Example: outreply posts calendar --page instagram:acme --from +7d
    """
    from outreply_cli.commands.posts.calendar_period import Period
    from outreply_cli.commands.posts.output import post_columns
    from outreply_cli.posts.listing import list_calendar_posts
    from outreply_cli.times import day_start, parse_day

    if week and month:
        raise InvalidInputError("choose one of --week and --month")
    client, zone = context.client(), context.zone(tz)
    known = client.pages().items
    page_id = str(find_page(known, page)["id"]) if page else None
    now = client.now()
    day = parse_day(from_ or "today", now=now, zone=zone)
    period = Period.of(day, now.astimezone(zone).date(), whole_month=month)
    begin, end = day_start(period.first, zone), day_start(period.after, zone)
    found = list_calendar_posts(
        client, known, page_id=page_id,
        # The server's `since` leaves the very instant out.
        published_since=begin - timedelta(seconds=1) if begin <= now else None,
    )  # fmt: skip
    posts = [one for one in found.posts if begin <= one.instant < end]
    output = context.output
    if output.is_terminal and output.format == "table" and not (output.quiet or output.fields):
        from outreply_cli.commands.posts.calendar_grid import print_calendar

        print_calendar(output, period, posts, zone)
    else:
        output.print_list([one.post for one in posts], post_columns(zone, known))
    if found.cut_off:
        context.warn(CUT_OFF)
