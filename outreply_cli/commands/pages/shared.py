"""Columns shared by the commands of `outreply pages`."""

from outreply_cli.ui.columns import Column, Item


def _style(page: Item) -> str:
    return "bold red" if page.get("expired") else ""


def _status(page: Item) -> str:
    return "expired" if page.get("expired") else "connected"


COLUMNS = (
    Column("ID", "id", style=_style),
    Column("Platform", "platform"),
    Column("Username", "username"),
    Column("Name", "name", shrinkable=True),
    Column("Brand", "brand_name", shrinkable=True),
    Column("Status", "expired", _status, style=_style),
)
