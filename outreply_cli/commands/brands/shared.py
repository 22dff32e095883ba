"""Columns shared by the commands of `outreply brands`."""

from outreply_cli.ui.columns import Column

COLUMNS = (
    Column("ID", "id"),
    Column("Brand", "name", shrinkable=True),
    Column("Time zone", "timezone"),
)
