"""`outreply pages`: the social pages of your brands."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command, new_group
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError
from outreply_cli.pages import find_page
from outreply_cli.spec.platforms import PLATFORMS, platform_named
from outreply_cli.ui.output import Column, Item

app = new_group("The social pages of your brands.")


def _state(page: Item) -> str:
    return "EXPIRED, reconnect it" if page.get("expired") else "connected"


def _style(page: Item) -> str:
    return "bold red" if page.get("expired") else ""


_COLUMNS = (
    Column("ID", "id", style=_style),
    Column("Platform", "platform"),
    Column("Username", "username", flexible=True),
    Column("Name", "name", flexible=True),
    Column("Brand", "brand_name", flexible=True),
    Column("State", "expired", _state, style=_style),
)


@command(app, "list")
def pages_list(
    session: Session,
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
    listing = session.client().pages(platform=known.name if known else None, brand_id=brand)
    session.output.show_list(listing.items, _COLUMNS)
    expired = sum(bool(page.get("expired")) for page in listing.items)
    if expired:
        session.warn(f"{expired} of these pages must be reconnected in the dashboard")


@command(app, "show")
def pages_show(
    session: Session,
    page: Annotated[
        str, typer.Argument(metavar="PAGE", help="Its id, platform:username, or exact name.")
    ],
) -> None:
    """Show one page.

    Example: outreply pages show instagram:acme

    Example: outreply pages show x:bluebird --fields username,followers
    """
    client = session.client()
    found = find_page(client.pages().items, page)
    session.output.show_one(
        client.page(str(found["id"])),
        [
            *_COLUMNS[:4],
            Column("Brand", "brand_id"),
            Column("Followers", "followers"),
            _COLUMNS[5],
        ],
    )
