"""Results on stdout, in every format: the one place where what a service returns is rendered."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from outreply_cli.ui.fields import as_text, get_field, select_fields
from outreply_cli.ui.sanitize import escape_control_json, sanitize

FORMATS = ("table", "json", "jsonl", "yaml", "csv", "tsv")
Item = Mapping[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Column:
    """One column of a table.

    Attributes:
        header: What stands above it on a terminal.
        field: Where its value is; the name of the column in csv and tsv.
        show: The cell's text for people, from the whole object; the value itself by default.
        shrinkable: Whether it gives way when the terminal is narrow.
        style: How it looks on a terminal, from the whole object.
        short: The cell's text on a narrow terminal, where it can be shorter.
        csv_only: Whether it stands in csv and tsv alone, as people see it in another one.
    """

    header: str
    field: str
    show: Callable[[Item], str] | None = None
    shrinkable: bool = False
    style: Callable[[Item], str] | None = None
    short: Callable[[Item], str] | None = None
    csv_only: bool = False

    def text(self, item: Item, *, narrow: bool = False) -> str:
        """The cell's text for people, harmless, on one line."""
        show = (self.short if narrow else None) or self.show
        return sanitize(show(item) if show else as_text(get_field(item, self.field)))


@dataclass(frozen=True, eq=False, repr=False)
class Output:
    """Where results go, and how they look.

    Attributes:
        stream: stdout.
        format: One of FORMATS.
        fields: What `--fields` chose, in order; None for everything.
        quiet: Whether only ids are wanted.
        is_terminal: Whether a person looks at the stream directly.
        color: Whether colours may be used.
        plain: Whether boxes, bars and symbols are unwanted.
        width: Columns of the terminal.
    """

    stream: TextIO
    format: str = "table"
    fields: Sequence[str] | None = None
    quiet: bool = False
    is_terminal: bool = False
    color: bool = False
    plain: bool = False
    width: int = 80

    @property
    def can_draw(self) -> bool:
        """Whether grids and bars may be drawn: to a person, whose terminal has them."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return self.is_terminal and not self.plain and "utf" in encoding.lower()

    def print_list(
        self, items: Sequence[Item], columns: Sequence[Column], *, id_field: str | None = "id"
    ) -> None:
        """Show objects of one kind: an array in JSON, a line each elsewhere.

        With `-q` their ids, where they have any.
        """
        if self.quiet:
            found = (get_field(item, id_field) for item in items) if id_field is not None else ()
            self._lines(sanitize(as_text(value)) for value in found if value is not None)
        elif self.format == "table":
            self._table(items, self._chosen(columns))
        else:
            self._document(items, columns, alone=False)

    def print_one(
        self, item: Item, columns: Sequence[Column], *, id_field: str | None = "id"
    ) -> None:
        """Show one object: its columns as lines `name  value`; with `-q` its id, where it has one.

        A pipe gets `name<TAB>value` lines.
        """
        if self.quiet:
            if id_field is not None:
                self._lines([sanitize(as_text(get_field(item, id_field)))])
        elif self.format == "table":
            chosen = self._chosen(columns)
            pairs = [(column.header, column.text(item), _style(column, item)) for column in chosen]
            if self.is_terminal:
                from outreply_cli.ui.tables import print_pairs

                print_pairs(self, pairs)
            else:
                self._lines(f"{header.lower()}\t{text}" for header, text, _ in pairs)
        else:
            self._document([item], columns, alone=True)

    def print_line(self, text: str = "") -> None:
        """Show a line for people; formats for programs and `-q` leave it out."""
        if self.format == "table" and not self.quiet:
            self._lines([sanitize(text, keep_lines=True)])

    def print_text(self, text: str) -> None:
        """Put `text` of our own on stdout as it is, whatever the format: a token, a template."""
        self.stream.write(text if text.endswith("\n") else text + "\n")

    def write_document(self, text: str) -> None:
        """Put a document with strangers' text in it on stdout: as it is, but for a terminal."""
        self.print_text(sanitize(text, keep_lines=True) if self.is_terminal else text)

    def write_json(self, value: Any) -> None:
        """Show parsed JSON of no known shape: as JSON where the format is for people.

        With `-q` nothing, as no id of it is known.
        """
        if self.quiet:
            return
        if isinstance(value, list) and self.format == "jsonl":
            self._lines(self._json(self._reduced(item)) for item in value)
        elif self.format == "yaml":
            self._show_yaml(self._reduced(value))
        elif self.format in {"csv", "tsv"}:
            rows = value if isinstance(value, list) else [value]
            objects = [row if isinstance(row, Mapping) else {"value": row} for row in rows]
            self._separated(objects, self._chosen([]) or _columns_of(objects))
        else:
            self._lines([self._json(self._reduced(value), indented=self.format != "jsonl")])

    def _chosen(self, columns: Sequence[Column]) -> Sequence[Column]:
        if self.fields is None:
            return [each for each in columns if self.format != "table" or not each.csv_only]
        known = {column.field: column for column in columns}
        return [
            known.get(path, Column(path.replace("_", " ").capitalize(), path))
            for path in self.fields
        ]

    def _table(self, items: Sequence[Item], columns: Sequence[Column]) -> None:
        if not self.is_terminal:
            self._lines("\t".join(column.text(item) for column in columns) for item in items)
            return
        from outreply_cli.ui.tables import print_table

        print_table(self, items, columns)

    def _document(self, items: Sequence[Item], columns: Sequence[Column], *, alone: bool) -> None:
        if self.format in {"csv", "tsv"}:
            self._separated(items, self._chosen(columns))
            return
        reduced = [self._reduced(item) for item in items]
        if self.format == "jsonl":
            self._lines(self._json(item) for item in reduced)
        elif self.format == "yaml":
            self._show_yaml(reduced[0] if alone else reduced)
        else:
            self._lines([self._json(reduced[0] if alone else reduced, indented=True)])

    def _reduced(self, value: Any) -> Any:
        if self.fields is None:
            return value
        if isinstance(value, list):
            return [self._reduced(item) for item in value]
        return select_fields(value, self.fields)

    def _json(self, value: Any, *, indented: bool = False) -> str:
        # Indenting is for eyes, and several times slower.
        indent = 2 if indented and self.is_terminal else None
        document = json.dumps(value, ensure_ascii=False, indent=indent)
        return escape_control_json(document) if self.is_terminal else document

    def _show_yaml(self, value: Any) -> None:
        from outreply_cli.ui.yaml import yaml_text

        self.print_text(yaml_text(value))

    def _separated(self, items: Sequence[Item], columns: Sequence[Column]) -> None:
        rows = [[column.field for column in columns]]
        rows += [[as_text(get_field(item, column.field)) for column in columns] for item in items]
        if self.is_terminal:
            rows = [[sanitize(cell, keep_lines=True) for cell in row] for row in rows]
        if self.format == "csv":
            from outreply_cli.formats.csv import csv_lines

            self.stream.writelines(csv_lines(rows))
        else:
            self._lines("\t".join(_tsv_cell(cell) for cell in row) for row in rows)

    def _lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stream.write(line + "\n")


def _style(column: Column, item: Item) -> str:
    return column.style(item) if column.style else ""


def _columns_of(items: Sequence[Item]) -> list[Column]:
    names = dict.fromkeys(name for item in items for name in item)
    return [Column(name, name) for name in names]


def _tsv_cell(text: str) -> str:
    escapes = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
    for character, escape in escapes:
        text = text.replace(character, escape)
    return text
