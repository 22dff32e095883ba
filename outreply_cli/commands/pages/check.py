"""`outreply pages check`."""

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError
from outreply_cli.ui.columns import Column


class ExpiredPagesError(OutReplyError):
    """The connection of a page has expired."""

    code = "PAGES_EXPIRED"


@command()
def run(context: Context, tz: DisplayZone = None) -> None:
    """Check for expired pages.

    Exits with 1 and lists their scheduled posts if any page has expired.

    Example: outreply pages check -q

    Example: outreply pages check --json
    """
    from outreply_cli.overview import find_expired_pages
    from outreply_cli.times import format_api_time

    client, zone = context.client(), context.zone(tz)
    pages = client.pages().items
    items = find_expired_pages(client, pages)
    if context.options.output != "table" or context.options.quiet:
        context.output.print_list(items, [Column("ID", "id"), Column("Page", "page")])
    elif items:
        # A line per post, or one for a page without any.
        rows = [{"page": item["page"], **post} for item in items for post in item["posts"] or [{}]]
        context.output.print_list(rows, [
            Column("Page", "page"),
            Column("Waiting post", "id"),
            Column("When", "scheduled_at",
                   lambda row: format_api_time(row["scheduled_at"], zone) if "id" in row else ""),
            Column("Message", "message", shrinkable=True),
        ])  # fmt: skip
    if items:
        names = ", ".join(item["page"] for item in items)
        raise ExpiredPagesError(
            f"the connection of {names} has expired",
            hint="Reconnect in the dashboard; the scheduled posts of the page fail until then.",
        )
    context.info(f"All {len(pages)} pages are connected.")
