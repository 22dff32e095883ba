"""`outreply analytics best-times`."""

from typing import Annotated

from outreply_cli.cli.options import DisplayZone, argument, command
from outreply_cli.commands.analytics.output import bar_column, number_column
from outreply_cli.commands.analytics.shared import analytics_store
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command()
def run(
    context: Context,
    page: Annotated[str | None, argument("[PAGE]", "Page (default: all pages).")] = None,
    tz: DisplayZone = None,
) -> None:
    """Show the hours of the week whose posts had the highest engagement rates.

    Hours are ranked by the median engagement rate of their posts, at the first snapshot 2 to 7 days
    after publication. A page needs at least 20 such posts, and an hour at least 3.

    Example: outreply analytics best-times instagram:acme

    Example: outreply analytics best-times --tz Europe/Paris --json
    """
    from outreply_cli.analytics.best_times import explain_shortage, find_best_times
    from outreply_cli.pages import page_alias, resolve_page

    zone, items = context.zone(tz), []
    with analytics_store(context) as store:
        pages = store.pages()
        for chosen in pages if page is None else [resolve_page(pages, page)]:
            hours = find_best_times(store, chosen, zone)
            items += hours
            shortage = explain_shortage(hours)
            if shortage is not None:
                context.info(f"{page_alias(chosen)}: {shortage}.")
    output = context.output
    if output.format == "table":
        items = [item for item in items if item["ranked"]]
    output.print_list(items, [
        Column("Page", "page", shrinkable=True),
        Column("Day", "weekday"),
        Column("Hour", "hour", lambda item: f"{item['hour']:02}:00"),
        Column("Posts", "posts"),
        number_column("Rate", "engagement_rate", ".2%"),
        *bar_column(output, "engagement_rate", items),
        Column("Ranked", "ranked", csv_only=True),
    ], id_field=None)  # fmt: skip
