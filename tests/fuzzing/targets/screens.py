"""Untrusted text on a terminal: no control characters, correct widths, no markup."""

import io
import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from outreply_cli.commands.doctor import show_results
from outreply_cli.commands.posts.calendar_grid import print_calendar
from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.errors import OutReplyError
from outreply_cli.formats.sanitize import escape_control_json, sanitize
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.ui.cells import fit
from outreply_cli.ui.columns import Column
from outreply_cli.ui.errors import format_error, format_traceback, internal_error
from outreply_cli.ui.output import Output
from tests.fuzzing.target import InputReader, Target, as_text

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_DAY = date(2026, 11, 24)
_WIDTHS = (40, 80, 120, 200)


def cells(text: str) -> int:
    """Width of `text` on a terminal, computed from the Unicode database."""
    return sum(
        0 if unicodedata.combining(c) or unicodedata.category(c) in {"Mn", "Me", "Cf"}
        else 2 if unicodedata.east_asian_width(c) in {"W", "F"}
        else 1
        for c in text
    )  # fmt: skip


def assert_sanitized(text: str) -> None:
    """Check that a text has only visible characters and line breaks."""
    # A cell may be cut within the flag of a region.
    text = re.sub("\U0001f3f4[\U000e0030-\U000e007f]{0,7}", "", text)
    for character in set(text):
        category = unicodedata.category(character)
        assert character == "\n" or category not in {"Cc", "Cs", "Zl", "Zp"}
        assert category != "Cf" or character in "\u200c\u200d"


def _check_sanitize(data: bytes) -> None:
    text = as_text(data)
    for keep_lines in (False, True):
        output = sanitize(text, keep_lines=keep_lines)
        assert_sanitized(output)
        assert keep_lines or "\n" not in output
        assert output.count("\n") == (text.count("\n") if keep_lines else 0)
        assert sanitize(output, keep_lines=keep_lines) == output
        assert len(output) <= 10 * len(text)
    document = json.dumps({"text": [text]}, ensure_ascii=False)
    assert_sanitized(escape_control_json(document))
    assert json.loads(escape_control_json(document)) == {"text": [text]}
    error = OutReplyError(f"x {text}", hint=text, details={text: text})
    assert_sanitized(format_error(error, as_json=True))
    assert_sanitized(format_error(error, as_json=False))
    assert format_error(error, as_json=False).count("\n") == 1 + bool(text)
    cause = ValueError(text)
    assert_sanitized(format_error(internal_error(cause), as_json=False))
    assert_sanitized(format_traceback(cause))


def _check_fitted(data: bytes) -> None:
    reader = InputReader(data)
    width = 1 + reader.number(40)
    text = sanitize(as_text(reader.rest()))
    output = fit(text, width)
    if _is_simple(text):
        assert cells(output) <= width
        assert output == text or (output.endswith("…") and text.startswith(output[:-1].rstrip()))
        assert output == text or cells(text) > width


def _check_tables(data: bytes) -> None:
    reader = InputReader(data)
    width = _WIDTHS[reader.number(len(_WIDTHS))]
    draw = _VIEWS[reader.number(len(_VIEWS))]
    plain = bool(reader.number(2))
    texts = [as_text(reader.part()) for _ in range(4)]
    stream = io.StringIO()
    draw(Output(stream, is_terminal=True, width=width, plain=plain), texts)
    output = stream.getvalue()
    assert_sanitized(output)
    if all(_is_simple(text) for text in texts):
        # The terminal may wrap the title of a calendar and the hints of doctor.
        lines = output.splitlines()[1:] if draw is not _findings else []
        assert all(cells(line) <= width for line in lines)


def _is_simple(text: str) -> bool:
    # Terminals disagree about joined emoji, variants and isolated combining marks.
    return all(
        unicodedata.category(c)[0] in "LNPZS"
        and ord(c) < 0x1F000
        and unicodedata.east_asian_width(c) in {"Na", "W", "F", "H"}
        and c not in "\u2018\u2019"
        for c in text
    ) and not any(0x2600 <= ord(c) < 0x2800 or 0x1160 <= ord(c) < 0x1200 for c in text)


def _table(output: Output, texts: list[str]) -> None:
    rows = [{"id": str(n), "a": text, "b": text[::-1]} for n, text in enumerate(texts)]
    columns = [
        Column("ID", "id"),
        Column("A", "a", shrinkable=True),
        Column("B", "b", shrinkable=True, style=lambda _: "red"),
    ]
    output.print_list(rows, columns)


def _calendar(output: Output, texts: list[str]) -> None:
    message, alias, platform, brand = texts
    posts = [
        CalendarPost(
            _NOW, alias, platform, brand, {"id": "1", "message": message, "status": brand}
        ),
        CalendarPost(_NOW, "instagram:a", "instagram", "A", {"id": "2", "status": "failed"}),
    ]
    period = Period.containing(_DAY, today=_DAY, whole_month=len(message) % 2 == 0)
    print_calendar(output, period, posts, ZoneInfo("UTC"))


def _findings(output: Output, texts: list[str]) -> None:
    result = {"check": "token", "status": "failure", "detail": texts[0], "hint": texts[1]}
    show_results(output, [result])


_VIEWS: tuple[Callable[[Output, list[str]], None], ...] = (_table, _calendar, _findings)
_HOSTILE = (
    b"\x1b[2J\x1b]0;owned\x07", b"\xc2\x9b31m", b"a\xe2\x80\xaeb", b"\xe2\x80\x8bx",
    b"[red]x[/red]",
    b":smile: [link=http://x]y[/link]", b"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" * 30,
    b"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", b"e\xcc\x81\xcc\x82", b"\xf3\xa0\x81\xa7",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f".encode(),
    b"plain text that is long enough to be cut somewhere in a narrow column",
    b"\xef\xb8\x8f\xe2\x83\xa3",
    b"\xd8\xa7\xd9\x84", b"two\nlines\r\n\tand a tab", b"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85", b"\xff",
)  # fmt: skip
_TABLE_SEEDS = [
    bytes([width, draw, plain]) + b"\0\0".join((a, b, b"twitter", b))
    for n, a in enumerate(_HOSTILE)
    for b in (_HOSTILE[n - 1], b"x")
    for width in range(len(_WIDTHS))
    for draw in range(len(_VIEWS))
    for plain in (0, 1)
]
TARGETS = (
    Target("harmless", _check_sanitize, _HOSTILE, _HOSTILE, smoke=150),
    Target("fitted", _check_fitted, [bytes([n]) + t for t in _HOSTILE for n in (3, 10)], _HOSTILE),
    Target("screens", _check_tables, _TABLE_SEEDS, _HOSTILE, smoke=100),
)
