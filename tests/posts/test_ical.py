"""iCalendar, read back by another program's reader."""

from datetime import UTC, datetime
from typing import Any

import icalendar as reader
from hypothesis import given, strategies as st

from outreply_cli.posts.ical import escape_text, fold_line, render_ical
from outreply_cli.posts.listing import CalendarPost

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DUE = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


def post(message: str = "Hello", **more: str) -> CalendarPost:
    facts = {"id": "68a1", "status": "scheduled", "message": message, **more}
    return CalendarPost(DUE, "instagram:acme", "instagram", "Acme, Inc.", facts)


def events(text: str) -> list[Any]:
    return list(reader.Calendar.from_ical(text).walk("VEVENT"))


def test_an_event_holds_what_the_post_does() -> None:
    text = render_ical([post("One; two, three\\four\nfive 🌱", permalink="https://x.com/1")], NOW)
    event = events(text)[0]
    assert event["UID"] == "68a1@outreply"
    assert event["DTSTART"].dt == DUE
    assert event["DTSTAMP"].dt == NOW
    assert str(event["DESCRIPTION"]) == "One; two, three\\four\nfive 🌱"
    assert str(event["SUMMARY"]) == "instagram:acme: One; two, three\\four five 🌱"
    assert str(event["URL"]) == "https://x.com/1"
    assert [str(name) for name in event["CATEGORIES"].cats] == [
        "Instagram", "Acme, Inc.", "scheduled",
    ]  # fmt: skip


def test_a_post_keeps_its_uid_when_it_goes_out() -> None:
    before = render_ical([post()], NOW)
    after = render_ical([post("Edited", status="published")], DUE)
    assert events(before)[0]["UID"] == events(after)[0]["UID"]


def test_every_line_ends_in_cr_lf_and_no_posts_are_a_calendar_too() -> None:
    text = render_ical([], NOW)
    assert reader.Calendar.from_ical(text)["VERSION"] == "2.0"
    assert text.count("\n") == text.count("\r\n")


def test_a_stranger_s_text_can_not_add_a_line() -> None:
    bad = "https://x.com/1\r\nATTENDEE:mailto:all@example.com"
    text = render_ical([post("a\r\nBEGIN:VALARM\x00\x1b", permalink=bad)], NOW)
    assert not any(line.startswith(("ATTENDEE", "BEGIN:VALARM")) for line in text.splitlines())
    assert "\x00" not in text


@given(st.text(max_size=400))
def test_folding_loses_nothing_and_splits_no_character(line: str) -> None:
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
def test_what_was_written_is_what_is_read(message: str) -> None:
    event = events(render_ical([post(message)], NOW))[0]
    assert str(event["DESCRIPTION"]) == message
