"""`outreply brands show`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.commands.brands.shared import COLUMNS
from outreply_cli.context import Context
from outreply_cli.pages import page_alias, resolve_brand_id
from outreply_cli.ui.columns import Column


@command()
def run(
    context: Context,
    brand_id: Annotated[str, argument("BRAND", "ID or exact name of the brand.")],
) -> None:
    """Show a brand and its pages.

    Example: outreply brands show $(outreply brands list -q | head -n 1)

    Example: outreply brands show $(outreply brands list -q | head -n 1) --json
    """
    client = context.client()
    context.output.print_one(
        client.brand(resolve_brand_id(client, brand_id)),
        [
            *COLUMNS,
            Column(
                "Pages", "pages", lambda brand: ", ".join(map(page_alias, brand.get("pages") or []))
            ),
        ],
    )
