"""`outreply pages list`."""

from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.commands.pages.shared import COLUMNS
from outreply_cli.context import Context
from outreply_cli.errors import unknown_choice_error
from outreply_cli.pages import resolve_brand_id
from outreply_cli.spec.platforms import PLATFORM_NAMES, find_platform


@command()
def run(
    context: Context,
    platform: Annotated[
        str | None, option("PLATFORM", "Filter by platform, such as instagram.")
    ] = None,
    brand: Annotated[str | None, option("BRAND", "Filter by brand (ID or exact name).")] = None,
) -> None:
    """List the pages you can post to.

    The API calls X `twitter`; commands accept both names.

    Example: outreply pages list --platform instagram

    Example: outreply pages list --brand $(outreply brands list -q | head -n 1)
    """
    found = find_platform(platform) if platform else None
    if platform and found is None:
        raise unknown_choice_error("platform", platform, PLATFORM_NAMES, option="--platform")
    client = context.client()
    brand_id = resolve_brand_id(client, brand) if brand else None
    listing = client.pages(platform=found.name if found else None, brand_id=brand_id)
    context.output.print_list(listing.items, COLUMNS)
    expired = sum(bool(page.get("expired")) for page in listing.items)
    if expired:
        pages = "1 page has" if expired == 1 else f"{expired} pages have"
        context.warn(f"{pages} expired; reconnect in the dashboard")
