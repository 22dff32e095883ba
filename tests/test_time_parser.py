"""Parsing of times and days."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from outreply_cli.errors import TimeError
from outreply_cli.time_parser import (
    DateOrderError,
    find_weekday,
    parse_day,
    parse_past_time,
    parse_time,
    parse_weekdays,
)
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp
from tests.time_strings import read_strings

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday, 13:00 in Paris
ZONES = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-24 18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24T18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24T18:00:30-05:00", "2026-12-24T23:00:30Z"),
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T18:00:00.250Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24 6pm", "2026-12-24T17:00:00Z"),
        ("2026-12-24 at 18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24 18:00 UTC", "2026-12-24T18:00:00Z"),
        ("2026-12-24 18:00 +05:45", "2026-12-24T12:15:00Z"),
        ("2026-12-4 9:05", "2026-12-04T08:05:00Z"),
        ("in 2h", "2026-11-23T14:00:00Z"),
        ("in 1h30m", "2026-11-23T13:30:00Z"),
        ("in 90 minutes", "2026-11-23T13:30:00Z"),
        ("+3d", "2026-11-26T12:00:00Z"),
        ("+1w", "2026-11-30T12:00:00Z"),
        ("tomorrow 09:00", "2026-11-24T08:00:00Z"),
        ("Tomorrow at 9am", "2026-11-24T08:00:00Z"),
        ("today 17:30", "2026-11-23T16:30:00Z"),
        ("fri 17:30", "2026-11-27T16:30:00Z"),
        ("Friday 17:30", "2026-11-27T16:30:00Z"),
        ("wednesday 12am", "2026-11-24T23:00:00Z"),
        ("mon 12:00", "2026-11-30T11:00:00Z"),
        ("mon 14:00", "2026-11-23T13:00:00Z"),
        ("24 Dec 2026 18:00", "2026-12-24T17:00:00Z"),
        ("December 24, 2026 6pm", "2026-12-24T17:00:00Z"),
        ("24 Dec 2026 18:00 UTC", "2026-12-24T18:00:00Z"),
    ],
)
def test_parse_time_reads_absolute_and_relative_times(text: str, expected: str) -> None:
    assert format_timestamp(parse_time(text, now=NOW, zone=PARIS)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("2026-12-24", "no time"),
        ("20261224", "no time"),
        ("24 Dec 2026", "no time"),
        ("31/02/2026 18:00", "no such date"),
        ("03.04.2026 18:00", "ambiguous date"),
        ("2027-02-29 10:00", "no such date: '2027-02-29'"),
        ("2026-13-01 10:00", "no such date: '2026-13-01'"),
        ("0000-01-01 10:00", "no such date: '0000-01-01'"),
        ("2027-02-29", "no such date: '2027-02-29'"),
        ("2026-1-1", "no time"),
        ("2026-12-31 24:00", "invalid time of day '24:00' in '2026-12-31 24:00'"),
        ("2026-12-31 23:59:60", "invalid time of day"),
        ("2026-12-31 10:00 CET", "unsupported time zone 'CET'"),
        ("whenever", "invalid time '"),
        ("tomorrow", "'tomorrow' has no time of day"),
        ("Friday", "'Friday' has no time of day"),
        ("next mon", "'next mon' has no time of day"),
        ("tomorrow 25:00", "invalid time of day"),
        ("tomorrow 9", "invalid time of day"),
        ("fri 13pm", "invalid time of day"),
        ("in two hours", "invalid duration"),
        ("in 2h 2h", "invalid duration"),
        ("in 999999w", "century"),
        ("9999-12-31T23:59:00-10:00", "out of range"),
        ("24 Dec 2026 18:00 XYZ", "unsupported time zone"),
    ],
)
def test_parse_time_says_why_a_time_is_invalid(text: str, message: str) -> None:
    with pytest.raises(TimeError) as error:
        parse_time(text, now=NOW, zone=PARIS)
    assert message in error.value.message


FORMATS = (
    "Accepted formats: 2026-12-24 18:00, 2026-12-24T18:00+01:00, 'tomorrow 09:00', 'fri 17:30', "
    "'in 2h', '+3d'"
)
PAST_FORMATS = "Accepted formats: 7d, '2h ago', 2026-11-01, 'yesterday 09:00'"
DAY_FORMATS = "Accepted formats: 09:00, 5pm"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the time is empty", FORMATS),
        ("\u200e \u200f", "the time is empty", FORMATS),
        ("x" * 200, f"invalid time '{'x' * 200}'", FORMATS),
        ("x" * 201, "invalid time: 'xxxxxxxxxxxxxxxxxxxx'… is too long", FORMATS),
        ("whenever", "invalid time 'whenever'", FORMATS),
        (
            " NEXT-slot ",
            "'NEXT-slot' is for posts schedule and calendars only",
            "Use the time of a free slot; see: outreply slots preview",
        ),
        ("Friday", "'Friday' has no time of day", "Add the time: 'Friday 09:00'"),
        ("12:30", "'12:30' has already passed today", "Add the day: 'tomorrow 12:30'"),
        ("13:00", "'13:00' has already passed today", "Add the day: 'tomorrow 13:00'"),
        (
            "20261224T1800",
            "ambiguous time '20261224T1800': some programs read the T as a time zone",
            "Use 2026-12-24T18:00:00.",
        ),
        (
            "24 Dec 2026 11:00 12:00",
            "two times in '24 Dec 2026 11:00 12:00': '11:00' and '12:00'",
            "Remove one of them.",
        ),
        (
            "2026-12-24T18:00+23:00",
            "invalid UTC offset in '2026-12-24T18:00+23:00': not used by any time zone",
            "Use an offset such as +01:00.",
        ),
        (
            "24 Dec 2026 18:00 +14:15",
            "invalid UTC offset in '24 Dec 2026 18:00 +14:15': not used by any time zone",
            "Use an offset such as +01:00.",
        ),
        ("tomorrow 9", "invalid time of day '9' in 'tomorrow 9'", DAY_FORMATS),
        ("fri 13pm", "invalid time of day '13pm' in 'fri 13pm'", DAY_FORMATS),
        ("9 tomorrow", "invalid time '9 tomorrow'", FORMATS),
        (
            "2026-12-24 18:00 EST",
            "unsupported time zone 'EST' in '2026-12-24 18:00 EST'",
            "Use an offset: 2026-12-24T18:00-05:00",
        ),
        (
            "2026-12-25 18:00 gmt-2",
            "unsupported time zone 'gmt-2' in '2026-12-25 18:00 gmt-2'",
            "Use an offset: 2026-12-25T18:00-02:00",
        ),
        (
            "18:00 24 Dec 2026 pdt",
            "unsupported time zone 'pdt' in '18:00 24 Dec 2026 pdt'",
            "Use an offset: 2026-12-24T18:00-07:00",
        ),
        (
            "tomorrow 18:00 XYZ",
            "unsupported time zone 'XYZ' in 'tomorrow 18:00 XYZ'",
            "Use an offset: 2026-12-24T18:00+HH:MM",
        ),
        (
            "24 Dec 2026 midnight",
            "ambiguous time in '24 Dec 2026 midnight': midnight is the start or the end of a day",
            "Use 00:00 and the date of the day that begins.",
        ),
        (
            "05/06/2026 18:00",
            "ambiguous date in '05/06/2026 18:00': day first or month first",
            "Use year, month, day: 2026-05-06 18:00 or 2026-06-05 18:00",
        ),
        (
            "next monday 9:00",
            "ambiguous day in 'next monday 9:00': today is a Monday",
            "Use 2026-11-23 09:00 or 2026-11-30 09:00",
        ),
        (
            "Fri, 24 Dec 2026 18:00",
            "2026-12-24 is a Thursday, not a Friday: 'Fri, 24 Dec 2026 18:00'",
            "Correct the date, or leave out the weekday.",
        ),
        (
            "2026-12-24T18:00+02:00[Europe/Paris]",
            "the offset in '2026-12-24T18:00+02:00[Europe/Paris]' does not match Europe/Paris",
            None,
        ),
        ("30 Feb 9am", "no such date: '30 Feb'", "Use a date such as 2026-12-24."),
        ("31/02/2026 18:00", "no such date: '31/02/2026'", "Use a date such as 2026-12-24."),
        (
            "Thu 24 Dec 2026 18:00 CET (17:10 UTC)",
            "invalid time 'Thu 24 Dec 2026 18:00 CET (17:10 UTC)'",
            FORMATS,
        ),
        ("9999-12-31T23:59:00-10:00", "'9999-12-31T23:59:00-10:00' is out of range", None),
        (
            "30 Dec 9999 23:59 -10:00",
            "'30 Dec 9999 23:59 -10:00' is out of range",
            None,
        ),
        ("24 Dec", "'24 Dec' has no time of day", "Add the time: '24 Dec 09:00'"),
        (
            "30 Feb 18:00 XYZ",
            "unsupported time zone 'XYZ' in '30 Feb 18:00 XYZ'",
            "Use an offset: 2026-12-24T18:00+HH:MM",
        ),
        (
            "20261224t1800",
            "ambiguous time '20261224t1800': some programs read the T as a time zone",
            "Use 2026-12-24T18:00:00.",
        ),
        ("tomorrow 18:00 9", "invalid time 'tomorrow 18:00 9'", FORMATS),
        ("tomorrow 9 foo", "invalid time of day '9 foo' in 'tomorrow 9 foo'", DAY_FORMATS),
        ("18:00 2031", "invalid time '18:00 2031'", FORMATS),
        ("24 Dec 2026 18:00 2031", "invalid time '24 Dec 2026 18:00 2031'", FORMATS),
        (
            "Fri 25 Dec 2026 00:30 CET (23 Dec 23:30 UTC)",
            "invalid time 'Fri 25 Dec 2026 00:30 CET (23 Dec 23:30 UTC)'",
            FORMATS,
        ),
        ("+", "invalid duration ''", "Accepted formats: 30s, 15m, 2h, 1h30m, 3d, 1w"),
    ],
)
def test_error_names_the_text_and_suggests_a_fix(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(TimeError) as caught:
        parse_time(text, now=NOW, zone=PARIS)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("xx", "invalid time 'xx'", PAST_FORMATS),
        ("Friday", "'Friday' has no time of day", PAST_FORMATS),
        ("2026-13-01", "no such date: '2026-13-01'", PAST_FORMATS),
        ("40000d", "invalid time '40000d'", PAST_FORMATS),
        (
            "2026-10-25 02:30",
            (
                "ambiguous time 2026-10-25 02:30: clocks in Europe/Paris go back; "
                "use 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"
            ),
            None,
        ),
    ],
)
def test_error_of_a_past_time_names_the_text_and_the_formats(
    text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(TimeError) as caught:
        parse_past_time(text, now=NOW, zone=PARIS)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 2H AGO ", "2026-11-23T10:00:00Z"),
        ("-7d", "2026-11-16T12:00:00Z"),
        ("1w2d", "2026-11-14T12:00:00Z"),
        ("Today", "2026-11-22T23:00:00Z"),
        ("today 11:00", "2026-11-23T10:00:00Z"),
        ("yesterday 09:00", "2026-11-22T08:00:00Z"),
        ("2026-11-01 09:00", "2026-11-01T08:00:00Z"),
        ("13:00", "2026-11-23T12:00:00Z"),
        ("13:01", "2026-11-22T12:01:00Z"),
        ("mon 13:00", "2026-11-23T12:00:00Z"),
        ("tue 13:00", "2026-11-17T12:00:00Z"),
        ("23 nov 13:00", "2026-11-23T12:00:00Z"),
        ("24 nov 13:00", "2025-11-24T12:00:00Z"),
    ],
)
def test_past_time_is_the_last_one(text: str, expected: str) -> None:
    assert format_timestamp(parse_past_time(text, now=NOW, zone=PARIS)) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("today", "2026-11-23T23:00:00Z"),
        ("yesterday", "2026-11-22T23:00:00Z"),
        ("Tomorrow", "2026-11-24T23:00:00Z"),
    ],
)
def test_past_day_after_midnight_is_the_day_of_the_zone(word: str, expected: str) -> None:
    now = NOW.replace(hour=23, minute=30)
    assert format_timestamp(parse_past_time(word, now=now, zone=PARIS)) == expected


def test_past_time_is_read_as_it_is_displayed() -> None:
    when = datetime(2026, 11, 19, 17, tzinfo=UTC)
    for text in (format_time(when, PARIS), format_time_short(when, PARIS)):
        assert parse_past_time(text, now=NOW, zone=PARIS) == when


@pytest.mark.usefixtures("machine_in_tokyo")
def test_displayed_time_does_not_depend_on_the_zone_of_the_machine() -> None:
    when = parse_time("Thu 24 Dec 18:00 (17:00Z)", now=NOW, zone=PARIS)
    assert when == datetime(2026, 12, 24, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tue 09:00", "2026-12-01T08:00:00Z"),
        ("wed 09:00", "2026-12-02T08:00:00Z"),
        ("wed 14:00", "2026-11-25T13:00:00Z"),
        ("thu 09:00", "2026-11-26T08:00:00Z"),
        ("sun 09:00", "2026-11-29T08:00:00Z"),
    ],
)
def test_weekday_is_its_next_occurrence_from_a_wednesday(text: str, expected: str) -> None:
    wednesday = NOW + timedelta(days=2)
    assert format_timestamp(parse_time(text, now=wednesday, zone=PARIS)) == expected


def test_past_time_keeps_its_milliseconds() -> None:
    at = datetime(2026, 11, 1, 9, 30, 25, 268_000, tzinfo=UTC)
    for text in ("2026-11-01T09:30:25.268Z", "2026-11-01 10:30:25.268"):
        assert parse_past_time(text, now=NOW, zone=PARIS) == at
        assert parse_time(text, now=NOW, zone=PARIS) == at.replace(microsecond=0)


def test_past_duration_has_no_fractions_of_a_second() -> None:
    now = NOW.replace(microsecond=5)
    assert parse_past_time("1h", now=now, zone=PARIS) == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Now, it is 13:00 on a Monday.
        ("13:01", "2026-11-23T12:01:00Z"),
        ("mon 13:00", "2026-11-30T12:00:00Z"),
        ("mon 13:01", "2026-11-23T12:01:00Z"),
        ("sun 13:00", "2026-11-29T12:00:00Z"),
        ("23 Nov 13:00", "2027-11-23T12:00:00Z"),
        ("23 Nov 13:01", "2026-11-23T12:01:00Z"),
        # A year behind the time.
        ("24 Dec 18:00 2031", "2031-12-24T17:00:00Z"),
        ("24 Dec 2026 18:00 +01", "2026-12-24T17:00:00Z"),
        # Twelve hours.
        ("tomorrow 12am", "2026-11-23T23:00:00Z"),
        ("tomorrow 1am", "2026-11-24T00:00:00Z"),
        ("tomorrow 11:59pm", "2026-11-24T22:59:00Z"),
        ("tomorrow 12pm", "2026-11-24T11:00:00Z"),
        ("tomorrow 1pm", "2026-11-24T12:00:00Z"),
        ("tomorrow 18:00:07", "2026-11-24T17:00:07Z"),
        # Days keep the time of day, and hours do not, when clocks change on 28 March.
        ("in 125d", "2027-03-28T11:00:00Z"),
        ("in 3000h", "2027-03-28T12:00:00Z"),
        ("in 124d 24h", "2027-03-28T12:00:00Z"),
        ("in 17w6d", "2027-03-28T11:00:00Z"),
        ("+ 2 days", "2026-11-25T12:00:00Z"),
        ("In 5M", "2026-11-23T12:05:00Z"),
        # In another zone, today is a different date.
        ("03:00 +14:00", "2026-11-23T13:00:00Z"),
        ("today 23:00 -12:00", "2026-11-24T11:00:00Z"),
        ("today 09:00 Pacific/Kiritimati", "2026-11-23T19:00:00Z"),
        ("20261224 18:00", "2026-12-24T17:00:00Z"),
        ("20261224 6pm", "2026-12-24T17:00:00Z"),
        ("20261224T180000+0100", "2026-12-24T17:00:00Z"),
        ("2026-12-24t18:00z", "2026-12-24T18:00:00Z"),
        ("2026-12-24 18:00 z", "2026-12-24T18:00:00Z"),
        ("2026-12-24 18:00 -09:30", "2026-12-25T03:30:00Z"),
        ("2026-12-24 18:00 +14", "2026-12-24T04:00:00Z"),
        ("2026-12-24 18:00 -12", "2026-12-25T06:00:00Z"),
    ],
)
def test_incomplete_time_is_its_next_occurrence(text: str, expected: str) -> None:
    assert format_timestamp(parse_time(text, now=NOW, zone=PARIS)) == expected


@pytest.mark.parametrize("offset", ["+14:30", "-12:30", "-13:00", "+15:00", "+01:15", "+12:33:04"])
def test_offset_that_no_zone_uses_is_refused(offset: str) -> None:
    with pytest.raises(TimeError):
        parse_time(f"2026-12-24T18:00{offset}", now=NOW, zone=PARIS)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Montag", "Monday"), (" mardi. ", "Tuesday"), ("mié", "Wednesday"), ("MAR", "Tuesday"),
        ("terça", "Tuesday"), ("sun", "Sunday"), ("someday", None), ("", None),
        ("Xmon", None),
    ],
)  # fmt: skip
def test_find_weekday_knows_names_in_several_languages(text: str, name: str | None) -> None:
    assert find_weekday(text) == name


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("mon", [0]), ("mon-fri", [0, 1, 2, 3, 4]), ("sat - mon", [5, 6, 0]), ("tue-tue", [1]),
        ("mon-", None), ("-mon", None), ("mon-x", None), ("x", None), ("", None), ("montag", None),
    ],
)  # fmt: skip
def test_parse_weekdays_reads_days_and_ranges(text: str, numbers: list[int] | None) -> None:
    assert parse_weekdays(text) == numbers


def test_invalid_day_names_the_formats() -> None:
    with pytest.raises(TimeError) as caught:
        parse_day("24/12/2026", now=NOW, zone=PARIS)
    assert caught.value.message == "invalid day '24/12/2026'"
    assert caught.value.hint == "Accepted formats: 2026-12-24, 2026-12, tomorrow, +7d, -7d"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        (" Yesterday ", date(2026, 11, 22)), ("today", date(2026, 11, 23)),
        ("+ 2 days", date(2026, 11, 25)), ("0002-01-01", date(2, 1, 1)),
        ("9998-12-31", date(9998, 12, 31)),
    ],
)  # fmt: skip
def test_day_is_read_in_any_accepted_form(text: str, day: date) -> None:
    assert parse_day(text, now=NOW, zone=PARIS) == day


def test_relative_day_depends_on_the_zone() -> None:
    kiritimati = ZoneInfo("Pacific/Kiritimati")
    assert parse_day("today", now=NOW, zone=kiritimati) == date(2026, 11, 24)


def test_parse_past_time_error_shows_past_formats() -> None:
    for text in ("xx", "", "24 foo"):
        with pytest.raises(TimeError) as error:
            parse_past_time(text, now=NOW, zone=PARIS)
        assert "2h ago" in str(error.value.hint)


def test_repeated_local_time_is_an_error_with_both_readings() -> None:
    with pytest.raises(
        TimeError, match="ambiguous time 2026-10-25 02:30: clocks in Europe/Paris go back"
    ) as error:
        parse_time("2026-10-25 02:30", now=NOW, zone=PARIS)
    assert "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00" in error.value.message
    assert error.value.details["readings"] == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


def test_skipped_local_time_is_an_error_with_both_neighbors() -> None:
    with pytest.raises(
        TimeError, match="nonexistent time 2026-03-08 02:30: clocks in America/New_York go forward"
    ) as error:
        parse_time("2026-03-08 02:30", now=NOW, zone=ZoneInfo("America/New_York"))
    assert "2026-03-08T01:30:00-05:00 or 2026-03-08T03:30:00-04:00" in error.value.message


def test_days_keep_the_local_hour_over_clock_change_and_hours_do_not() -> None:
    before = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)  # noon in Paris, the day before the change
    assert format_timestamp(parse_time("+1d", now=before, zone=PARIS)) == "2026-10-25T11:00:00Z"
    assert format_timestamp(parse_time("in 24h", now=before, zone=PARIS)) == "2026-10-25T10:00:00Z"
    assert format_timestamp(parse_time("in 25h", now=before, zone=PARIS)) == "2026-10-25T11:00:00Z"


@given(st.text(max_size=40))
def test_parse_time_returns_utc_or_an_error_for_any_text(text: str) -> None:
    try:
        when = parse_time(text, now=NOW, zone=PARIS)
    except TimeError as error:
        assert error.message  # noqa: PT017
    else:
        assert when.utcoffset() == timedelta(0)


def test_parse_past_time_reads_durations_and_days() -> None:
    assert format_timestamp(parse_past_time("2h", now=NOW, zone=PARIS)) == "2026-11-23T10:00:00Z"
    assert (
        format_timestamp(parse_past_time("3 days ago", now=NOW, zone=PARIS))
        == "2026-11-20T12:00:00Z"
    )
    assert (
        format_timestamp(parse_past_time("2026-11-01", now=NOW, zone=PARIS))
        == "2026-10-31T23:00:00Z"
    )
    assert (
        format_timestamp(parse_past_time("yesterday", now=NOW, zone=PARIS))
        == "2026-11-21T23:00:00Z"
    )


def test_parse_day_reads_days_and_rejects_others() -> None:
    for text, day in (
        ("2026-12-24", date(2026, 12, 24)),
        ("2026-12", date(2026, 12, 1)),
        ("tomorrow", date(2026, 11, 24)),
        ("+1w", date(2026, 11, 30)),
        ("-7d", date(2026, 11, 16)),
    ):
        assert parse_day(text, now=NOW, zone=PARIS) == day
    for bad in ("", "soon", "2026-13", "+", "+99999999w", "24/12/2026"):
        with pytest.raises(TimeError, match="invalid day"):
            parse_day(bad, now=NOW, zone=PARIS)


@pytest.mark.parametrize("text", ["0001-01-01T00:00Z", "9999-12-31T23:59Z", "24Dec2026 18+9999"])
def test_parse_time_rejects_times_at_calendar_end(text: str) -> None:
    with pytest.raises(TimeError):
        parse_time(text, now=NOW, zone=PARIS)


def test_parse_time_rejects_a_huge_number() -> None:
    with pytest.raises(TimeError):
        parse_time("618:" + "9" * 30, now=NOW, zone=PARIS)


@pytest.mark.parametrize(("text", "zone"), [("0001-01-01", "Europe/Paris"),
                                          ("9999-12-31", "America/New_York")])  # fmt: skip
def test_parse_past_time_rejects_days_at_calendar_end(text: str, zone: str) -> None:
    with pytest.raises(TimeError, match="is out of range"):
        parse_past_time(text, now=NOW, zone=ZoneInfo(zone))


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_parse_day_rejects_days_at_calendar_end(text: str) -> None:
    with pytest.raises(TimeError, match="invalid day"):
        parse_day(text, now=NOW, zone=PARIS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # An offset behind a zone word means what ISO 8601 and JavaScript mean.
        ("24 Dec 2026 18:00 UTC+01:00", "2026-12-24T17:00:00Z"),
        ("Dec 25 2026 18:00:00 GMT-0500", "2026-12-25T23:00:00Z"),
        ("Thu, 31 Dec 2026 18:00:00 GMT+05:30", "2026-12-31T12:30:00Z"),
        (
            "Thu Dec 24 2026 18:00:00 GMT+0100 (Central European Standard Time)",
            "2026-12-24T17:00:00Z",
        ),
        ("Thu, 24 Dec 2026 18:00:00 +0000", "2026-12-24T18:00:00Z"),
        ("Thu, 24 Dec 2026 18:00:00 -0500 (EST)", "2026-12-24T23:00:00Z"),
        ("2026-12-24 18:00 -0000", "2026-12-24T18:00:00Z"),
        ("20261224T180000Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T06:00-08:00", "2026-12-24T14:00:00Z"),
        ("2026-12-24 06:00:00-08:00", "2026-12-24T14:00:00Z"),
        ("Thu, 24 Dec 2026 06:00 -0800", "2026-12-24T14:00:00Z"),
        ("2026-12-24 18:00-05:00", "2026-12-24T23:00:00Z"),
        ("2026-W52-4T18:00+01", "2026-12-24T17:00:00Z"),
        # Zone names.
        ("2026-12-24T18:00:00+01:00[Europe/Paris]", "2026-12-24T17:00:00Z"),
        ("2026-12-24T18:00[America/New_York]", "2026-12-24T23:00:00Z"),
        ("24 Dec 2026 18:00 Asia/Kathmandu", "2026-12-24T12:15:00Z"),
        # A year first leaves one reading, and so does a day above 12.
        ("2026/12/24 18:00", "2026-12-24T17:00:00Z"),
        ("2026.12.25 18:00", "2026-12-25T17:00:00Z"),
        ("24.12.2026 18:00", "2026-12-24T17:00:00Z"),
        ("24. 12. 2026, 18:00", "2026-12-24T17:00:00Z"),
        ("12/24/2026, 6:00:00\u202fPM", "2026-12-24T17:00:00Z"),
        ("\u200e12\u200e/\u200e24\u200e/\u200e2026 18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24, 6:00:00 p.m.", "2026-12-24T17:00:00Z"),
        ("24/12/2026 6:00:00 p. m.", "2026-12-24T17:00:00Z"),
        # Words of other languages.
        ("24. Dezember 2026 um 18 Uhr", "2026-12-24T17:00:00Z"),
        ("So, 27.12.2026 18:00 Uhr", "2026-12-27T17:00:00Z"),
        ("24.12.2026 18.30 Uhr", "2026-12-24T17:30:00Z"),
        ("jeudi 24 décembre 2026 à 18h00", "2026-12-24T17:00:00Z"),
        ("1er janvier 2027 18 h 30", "2027-01-01T17:30:00Z"),
        ("jueves, 24 de diciembre de 2026, 18:00", "2026-12-24T17:00:00Z"),
        ("quinta-feira, 24 de dezembro de 2026 às 18:00", "2026-12-24T17:00:00Z"),
        ("9 mar 2027 18h", "2027-03-09T17:00:00Z"),
        ("24 de\u0301cembre 2026 18:00", "2026-12-24T17:00:00Z"),
        # date(1), asctime, and a time first.
        ("Thu Dec 24 18:00:00 UTC 2026", "2026-12-24T18:00:00Z"),
        ("Thu Dec 24 18:00:00 2026", "2026-12-24T17:00:00Z"),
        ("24-Dec-2026 18:00", "2026-12-24T17:00:00Z"),
        ("Dec. 24th, 2026 at noon", "2026-12-24T11:00:00Z"),
        ("18:00 24 Dec 2026", "2026-12-24T17:00:00Z"),
        ("9am tomorrow", "2026-11-24T08:00:00Z"),
        ("tomorrow noon", "2026-11-24T11:00:00Z"),
        # Without a year or a day: the next one.
        ("Dec 25 9am", "2026-12-25T08:00:00Z"),
        ("25 Nov 9am", "2026-11-25T08:00:00Z"),
        ("Jan 2 9am", "2027-01-02T08:00:00Z"),
        ("17:30", "2026-11-23T16:30:00Z"),
        ("next fri 17:30", "2026-11-27T16:30:00Z"),
        # What this program prints.
        ("Thu 24 Dec 2026 18:00 CET (17:00 UTC)", "2026-12-24T17:00:00Z"),
        ("Fri 25 Dec 2026 00:30 CET (24 Dec 23:30 UTC)", "2026-12-24T23:30:00Z"),
        ("Thu 24 Dec 18:00 (17:00Z)", "2026-12-24T17:00:00Z"),
        ("Fri 25 Dec 00:30 (Thu 23:30Z)", "2026-12-24T23:30:00Z"),
    ],
)
def test_parse_time_reads_forms_of_other_programs(text: str, expected: str) -> None:
    assert format_timestamp(parse_time(text, now=NOW, zone=PARIS)) == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("24 Dec 2026 11:00 12:00", "two times in", "Remove one"),
        ("24 Dec 2026 25 Dec 2026 12:00", "two dates in", "Remove one"),
        ("24 Dec 2026 6pm 18:00", "two times in", "Remove one"),
        ("2026-12-24 18:00 +01:00 UTC", "two offsets in", "Remove one"),
        ("2026-12-24T18:00+23:00", "invalid UTC offset", "+01:00"),
        ("24 Dec 2026 18:00 +14:15", "invalid UTC offset", "+01:00"),
        ("2026-12-24 18:00 -12:30", "invalid UTC offset", "+01:00"),
        ("2026-12-24 10:00-11:00", "a range, or a time with an offset", "Use 10:00 alone, or"),
        ("24/12/2026 8:00-09:30", "a range, or a time with an offset", "2026-12-24T06:00-08:00"),
        ("2026-12-24 0600-0800", "a range, or a time with an offset", "Use 0600 alone"),
        ("10:00-12 24 Dec 2026", "a range, or a time with an offset", "Use 10:00 alone"),
        ("2026-12-24-05:00", "invalid time", "Accepted formats"),
        ("24-Dec-05 18:00", "invalid time", "Accepted formats"),
        ("24 Dec 26 18:00", "invalid time", "Accepted formats"),
        ("Fri, 24 Dec 2026 18:00", "2026-12-24 is a Thursday, not a Friday", "leave out"),
        ("Monday, December 30, 2026 6:00 PM", "2026-12-30 is a Wednesday, not a Monday", "leave"),
        ("So, 26.12.2026 18:00", "is a Saturday, not a Sunday", "leave out"),
        ("tomorrow fri 18:00", "2026-11-24 is a Tuesday, not a Friday", "leave out"),
        ("next monday 9:00", "ambiguous day", "Use 2026-11-23 09:00 or 2026-11-30 09:00"),
        ("Next Monday at 2pm", "ambiguous day", "Use 2026-11-23 14:00 or 2026-11-30 14:00"),
        ("24 Dec 2026 midnight", "ambiguous time", "00:00"),
        ("12:30", "already passed today", "'tomorrow 12:30'"),
        ("2026-12-24 18:00 EST", "unsupported time zone 'EST'", "2026-12-24T18:00-05:00"),
        ("2026-12-25 18:00 GMT+2", "unsupported time zone 'GMT+2'", "2026-12-25T18:00+02:00"),
        ("Thu Dec 24 18:00:00 CET 2026", "unsupported time zone 'CET'", "offset"),
        ("2026-12-24 18:00 Etc/GMT+2", "invalid time", "Accepted formats"),
        ("2026-12-24T18:00+02:00[Europe/Paris]", "does not match Europe/Paris", None),
        ("2026-12-24 18:00 right/Europe/Paris", "unknown time zone", "Europe/Paris"),
        ("24/13/2026 18:00", "no such date", "2026-12-24"),
        ("2026/13/24 18:00", "no such date", "2026-12-24"),
        ("30 Feb 9am", "no such date", "2026-12-24"),
        ("24.12 18:00", "invalid time", "Accepted formats"),
        ("24 Dec 2026 18.30", "invalid time of day", "09:00"),
        ("24 Dec 2026 18:00 foo", "unsupported time zone", "offset"),
        ("24 Dec 2026 18:00 (evening)", "invalid time", "Accepted formats"),
        ("24 Dec 2026 18:00 (17:00)", "invalid time", "Accepted formats"),
        ("Thu 24 Dec 2026 18:00 CET (17:10 UTC)", "invalid time", "Accepted formats"),
        ("Fri 24 Dec 2026 18:00 CET (17:00 UTC)", "is a Thursday", "leave out"),
        ("20261224T1800", "some programs read the T", "2026-12-24T18:00:00"),
        ("2026-12-24T24:00", "invalid time of day", "09:00"),
        ("00:30 am tomorrow", "invalid time of day", "5pm"),
        ("13:00 pm tomorrow", "invalid time of day", "5pm"),
        ("1²:00 tomorrow", "invalid", None),
        ("Thu 24 Dec 2026 18:00 (57:00 UTC)", "invalid time", "Accepted formats"),
        ("0001-05-01T00:00:00+12:33:04", "invalid time", "Accepted formats"),
    ],
)
def test_parse_time_rejects_contradictions_with_a_hint(
    text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(TimeError) as error:
        parse_time(text, now=NOW, zone=PARIS)
    assert message in error.value.message
    assert (hint or "") in str(error.value.hint)


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("05/06/2027 18:00", "dmy", "2027-06-05T16:00:00Z"),
        ("05/06/2027 18:00", "mdy", "2027-05-06T16:00:00Z"),
        ("5.6.27 18:00", "dmy", "2027-06-05T16:00:00Z"),
        ("27-06-05 18:00", "ymd", "2027-06-05T16:00:00Z"),
        ("2027/06/05 18:00", "dmy", "2027-06-05T16:00:00Z"),
        ("12/24/2026, 6:00:00 PM", "mdy", "2026-12-24T17:00:00Z"),
        ("So, 27.12.2026 18:00", "dmy", "2026-12-27T17:00:00Z"),
    ],
)
def test_date_order_decides_which_number_is_the_day(text: str, order: str, expected: str) -> None:
    when = parse_time(text, now=NOW, zone=PARIS, date_order=order)
    assert format_timestamp(when) == expected


def test_date_order_that_does_not_fit_is_an_error() -> None:
    for text, order in (("12/24/2026 18:00", "dmy"), ("24/12/2026 18:00", "ymd")):
        with pytest.raises(TimeError) as caught:
            parse_time(text, now=NOW, zone=PARIS, date_order=order)
        assert caught.value.message == f"{text[:10]!r} is not a date in the order {order}"
        assert caught.value.hint == "Use a date such as 2026-12-24."


@pytest.mark.parametrize("text", ["05/06/2026 18:00", "5.6.2026 18:00", "24/12/26 18:00"])
def test_ambiguous_date_without_an_order_is_an_error(text: str) -> None:
    with pytest.raises(DateOrderError) as error:
        parse_time(text, now=NOW, zone=PARIS)
    assert "day first or month first" in error.value.message
    assert str(error.value.hint).count("-") == 4


def test_past_time_picks_last_one() -> None:
    for text, expected in (
        ("mon 12:00", "2026-11-23T11:00:00Z"),
        ("mon 14:00", "2026-11-16T13:00:00Z"),
        ("Dec 25 9am", "2025-12-25T08:00:00Z"),
        ("17:30", "2026-11-22T16:30:00Z"),
    ):
        assert format_timestamp(parse_past_time(text, now=NOW, zone=PARIS)) == expected


@given(
    when=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC)),
    zone=st.sampled_from([*ZONES, "Europe/London", "Europe/Lisbon", "Antarctica/Troll"]),
)
def test_displayed_times_are_read(when: datetime, zone: str) -> None:
    when = when.replace(microsecond=0)
    local = ZoneInfo(zone)
    for reader in (PARIS, ZoneInfo("America/New_York")):
        assert parse_time(format_time(when, local), now=NOW, zone=reader) == when
    minute = when.replace(second=0)
    now = minute - timedelta(days=20)
    assert parse_time(format_time_short(minute, local), now=now, zone=PARIS) == minute


def test_accepted_strings_have_the_reading_of_other_parsers() -> None:
    strings = read_strings()
    assert len(strings) > 2_000
    for string in strings:
        with suppress(TimeError):
            when = parse_time(string.text, now=NOW, zone=ZoneInfo("UTC"))
            assert string.readings == {format_timestamp(when)}, string
            assert string.expected, string


@pytest.mark.parametrize("grammar", ["iso", "mail", "date", "javascript", "spreadsheet"])
def test_most_strings_of_each_grammar_are_read(grammar: str) -> None:
    strings = [string for string in read_strings() if string.grammar == grammar and string.expected]
    assert len(strings) > 60
    readings = []
    for string in strings:
        with suppress(TimeError):
            readings.append(parse_time(string.text, now=NOW, zone=ZoneInfo("UTC")))
    assert len(readings) > len(strings) / 2


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z"),
    ],
)
@pytest.mark.parametrize("word", ["DATE", "today", "yesterday"])
def test_past_day_starts_when_clock_change_skips_or_repeats_midnight(
    zone: str, day: str, expected: str, word: str
) -> None:
    start = datetime.fromisoformat(expected)
    now = start + timedelta(hours=30 if word == "yesterday" else 12)
    text = day if word == "DATE" else word
    assert parse_past_time(text, now=now, zone=ZoneInfo(zone)) == start


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu 24 Dec 2026 01:00 -03 (04:00 UTC)", datetime(2026, 12, 24, 4, tzinfo=UTC)),
        (
            "2026-12-24 06:00-08:00[America/Los_Angeles]",
            datetime(2026, 12, 24, 14, tzinfo=UTC),
        ),
        ("2026-12-24 06:00:00-08:00", datetime(2026, 12, 24, 14, tzinfo=UTC)),
    ],
)
def test_parse_time_reads_an_offset_that_looks_like_a_range(text: str, expected: datetime) -> None:
    assert parse_time(text, now=NOW, zone=PARIS) == expected
