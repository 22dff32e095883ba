"""Output formats: no formulas in reports, and everything can be parsed again."""

import csv
import io
import json
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import yaml

from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.bulk.reports import COLUMNS, ReportFile
from outreply_cli.errors import OutReplyError
from outreply_cli.formats.csv import unescape_formula
from outreply_cli.ui.columns import Column
from outreply_cli.ui.output import Output
from tests.fuzzing.target import InputReader, Target, as_text, scratch
from tests.fuzzing.targets.screens import assert_sanitized

_WHEN = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


@cache
def _directory() -> Path:
    return scratch()


def _check_report(data: bytes) -> None:
    reader = InputReader(data)
    file, page, post, message = (as_text(reader.part()) for _ in range(4))
    error = OutReplyError(message)
    action = Action(ActionType.CANCEL, _WHEN, page, None)
    path = _directory() / "report.csv"
    results = [(file, RowResult(action, RowStatus.FAILED, post, error))]
    ReportFile(path, None).write(results, {})
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream, strict=True)
    assert tuple(header) == COLUMNS
    (row,) = rows
    cells = dict(zip(COLUMNS, row, strict=True))
    for name, text in (("file", file), ("page_id", page), ("id", post)):
        written = text.encode("utf-8", "backslashreplace").decode()
        assert unescape_formula(cells[name]) == written
    for cell in row:
        # Full-width signs start formulas in East Asian locales.
        plain = unicodedata.normalize("NFKC", cell)
        assert not plain.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def _check_separated(data: bytes) -> None:
    reader = InputReader(data)
    format_ = ("csv", "tsv")[reader.number(2)]
    first, second = as_text(reader.part()), as_text(reader.part())
    rows: list[dict[str, object]] = [{"id": first, "more": {"text": second}}, {"id": second}]
    stream = io.StringIO(newline="")
    Output(stream, format=format_).print_list(rows, [Column("ID", "id"), Column("M", "more.text")])
    text = stream.getvalue()
    if format_ == "csv":
        read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    else:
        read = [[_unescape(cell) for cell in line.split("\t")] for line in text.split("\n")[:-1]]
    assert read == [["id", "more.text"], [first, second], [second, ""]]


def _unescape(cell: str) -> str:
    pieces = cell.split("\\\\")
    for escape, character in (("\\t", "\t"), ("\\n", "\n"), ("\\r", "\r")):
        pieces = [piece.replace(escape, character) for piece in pieces]
    return "\\".join(pieces)


def _check_documents(data: bytes) -> None:
    reader = InputReader(data)
    format_ = ("json", "jsonl", "yaml")[reader.number(3)]
    rows = [{"id": as_text(reader.part()), as_text(reader.part()): [as_text(reader.rest()), None]}]
    stream = io.StringIO(newline="")
    Output(stream, format=format_).print_list(rows, [])
    text = stream.getvalue()
    if format_ == "yaml":
        assert yaml.safe_load(text) == rows
        assert_sanitized(text)
    else:
        assert json.loads(text) == (rows if format_ == "json" else rows[0])


_CELLS = (
    b"=cmd|' /C calc'!A0", b"+1+1", b"-2", b"@SUM(1)", b"'=1", b"\t=1", b"\r=1", b"\n=1", b" =1",
    b"\xef\xbc\x9d1", b'"=1",=2', b"a\\nb\\\\t", b"a;b", b"68a1", b"plain \xf0\x9f\x8c\xb1", b"",
)  # fmt: skip
_SEEDS = [b"\0\0".join((a, b, a, b)) for a in _CELLS for b in _CELLS[:4]]
TARGETS = (
    Target("reports", _check_report, _SEEDS, _CELLS, smoke=120),
    Target("separated", _check_separated, [bytes([n]) + s for s in _SEEDS for n in (0, 1)], _CELLS),
    Target(
        "documents", _check_documents,
        [bytes([n]) + b"\0\0".join((b"1", b"key", cell)) for cell in _CELLS for n in range(3)],
        [*_CELLS, b"yes", b"~", b"1e3", b"0x1F", b"2026-12-24", b"|", b"? ", b"- ", b"!!x"],
         smoke=100,
    ),
)  # fmt: skip
