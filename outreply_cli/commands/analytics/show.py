"""`outreply analytics show`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.analytics.output import figure_columns, print_series
from outreply_cli.commands.analytics.shared import FigureOptions, analytics_store
from outreply_cli.context import Context


@command()
def run(context: Context, options: FigureOptions) -> None:
    """Show growth, engagement and engagement rate from the snapshots that were collected.

    Engagement is the increase in likes, comments and shares in the period. The engagement rate of a
    post is its total engagement divided by the page's followers; that of a page or brand is the
    mean of its posts that were published in the period. Days without a snapshot are gaps; nothing
    is estimated.
    Posts are listed below their page, and pages below their brand. Install
    outreply-cli[plots] for line charts.

    Example: outreply analytics show

    Example: outreply analytics show instagram:acme --since 90d --compare
    """
    with analytics_store(context) as store:
        subjects, period = options.find_subjects(context, store)
    items = [
        subject.to_dict(
            period, compare=options.compare, with_days=index == 0 or subject.kind != "post"
        )
        for index, subject in enumerate(subjects)
    ]
    output = context.output
    output.print_list(items, figure_columns(output, items))
    is_table = output.format == "table" and not output.quiet and output.fields is None
    if options.target is not None and is_table and output.can_draw:
        print_series(output, items[0]["series"])
    for item in items:
        if item["days_truncated"] and item["kind"] == "page":
            context.info(
                f"{item['name']}: the API may have listed only some of the posts on "
                f"{item['days_truncated']} of {item['days']} days; the others have no values on "
                "those days."
            )
