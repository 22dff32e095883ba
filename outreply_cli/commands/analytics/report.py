"""`outreply analytics report`."""

from pathlib import Path
from typing import Annotated, Any

from outreply_cli.cli.options import command, option
from outreply_cli.commands.analytics.shared import FigureOptions, analytics_store
from outreply_cli.commands.output_file import (
    STDOUT,
    check_html_replaceable,
    write_output_file,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.files import check_replaceable


@command()
def run(
    context: Context,
    *,
    html: Annotated[Path | None, option("FILE", "Write an HTML report (- for stdout).")] = None,
    csv: Annotated[
        Path | None, option("FILE", "Write CSV, one row per page and day (- for stdout).")
    ] = None,
    options: FigureOptions,
) -> None:
    """Write a report of pages and brands as HTML with charts, or as CSV.

    The HTML file is self-contained, has no scripts, can be printed, and explains its metrics.

    Example: outreply analytics report --html report.html --compare

    Example: outreply analytics report instagram:acme --since 90d --csv report.csv
    """
    from outreply_cli.analytics.report import is_csv_report, render_csv, render_html

    if html is None and csv is None:
        raise InvalidInputError("--html or --csv is required")
    if html not in {None, STDOUT}:
        check_html_replaceable(html)
    if csv not in {None, STDOUT}:
        check_replaceable("--csv", csv, "a report", is_csv_report)
    results = []
    with analytics_store(context) as store:
        subjects, period = options.find_subjects(context, store)
        # The posts of a page have no separate rows.
        subjects = subjects[:1] if options.target and subjects[0].kind != "brand" else subjects
        items = [subject.to_dict(period, compare=options.compare) for subject in subjects]
        if not items:
            raise InvalidInputError("no snapshots to report")
        if html is not None:
            document = render_html(store, subjects, items, period, context.client().now())
            results.append(write_report(context, html, document))
    if csv is not None:
        results.append(write_report(context, csv, render_csv(items)))
    if context.options.output != "table":
        context.output.print_data(results)


def write_report(context: Context, path: Path, text: str) -> dict[str, Any]:
    """Write a report to its file or, in the table format, to stdout; returns its JSON object."""
    write_output_file(context, path, text, f"Wrote the report to {path}.")
    return {"file": str(path), "content": text if path == STDOUT else None}
