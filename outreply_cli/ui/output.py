"""Results in every format."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from outreply_cli.formats.sanitize import escape_control_json, sanitize
from outreply_cli.ui.columns import Column, Item
from outreply_cli.ui.fields import as_text, check_fields, get_field

if TYPE_CHECKING:
    from rich.console import Console

# ANSI codes by the names that Rich uses.
_CODES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35",
    "cyan": "36",
}  # fmt: skip
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
FORMATS = ("table", "json", "jsonl", "yaml", "csv", "tsv")


@dataclass(frozen=True, eq=False, repr=False)
class Output:
    """The stream and the format of results.

    Attributes:
        stream: The stream; stdout for results.
        format: One of FORMATS.
        fields: The paths of `--fields` in order; None for all.
        schema: The JSON Schema of the result, for `--fields`; None if unknown.
        checks_fields: Whether to check `fields` against the printed objects as well.
        quiet: Whether to print only IDs.
        is_terminal: Whether the stream is a terminal.
        color: Whether to use color.
        plain: Whether to use no boxes, bars or symbols.
        width: Columns of the terminal.
    """

    stream: TextIO
    format: str = "table"
    fields: Sequence[str] | None = None
    schema: Mapping[str, Any] | None = None
    checks_fields: bool = True
    quiet: bool = False
    is_terminal: bool = False
    color: bool = False
    plain: bool = False
    width: int = 80

    @property
    def can_draw(self) -> bool:
        """Whether to draw grids and bars: on a terminal that can show them."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return self.is_terminal and not self.plain and "utf" in encoding.lower()

    @property
    def console(self) -> "Console":
        """A Rich console on the stream that interprets no markup."""
        from rich.console import Console

        return Console(
            file=self.stream,
            force_terminal=self.is_terminal,
            no_color=not self.color,
            color_system="auto" if self.color else None,
            width=self.width,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )

    def style_text(self, text: str, style: str) -> str:
        """`text` in a style such as `bold red`, if the stream shows color."""
        if not (self.color and text and style):
            return text
        codes = ";".join(_CODES[word] for word in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"

    def print_list(
        self, items: Sequence[Item], columns: Sequence[Column], *, id_field: str | None = "id"
    ) -> None:
        """Print objects of one kind: an array in JSON, one line each in other formats.

        Args:
            items: The objects.
            columns: The columns of the table.
            id_field: The field that `-q` prints; None for nothing.

        Raises:
            InvalidInputError: `--fields` names a field that no column and no object has.
        """
        self._check_fields(items, columns)
        if self.quiet:
            found = (get_field(item, id_field) for item in items) if id_field is not None else ()
            self._lines(sanitize(as_text(value)) for value in found if value is not None)
        elif self.format == "table":
            self._table(items, self._select(columns))
        else:
            self._document([*items], columns)

    def print_one(
        self, item: Item, columns: Sequence[Column], *, id_field: str | None = "id"
    ) -> None:
        """Print an object, in a table as `name  value` lines, tab-separated in a pipe.

        Args:
            item: The object.
            columns: The lines to print.
            id_field: The field that `-q` prints; None for nothing.

        Raises:
            InvalidInputError: `--fields` names a field that no column has, nor the object.
        """
        self._check_fields([item], columns)
        if self.quiet:
            if id_field is not None:
                self._lines([sanitize(as_text(get_field(item, id_field)))])
        elif self.format == "table":
            selected = self._select(columns)
            pairs = [
                (column.header, column.text(item), column.get_style(item)) for column in selected
            ]
            if self.is_terminal:
                from outreply_cli.ui.tables import pair_lines

                self._lines(pair_lines(pairs, self.style_text))
            else:
                self._lines(f"{header.lower()}\t{text}" for header, text, _ in pairs)
        else:
            self._document(item, columns)

    def print_groups(
        self, groups: Sequence[tuple[str, Sequence[Item]]], columns: Sequence[Column]
    ) -> None:
        """Print groups of items below their headings, for a terminal."""
        from outreply_cli.ui.tables import group_lines

        self._lines(group_lines(groups, columns, self.width, self.style_text))

    def print_line(self, text: str = "") -> None:
        """Print a line for people, in the table format only."""
        if self.format == "table" and not self.quiet:
            self.stream.write(sanitize(text, keep_lines=True) + "\n")

    def print_text(self, text: str) -> None:
        """Print trusted or sanitized text, unchanged, in every format."""
        self.stream.write(text if text.endswith("\n") else text + "\n")

    def print_value(self, text: str, item: Item) -> None:
        """Print trusted text, such as a token, in the table format, and `item` in others."""
        if self.format == "table" and self.fields is None:
            self.print_text(text)
        else:
            self.print_data(item)

    def write_document(self, text: str) -> None:
        """Print a document: as it is, sanitized on a terminal; as `{"content": …}` in JSON."""
        shown = sanitize(text, keep_lines=True) if self.is_terminal else text
        self.print_value(shown, {"content": text})

    def print_data(self, value: Any) -> None:
        """Print a JSON value of any shape; the table format prints JSON, `-q` nothing.

        Raises:
            InvalidInputError: `--fields` names a field that no object has.
        """
        if self.quiet:
            return
        self._check_fields(value if isinstance(value, list) else [value], [])
        self._document(value, [])

    def print_report(self, report: Mapping[str, Any]) -> None:
        """Print a report as JSON, and only its `rows` in other formats."""
        self.print_data(report if self.format == "json" else report["rows"])

    def _check_fields(self, items: Sequence[Any], columns: Sequence[Column]) -> None:
        # The fields of an empty list are unknown without its schema.
        if self.fields is not None and self.checks_fields and (items or self.schema):
            names = (column.field for column in columns)
            check_fields(self.fields, self.schema, items, names)

    def _select(self, columns: Sequence[Column]) -> Sequence[Column]:
        if self.fields is None:
            return [column for column in columns if self.format != "table" or not column.csv_only]
        known = {column.field: column for column in columns}
        return [
            known.get(path, Column(path.replace("_", " ").capitalize(), path))
            for path in self.fields
        ]

    def _table(self, items: Sequence[Item], columns: Sequence[Column]) -> None:
        if not self.is_terminal:
            self._lines("\t".join(column.text(item) for column in columns) for item in items)
            return
        from outreply_cli.ui.tables import table_lines

        style, has_rule = self.style_text, not self.plain
        self._lines(table_lines(items, columns, self.width, style, has_rule=has_rule))

    def _document(self, value: Any, columns: Sequence[Column]) -> None:
        """Print a value in a format for programs; without columns, CSV has every field."""
        rows = value if isinstance(value, list) else [value]
        if self.format in {"csv", "tsv"}:
            objects = [row if isinstance(row, Mapping) else {"value": row} for row in rows]
            self._print_separated(objects, self._select(columns) or _columns_for(objects))
        elif self.format == "jsonl":
            self._lines(self._json(self.select(row)) for row in rows)
        elif self.format == "yaml":
            from outreply_cli.ui.yaml import yaml_text

            self.print_text(yaml_text(self.select(value)))
        else:
            self._lines([self._json(self.select(value), indented=True)])

    def select(self, value: Any) -> Any:
        """The fields that `--fields` names, of an object or of each object of a list."""
        if self.fields is None:
            return value
        if isinstance(value, list):
            return [self.select(item) for item in value]
        return {path: get_field(value, path) for path in self.fields}

    def _json(self, value: Any, *, indented: bool = False) -> str:
        # Indent on a terminal only; it takes several times as long.
        indent = 2 if indented and self.is_terminal else None
        document = json.dumps(value, ensure_ascii=False, indent=indent)
        return escape_control_json(document) if self.is_terminal else document

    def _print_separated(self, items: Sequence[Item], columns: Sequence[Column]) -> None:
        rows = [[column.field for column in columns]]
        rows += [[as_text(get_field(item, column.field)) for column in columns] for item in items]
        if self.is_terminal:
            rows = [[sanitize(cell, keep_lines=True) for cell in row] for row in rows]
        if self.format == "csv":
            from outreply_cli.formats.csv import csv_lines

            self.stream.writelines(csv_lines(rows))
        else:
            self._lines("\t".join(cell.translate(_TSV_ESCAPES) for cell in row) for row in rows)

    def _lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stream.write(line + "\n")


def _columns_for(items: Sequence[Item]) -> list[Column]:
    names = dict.fromkeys(name for item in items for name in item)
    return [Column(name, name) for name in names]
