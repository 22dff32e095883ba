"""iCalendar files, parsed by the `icalendar` package."""

from datetime import UTC, datetime
from typing import Any

import icalendar
from hypothesis import given, strategies as st

from outreply_cli.posts.ical import escape_text, fold_line, render_ical
from outreply_cli.posts.listing import CalendarPost

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DUE = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


def make_post(message: str = "Hello", **fields: str) -> CalendarPost:
    post = {"id": "68a1", "status": "scheduled", "message": message, **fields}
    return CalendarPost(DUE, "instagram:acme", "instagram", "Acme, Inc.", post)


def parse_events(text: str) -> list[Any]:
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


def test_event_has_the_fields_of_the_post() -> None:
    text = render_ical(
        [make_post("One; two, three\\four\nfive 🌱", permalink="https://x.com/1")], NOW
    )
    event = parse_events(text)[0]
    assert event["UID"] == "68a1@outreply"
    assert event["DTSTART"].dt == DUE
    assert event["DTSTAMP"].dt == NOW
    assert str(event["DESCRIPTION"]) == "One; two, three\\four\nfive 🌱"
    assert str(event["SUMMARY"]) == "instagram:acme: One; two, three\\four five 🌱"
    assert str(event["URL"]) == "https://x.com/1"
    assert [str(name) for name in event["CATEGORIES"].cats] == [
        "Instagram", "Acme, Inc.", "scheduled",
    ]  # fmt: skip


def test_uid_is_stable_after_publishing() -> None:
    before = render_ical([make_post()], NOW)
    after = render_ical([make_post("Edited", status="published")], DUE)
    assert parse_events(before)[0]["UID"] == parse_events(after)[0]["UID"]


def test_empty_calendar_has_crlf_line_ends() -> None:
    text = render_ical([], NOW)
    assert icalendar.Calendar.from_ical(text)["VERSION"] == "2.0"
    assert text.count("\n") == text.count("\r\n")


def test_line_breaks_in_texts_add_no_ical_properties() -> None:
    bad = "https://x.com/1\r\nATTENDEE:mailto:all@example.com"
    text = render_ical([make_post("a\r\nBEGIN:VALARM\x00\x1b", permalink=bad)], NOW)
    assert not any(line.startswith(("ATTENDEE", "BEGIN:VALARM")) for line in text.splitlines())
    assert "\x00" not in text


@given(st.text(max_size=400))
def test_fold_line_roundtrip(line: str) -> None:
    line = escape_text(line)
    pieces = fold_line(line).encode().split(b"\r\n")
    assert all(len(piece) <= 75 for piece in pieces)
    assert (
        "".join(
            piece.decode()[1:] if number else piece.decode() for number, piece in enumerate(pieces)
        )
        == line
    )


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300))
def test_description_roundtrip(message: str) -> None:
    event = parse_events(render_ical([make_post(message)], NOW))[0]
    assert str(event["DESCRIPTION"]) == message
