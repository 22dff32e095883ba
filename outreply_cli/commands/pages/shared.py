"""Options and helpers that the commands of `outreply pages` share."""

from outreply_cli.ui.output import Column, Item


def _state(page: Item) -> str:
    return "EXPIRED, reconnect it" if page.get("expired") else "connected"


def _style(page: Item) -> str:
    return "bold red" if page.get("expired") else ""


COLUMNS = (
    Column("ID", "id", style=_style),
    Column("Platform", "platform"),
    Column("Username", "username", shrinkable=True),
    Column("Name", "name", shrinkable=True),
    Column("Brand", "brand_name", shrinkable=True),
    Column("State", "expired", _state, style=_style),
)
