"""iCalendar export: any text of a post, parsed with the icalendar package."""

import json
from datetime import UTC, datetime
from typing import Any

import icalendar

from outreply_cli.posts.ical import render_ical
from outreply_cli.posts.listing import CalendarPost
from tests.fuzzing.target import InputReader, Target, as_text

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_DUE = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


def _check(data: bytes) -> None:
    reader = InputReader(data)
    message, alias, brand, permalink, identity = (as_text(reader.part()) for _ in range(5))
    post = {"id": identity, "message": message, "permalink": permalink, "status": "failed"}
    text = render_ical([CalendarPost(_DUE, alias, "instagram", brand, post)], _NOW)
    raw = text.encode()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert not any((byte < 32 and byte not in b"\r\n\t") or byte == 127 for byte in raw)
    event: Any
    (event,) = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    assert {str(name) for name in event} <= {
        "UID", "DTSTAMP", "DTSTART", "SUMMARY", "DESCRIPTION", "URL", "CATEGORIES", "TRANSP"
    }  # fmt: skip
    assert event["DTSTART"].dt == _DUE
    assert str(event["UID"]) == f"{_normalize(identity or 'None')}@outreply"
    assert str(event["DESCRIPTION"]) == _normalize(message)
    assert str(event["SUMMARY"]).startswith(f"failed: {_normalize(alias)}: ")
    names: list[Any] = event["CATEGORIES"].cats
    assert [str(name) for name in names] == [
        "Instagram",
        *([_normalize(brand)] * bool(brand)),
        "failed",
    ]


def _normalize(text: str) -> str:
    # The format allows no other control characters and one kind of line break.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c in "\n\t" or not (c < " " or c == "\x7f"))
    return text.encode("utf-8", "replace").decode()


_TEXTS = (
    (b"One; two, three\\four\nfive \xf0\x9f\x8c\xb1", b"instagram:acme", b"Acme, Inc.",
     b"https://x.com/1", b"68a1"),
    (b"a\r\nBEGIN:VALARM\r\n", b"x:b", b"", b"https://x.com/1\r\nATTENDEE:mailto:a@b", b""),
    (b"\xe2\x80\xa8" * 40, b"\t", b" ", b"http://[", b"a:b;c"),
)  # fmt: skip
TARGETS = (
    Target(
        "icalendar", _check, [b"\0\0".join(parts) for parts in _TEXTS],
        [b"\\n", b"\\N", b"\\;", b"\\", b"BEGIN:VEVENT", b"END:VCALENDAR", b"\r\n ", b"\r\n\t",
         b";",
         b",", b":", b'"', b"%2C", b"^n", json.dumps("\u2028").encode(), b"\xe2\x80\xa8",
         b"\xc2\x85"],
        smoke=60,
    ),
)  # fmt: skip
