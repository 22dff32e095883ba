"""`outreply bulk export`."""

from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.commands.posts.output import report_export_gaps
from outreply_cli.context import Context
from outreply_cli.pages import resolve_page_id
from outreply_cli.storage.files import check_replaceable, write_file


@command()
def run(
    context: Context,
    file: Annotated[Path | None, option("FILE", "Write to a file (default: stdout).")] = None,
    page: Annotated[str | None, option("PAGE", "Filter by page.")] = None,
) -> None:
    """Export scheduled posts as a calendar file.

    Running `bulk schedule` on the file changes nothing, unless its posts belong to several
    calendars: edit their files instead. Exits with 3 if posts may be missing.

    Example: outreply bulk export --file now.csv

    Example: outreply bulk export --page instagram:acme > acme.csv
    """
    from outreply_cli.bulk.export import export_calendar, is_export

    if str(file) == "-":
        file = None
    if file is not None:
        check_replaceable("--file", file, "an export", is_export)
    client = context.client(max_wait=None)
    page_id = resolve_page_id(client.pages().items, page) if page else None
    export = export_calendar(client, page_id)
    if file is None:
        context.output.write_document(export.text)
    else:
        write_file(file, export.text)
        note = f"Exported {export.count} post{'s' * (export.count != 1)} to {file}."
        context.report({"file": str(file), "posts": export.count}, note)
    report_export_gaps(context, export.warnings, export.missing)
