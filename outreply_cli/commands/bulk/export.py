"""`outreply bulk export`."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.pages import find_page


@command()
def run(
    context: Context,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Where to; stdout by default.")
    ] = None,
    page: Annotated[str | None, typer.Option(metavar="P", help="Only of one page.")] = None,
) -> None:
    """Write what is scheduled as a calendar file that `bulk schedule` finds unchanged.

    Example: outreply bulk export --file now.csv

    Example: outreply bulk export --page instagram:acme > acme.csv
    """
    from outreply_cli.bulk.export import export_calendar

    client = context.client(patient=True)
    page_id = str(find_page(client.pages().items, page)["id"]) if page else None
    text, count, cut_off = export_calendar(client, page_id)
    context.write_text(file or Path("-"), text)
    if file is not None:
        context.info(f"{count} posts are in {file}.")
    if cut_off:
        context.warn("the API lists 100 posts at most; export page by page with --page")
