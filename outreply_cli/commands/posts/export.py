"""`outreply posts export`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.posts.shared import (
    CUT_OFF,
    Every,
    OnePage,
    Published,
    Scheduled,
    check_exclusive,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.pages import find_page

_STDOUT = Path("-")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@command()
def run(
    context: Context,
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
    check_exclusive(scheduled, published, every)
    if csv is not None and (published or every):
        raise InvalidInputError(
            "--csv holds what is scheduled alone: what is out can't be scheduled again",
            hint="Write what is out with --ics, or see: outreply posts list --published -o csv",
        )
    client = context.client(patient=True)
    known = client.pages().items
    page_id = str(find_page(known, page)["id"]) if page else None
    cut_off = False
    if csv is not None:
        from outreply_cli.bulk.export import export_calendar

        text, count, cut_off = export_calendar(client, page_id)
        _write(context, csv, text, count)
    if ics is not None or csv is None:
        from outreply_cli.posts.ical import render_ical
        from outreply_cli.posts.listing import list_calendar_posts

        found = list_calendar_posts(
            client, known, page_id=page_id, scheduled=not published,
            published_since=_BEGINNING if published or every else None,
        )  # fmt: skip
        _write(context, ics or _STDOUT, render_ical(found.posts, client.now()), len(found.posts))
        cut_off = cut_off or found.cut_off
    if cut_off:
        context.warn(CUT_OFF)


def _write(context: Context, path: Path, text: str, count: int) -> None:
    context.write_text(path, text)
    if path != _STDOUT:
        context.info(f"{count} posts are in {path}." if count != 1 else f"1 post is in {path}.")
