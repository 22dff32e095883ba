"""Columns of tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outreply_cli.formats.sanitize import sanitize
from outreply_cli.ui.fields import as_text, get_field

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Item = Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Column:
    """A column of a table.

    Attributes:
        header: The header on a terminal.
        field: The dotted path of the value; the name of the column in CSV and TSV.
        format: Returns the text of a cell for people; the value itself by default.
        shrinkable: Whether the column may be cut on a narrow terminal.
        style: Returns the style of a cell, such as `bold red`.
        short: Returns a shorter text for narrow terminals.
        csv_only: Whether the column appears in CSV and TSV only.
    """

    header: str
    field: str
    format: Callable[[Item], str] | None = None
    shrinkable: bool = False
    style: Callable[[Item], str] | None = None
    short: Callable[[Item], str] | None = None
    csv_only: bool = False

    def text(self, item: Item, *, narrow: bool = False) -> str:
        """The text of a cell for people, sanitized, on one line."""
        format_cell = (self.short if narrow else None) or self.format
        return sanitize(format_cell(item) if format_cell else as_text(get_field(item, self.field)))

    def get_style(self, item: Item) -> str:
        """The style of a cell; empty without one."""
        return self.style(item) if self.style else ""


def time_column(header: str, field: str, zone: "ZoneInfo") -> Column:
    """Return a column of times in `zone`; the values are UTC times of the API's form."""
    from outreply_cli.times import format_time, format_time_short
    from outreply_cli.timestamps import parse_timestamp

    return Column(
        header,
        field,
        lambda item: format_time(parse_timestamp(item[field]), zone),
        short=lambda item: format_time_short(parse_timestamp(item[field]), zone),
    )


def short_time_column(header: str, field: str, zone: "ZoneInfo") -> Column:
    """Return a column of times in `zone` without the year; the cell of None is empty."""
    from outreply_cli.times import format_time_short
    from outreply_cli.timestamps import parse_timestamp

    def format_cell(item: Item) -> str:
        when = item[field]
        return "" if when is None else format_time_short(parse_timestamp(when), zone)

    return Column(header, field, format_cell)
