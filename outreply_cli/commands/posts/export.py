"""`outreply posts export`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from outreply_cli.cli.options import command, option
from outreply_cli.commands.output_file import STDOUT, write_output_file
from outreply_cli.commands.posts.options import (
    AllFilter,
    PageFilter,
    PublishedFilter,
    ScheduledFilter,
    check_exclusive,
)
from outreply_cli.commands.posts.output import report_export_gaps
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.pages import resolve_page_id
from outreply_cli.storage.files import check_replaceable

_ICAL_START = b"BEGIN:VCALENDAR"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@command()
def run(
    context: Context,
    ics: Annotated[
        Path | None, option("FILE", "Write iCalendar to this file (default: - for stdout).")
    ] = None,
    csv: Annotated[
        Path | None, option("FILE", "Write a calendar file for bulk schedule (- for stdout).")
    ] = None,
    page: PageFilter = None,
    scheduled: ScheduledFilter = False,
    published: PublishedFilter = False,
    all_posts: AllFilter = False,
) -> None:
    """Export posts as an .ics file, or as a CSV calendar for `bulk schedule`.

    Times in iCalendar are in UTC; calendar apps convert them to local time.
    Each post keeps its UID, so importing a file again updates its events.
    Running `bulk schedule` on an exported calendar file changes nothing.
    Exits with 3 if posts may be missing.

    Example: outreply posts export --all --ics posts.ics

    Example: outreply posts export --csv posts.csv --page instagram:acme
    """
    check_exclusive(scheduled=scheduled, published=published, all=all_posts)
    if csv is not None and (published or all_posts):
        raise InvalidInputError(
            "--csv exports scheduled posts only: published ones cannot be scheduled again",
            hint="Use --ics for published posts, or: outreply posts list --published -o csv",
        )
    if csv == ics == STDOUT:
        raise InvalidInputError(
            "--csv and --ics cannot both be written to stdout", hint="Name a file for one of them."
        )
    if csv is not None:
        from outreply_cli.bulk.export import export_calendar, is_export

        if csv != STDOUT:
            check_replaceable("--csv", csv, "an export", is_export)
    if ics not in {None, STDOUT}:
        check_replaceable("--ics", ics, "a calendar", lambda old: old.startswith(_ICAL_START))
    client = context.client(max_wait=None)
    pages = client.pages().items
    page_id = resolve_page_id(pages, page)
    warnings: list[str] = []
    missing: list[str] = []
    results = []
    if csv is not None:
        export = export_calendar(client, page_id)
        warnings += export.warnings
        missing += export.missing
        results.append(_write(context, csv, export.text, export.count))
    if ics is not None or csv is None:
        from outreply_cli.posts.ical import render_ical
        from outreply_cli.posts.listing import list_calendar_posts

        listing = list_calendar_posts(
            client, pages, page_id=page_id, scheduled=not published,
            published_since=_EPOCH if published or all_posts else None,
        )  # fmt: skip
        text = render_ical(listing.items, client.now())
        results.append(_write(context, ics or STDOUT, text, len(listing.items)))
        missing += listing.missing
    if context.options.output != "table":
        context.output.print_data(results)
    report_export_gaps(context, warnings, list(dict.fromkeys(missing)))


def _write(context: Context, path: Path, text: str, count: int) -> dict[str, Any]:
    """Write an export to its file or, in the table format, to stdout; returns its JSON object."""
    note = f"Exported {count} {'post' if count == 1 else 'posts'} to {path}."
    write_output_file(context, path, text, note)
    item = {"file": str(path), "posts": count}
    return {**item, "content": text} if path == STDOUT else item
