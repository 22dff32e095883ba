"""Options and helpers that the commands of `outreply brands` share."""

from outreply_cli.ui.output import Column

COLUMNS = (
    Column("ID", "id"),
    Column("Brand", "name", shrinkable=True),
    Column("Time zone", "timezone"),
)
