"""`outreply posts calendar` and `export`: posts as a calendar, here and in other programs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.post_group import (
    Every,
    OnePage,
    Published,
    Scheduled,
    app,
    refuse_several,
)
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError
from outreply_cli.pages import find_page

_STDOUT = Path("-")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_CUT_OFF = "the API lists 100 posts of a page at most; there may be more"


@command(app, "calendar")
def posts_calendar(
    session: Session,
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
    from outreply_cli.commands.post_reports import post_columns
    from outreply_cli.posts.listing import dated_posts
    from outreply_cli.times import day_start, read_day
    from outreply_cli.ui.calendar.period import Period

    if week and month:
        raise InvalidInputError("choose one of --week and --month")
    client, zone = session.client(), session.zone(tz)
    known = client.pages().items
    page_id = str(find_page(known, page)["id"]) if page else None
    now = client.now()
    day = read_day(from_ or "today", now=now, zone=zone)
    period = Period.of(day, now.astimezone(zone).date(), whole_month=month)
    begin, end = day_start(period.first, zone), day_start(period.after, zone)
    found = dated_posts(
        client, known, page_id=page_id,
        # The server's `since` leaves the very instant out.
        published_since=begin - timedelta(seconds=1) if begin <= now else None,
    )  # fmt: skip
    posts = [one for one in found.posts if begin <= one.instant < end]
    output = session.output
    if output.is_terminal and output.format == "table" and not (output.quiet or output.fields):
        from outreply_cli.ui.calendar.grid import show_calendar

        show_calendar(output, period, posts, zone)
    else:
        output.show_list([one.post for one in posts], post_columns(zone, known))
    if found.cut_off:
        session.warn(_CUT_OFF)


@command(app, "export")
def posts_export(
    session: Session,
    ics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="iCalendar, to subscribe to; - for stdout (default)."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A calendar for `bulk schedule`; - for stdout."),
    ] = None,
    page: OnePage = None,
    scheduled: Scheduled = False,
    published: Published = False,
    every: Every = False,
) -> None:
    """Write posts as iCalendar, or as a calendar file that `bulk schedule` finds unchanged.

    iCalendar's times are in UTC: who reads them sees local ones.
    Each post keeps its UID: a file imported again doubles no event.

    Example: outreply posts export --all --ics posts.ics

    Example: outreply posts export --csv posts.csv --page instagram:acme
    """
    refuse_several(scheduled, published, every)
    if csv is not None and (published or every):
        raise InvalidInputError(
            "--csv holds what is scheduled alone: what is out can't be scheduled again",
            hint="Write what is out with --ics, or see: outreply posts list --published -o csv",
        )
    client = session.client(patient=True)
    known = client.pages().items
    page_id = str(find_page(known, page)["id"]) if page else None
    cut_off = False
    if csv is not None:
        from outreply_cli.bulk.export import export_calendar

        text, count, cut_off = export_calendar(client, page_id)
        _write(session, csv, text, count)
    if ics is not None or csv is None:
        from outreply_cli.posts.ical import icalendar
        from outreply_cli.posts.listing import dated_posts

        found = dated_posts(
            client, known, page_id=page_id, scheduled=not published,
            published_since=_BEGINNING if published or every else None,
        )  # fmt: skip
        _write(session, ics or _STDOUT, icalendar(found.posts, client.now()), len(found.posts))
        cut_off = cut_off or found.cut_off
    if cut_off:
        session.warn(_CUT_OFF)


def _write(session: Session, path: Path, text: str, count: int) -> None:
    session.write_text(path, text)
    if path != _STDOUT:
        session.note(f"{count} posts are in {path}." if count != 1 else f"1 post is in {path}.")
