"""`outreply brands`: the brands you can reach."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command, new_group
from outreply_cli.context import Session
from outreply_cli.pages import page_alias
from outreply_cli.ui.output import Column

app = new_group("The brands you can reach.")

_COLUMNS = (
    Column("ID", "id"),
    Column("Brand", "name", flexible=True),
    Column("Time zone", "timezone"),
)


@command(app, "list")
def brands_list(session: Session) -> None:
    """List the brands that the token reaches.

    Example: outreply brands list

    Example: outreply brands list --fields id,name -o csv
    """
    listing = session.client().brands()
    session.output.show_list(listing.items, [*_COLUMNS, Column("Pages", "pages_count")])


@command(app, "show")
def brands_show(
    session: Session, brand_id: Annotated[str, typer.Argument(metavar="ID", help="The brand's id.")]
) -> None:
    """Show one brand with its pages.

    Example: outreply brands show $(outreply brands list -q | head -n 1)

    Example: outreply brands show $(outreply brands list -q | head -n 1) --json
    """
    session.output.show_one(
        session.client().brand(brand_id),
        [
            *_COLUMNS,
            Column(
                "Pages", "pages", lambda brand: ", ".join(map(page_alias, brand.get("pages") or []))
            ),
        ],
    )
