"""`outreply pages show`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.commands.pages.shared import COLUMNS
from outreply_cli.context import Context
from outreply_cli.pages import resolve_page
from outreply_cli.ui.columns import Column


@command()
def run(
    context: Context,
    page: Annotated[str, argument("PAGE", "ID, platform:username or exact name.")],
) -> None:
    """Show a page.

    Example: outreply pages show instagram:acme

    Example: outreply pages show x:bluebird --fields username,followers
    """
    client = context.client()
    page_id = str(resolve_page(client.pages().items, page)["id"])
    context.output.print_one(
        client.page(page_id),
        [
            *COLUMNS[:4],
            Column("Brand ID", "brand_id"),
            Column("Followers", "followers"),
            COLUMNS[5],
        ],
    )
