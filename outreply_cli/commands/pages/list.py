"""`outreply pages list`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.pages.shared import COLUMNS
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.platforms import PLATFORMS, platform_named


@command()
def run(
    context: Context,
    platform: Annotated[
        str | None, typer.Option(metavar="P", help="Only of one platform, such as instagram.")
    ] = None,
    brand: Annotated[
        str | None, typer.Option(metavar="B", help="Only of the brand with this id.")
    ] = None,
) -> None:
    """List the pages that posts can go to.

    Example: outreply pages list --platform instagram

    Example: outreply pages list --brand $(outreply brands list -q | head -n 1)
    """
    known = platform_named(platform) if platform else None
    if platform and known is None:
        names = ", ".join(each.name for each in PLATFORMS)
        raise InvalidInputError(f"--platform {platform!r} is unknown", hint=f"Choose: {names}")
    listing = context.client().pages(platform=known.name if known else None, brand_id=brand)
    context.output.print_list(listing.items, COLUMNS)
    expired = sum(bool(page.get("expired")) for page in listing.items)
    if expired:
        context.warn(f"{expired} of these pages must be reconnected in the dashboard")
