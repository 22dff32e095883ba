"""`outreply bulk preview`."""

from functools import partial
from pathlib import Path
from typing import Annotated

from outreply_cli.api.errors import NetworkError
from outreply_cli.bulk.approval import approval_file_name, calendar_title
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.preview import CalendarPreview, group_by_month, preview_calendar
from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.bulk.options import File, ReadOptions
from outreply_cli.commands.bulk.shared import load_calendars
from outreply_cli.commands.output_file import check_html_file, write_output_file
from outreply_cli.commands.posts.preview_output import preview_to_dict, print_preview
from outreply_cli.context import Context
from outreply_cli.errors import NotSignedInError
from outreply_cli.times import BRAND_ZONE
from outreply_cli.timestamps import format_timestamp


@command()
def run(
    context: Context,
    file: File,
    html: Annotated[
        Path | None, option("FILE", "Write the preview as HTML to this file (- for stdout).")
    ] = None,
    terminal: Annotated[bool, switch("Print the posts as text (default without --html).")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Preview the posts of a calendar as they will look, for approval.

    The HTML file is self-contained, and can be emailed or printed. It shows a calendar by month and
    each post in its feed: cut text, cropped images, link, first comment, lengths and warnings. A
    reviewer can approve posts, comment on them, and save an approval file for `bulk schedule
    --approved`. It is a record, not a signature: the reviewer's name is not verified.

    Requires no account; with one, the names of pages are shown. Posts in the past are skipped.
    Media URLs are not fetched. With outreply-cli[preview], images are scaled down; without it, only
    images up to 200 kB are included, unchanged, with their metadata.

    Example: outreply bulk preview launch.csv --html launch.html

    Example: outreply bulk preview launch.csv --terminal
    """
    (calendar,) = load_calendars(context, [file], reading)
    if html is not None:
        check_html_file(context, html, [calendar.path])
    preview = preview_file(context, calendar, reading)
    rows = [
        {
            "row": row.version.row,
            "hash": row.version.digest,
            "scheduled_at": row.scheduled_at and format_timestamp(row.scheduled_at),
        }
        for row in preview.rows
    ]
    if html is not None:
        from outreply_cli.posts.images import embed_images
        from outreply_cli.posts.preview_page import render_preview

        name = calendar.file_name.rpartition("/")[2]
        document = render_preview(
            [
                {"post": row.post, "source": f"{name}:{row.line}", **item}
                for row, item in zip(preview.rows, rows, strict=True)
            ],
            title=calendar_title(calendar),
            zone=context.zone(None if reading.tz == BRAND_ZONE else reading.tz),
            now=context.clock.now(),
            images=embed_images(file for row in preview.rows for file in row.files),
            months=group_by_month(preview.rows),
            note=f"Posts in the past were skipped: {preview.past}." if preview.past else "",
            approval_file=approval_file_name(calendar),
        )
        write_output_file(context, html, document, f"Wrote the preview to {html}.")
    if context.options.output != "table":
        file_name = calendar.file_name
        items = [
            {"file": file_name, "line": row.line, "key": row.key, **item}
            | preview_to_dict(row.post)
            for row, item in zip(preview.rows, rows, strict=True)
        ]
        context.output.print_data(items)
    elif terminal or html is None:
        for row in preview.rows:
            print_preview(context, row.post, f"{calendar.file_name}:{row.line}")
    if preview.past:
        context.info(f"Skipped {preview.past} post{'s' * (preview.past > 1)} in the past.")


def preview_file(context: Context, calendar: Calendar, reading: ReadOptions) -> CalendarPreview:
    """Return the preview of a calendar, with the account's pages if there is an account."""
    options = reading.to_options(context)
    zone = options.zone or context.zone()
    now = context.clock.now()
    preview = partial(
        preview_calendar, calendar, zone=options.zone, shown_zone=zone, rules=options.rules
    )
    try:
        client = context.client()
        return preview(client, now=client.now())
    except NotSignedInError:
        pass
    except NetworkError as error:
        context.warn(f"{error.message}; pages are shown under the names in the file")
    return preview(None, now=now)
