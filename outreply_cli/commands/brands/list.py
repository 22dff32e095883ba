"""`outreply brands list`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.brands.shared import COLUMNS
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command()
def run(context: Context) -> None:
    """List the brands the token has access to.

    Example: outreply brands list

    Example: outreply brands list --fields id,name -o csv
    """
    listing = context.client().brands()
    context.output.print_list(listing.items, [*COLUMNS, Column("Pages", "pages_count")])
