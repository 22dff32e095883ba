"""What a terminal is shown of a stranger's text: no steering, right widths, no markup."""

import io
import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from outreply_cli.commands.doctor import show_findings
from outreply_cli.commands.posts.calendar_grid import print_calendar
from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.errors import OutReplyError
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.ui.errors import format_error, format_traceback, internal_error
from outreply_cli.ui.output import Column, Output
from outreply_cli.ui.sanitize import escape_control_json, sanitize
from outreply_cli.ui.tables import fit_text
from tests.fuzzing.target import Taken, Target, as_text

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_DAY = date(2026, 11, 24)
_ROOMS = (40, 80, 120, 200)


def cells(text: str) -> int:
    """How wide a terminal draws `text`, by the Unicode database alone."""
    return sum(
        0 if unicodedata.combining(c) or unicodedata.category(c) in {"Mn", "Me", "Cf"}
        else 2 if unicodedata.east_asian_width(c) in {"W", "F"}
        else 1
        for c in text
    )  # fmt: skip


def assert_harmless(text: str) -> None:
    """Nothing in it but lines of characters that show themselves."""
    for character in set(text):
        category = unicodedata.category(character)
        assert character == "\n" or category not in {"Cc", "Cs", "Zl", "Zp"}
        assert (
            category != "Cf" or character in "\u200c\u200d" or 0xE0020 <= ord(character) < 0xE0080
        )


def _check_harmless(data: bytes) -> None:
    text = as_text(data)
    for keep_lines in (False, True):
        shown = sanitize(text, keep_lines=keep_lines)
        assert_harmless(shown)
        assert keep_lines or "\n" not in shown
        assert shown.count("\n") == (text.count("\n") if keep_lines else 0)
        assert sanitize(shown, keep_lines=keep_lines) == shown
        assert len(shown) <= 6 * len(text)
    document = json.dumps({"text": [text]}, ensure_ascii=False)
    assert_harmless(escape_control_json(document))
    assert json.loads(escape_control_json(document)) == {"text": [text]}
    error = OutReplyError(f"x {text}", hint=text, details={text: text})
    assert_harmless(format_error(error, as_json=True))
    assert_harmless(format_error(error, as_json=False))
    assert format_error(error, as_json=False).count("\n") == 1 + bool(text)
    fault = ValueError(text)
    assert_harmless(format_error(internal_error(fault), as_json=False))
    assert_harmless(format_traceback(fault))


def _check_fitted(data: bytes) -> None:
    taken = Taken(data)
    room = 1 + taken.number(40)
    text = sanitize(as_text(taken.rest()))
    shown = fit_text(text, room)
    if _is_simple(text):
        assert cells(shown) <= room
        assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1].rstrip()))
        assert shown == text or cells(text) > room


def _check_tables(data: bytes) -> None:
    taken = Taken(data)
    width = _ROOMS[taken.number(len(_ROOMS))]
    show = _SHOWN[taken.number(len(_SHOWN))]
    plain = bool(taken.number(2))
    texts = [as_text(taken.part()) for _ in range(4)]
    stream = io.StringIO()
    show(Output(stream, is_terminal=True, width=width, plain=plain), texts)
    shown = stream.getvalue()
    assert_harmless(shown)
    if all(_is_simple(text) for text in texts):
        # A calendar's title and an advice's words may go on in the terminal's next line.
        lines = shown.splitlines()[1:] if show is not _findings else []
        assert all(cells(line) <= width for line in lines)


def _is_simple(text: str) -> bool:
    # Where terminals agree: no joined emoji, variants, or marks that have nothing to stand on.
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
    period = Period.of(_DAY, _DAY, whole_month=len(message) % 2 == 0)
    print_calendar(output, period, posts, ZoneInfo("UTC"))


def _findings(output: Output, texts: list[str]) -> None:
    found = {"check": "token", "standing": "failure", "found": texts[0], "advice": texts[1]}
    show_findings(output, [found])


_SHOWN: tuple[Callable[[Output, list[str]], None], ...] = (_table, _calendar, _findings)
_HOSTILE = (
    b"\x1b[2J\x1b]0;owned\x07", b"\xc2\x9b31m", b"a\xe2\x80\xaeb", b"\xe2\x80\x8bx",
    b"[red]x[/red]",
    b":smile: [link=http://x]y[/link]", b"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" * 30,
    b"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", b"e\xcc\x81\xcc\x82", b"\xf3\xa0\x81\xa7",
    b"plain text that is long enough to be cut somewhere in a narrow column",
    b"\xef\xb8\x8f\xe2\x83\xa3",
    b"\xd8\xa7\xd9\x84", b"two\nlines\r\n\tand a tab", b"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85", b"\xff",
)  # fmt: skip
_TABLE_SEEDS = [
    bytes([room, show, plain]) + b"\0\0".join((a, b, b"twitter", b))
    for n, a in enumerate(_HOSTILE)
    for b in (_HOSTILE[n - 1], b"x")
    for room in range(len(_ROOMS))
    for show in range(len(_SHOWN))
    for plain in (0, 1)
]
TARGETS = (
    Target("harmless", _check_harmless, _HOSTILE, _HOSTILE, smoke=150),
    Target("fitted", _check_fitted, [bytes([n]) + t for t in _HOSTILE for n in (3, 10)], _HOSTILE),
    Target("screens", _check_tables, _TABLE_SEEDS, _HOSTILE, smoke=100),
)
