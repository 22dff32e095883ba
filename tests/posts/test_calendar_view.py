"""The grid and the agenda of `posts calendar`."""

import io
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from outreply_cli.commands.posts.calendar_grid import (
    CellPost,
    brand_marks,
    lay_out,
    print_calendar,
)
from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.ui.output import Output

TODAY = date(2026, 11, 24)
ZONE = ZoneInfo("Europe/Paris")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def make_post(
    at: str, alias: str, message: str, *, brand: str = "Acme Co.", status: str = "scheduled"
) -> CalendarPost:
    return CalendarPost(
        datetime.fromisoformat(at).astimezone(UTC),
        alias,
        alias.split(":", maxsplit=1)[0],
        brand,
        {"message": message, "status": status},
    )


POSTS = [
    make_post("2026-11-23T09:00+01:00", "facebook:acme", "We are open", status="published"),
    make_post("2026-11-24T09:00+01:00", "instagram:acme", "Spring 🌱 in the workshop"),
    make_post("2026-11-24T17:30+01:00", "twitter:bluebird", "日本語のコーヒー豆", brand="Bluebird"),
    make_post("2026-11-26T08:00+01:00", "tiktok:bluebird", "Latte art", brand="Bluebird",
          status="failed"),
    *(make_post(f"2026-11-27T{hour:02}:00+01:00", "linkedin:acme-co", f"Number {hour}")
      for hour in range(8, 16)),
]  # fmt: skip


def draw(
    width: int, posts: list[CalendarPost] | None = None, *, month: bool = False, plain: bool = False
) -> str:
    stream = io.StringIO()
    output = Output(stream, is_terminal=True, width=width, plain=plain)
    period = Period.containing(TODAY, today=TODAY, whole_month=month)
    print_calendar(output, period, POSTS if posts is None else posts, ZONE)
    return ESCAPES.sub("", stream.getvalue())


WEEK_AT_80 = """\
Week 48: 23 – 29 November 2026 (Europe/Paris): 1 published, 10 scheduled, 1 failed
┌──────────┬──────────┬──────────┬──────────┬──────────┬──────────┬──────────┐
│Mon 23    │[Tue 24]  │Wed 25    │Thu 26    │Fri 27    │Sat 28    │Sun 29    │
│09:00✓FB A│09:00 IG A│          │08:00✗TT B│08:00 LN A│          │          │
│We are    │Spring 🌱 │          │Latte art │Number 8  │          │          │
│open      │in the    │          │          │09:00 LN A│          │          │
│          │workshop  │          │          │Number 9  │          │          │
│          │17:30 TW B│          │          │10:00 LN A│          │          │
│          │日本語のコ│          │          │Number 10 │          │          │
│          │ーヒー豆  │          │          │11:00 LN A│          │          │
│          │          │          │          │Number 11 │          │          │
│          │          │          │          │12:00 LN A│          │          │
│          │          │          │          │Number 12 │          │          │
│          │          │          │          │13:00 LN A│          │          │
│          │          │          │          │Number 13 │          │          │
│          │          │          │          │14:00 LN A│          │          │
│          │          │          │          │Number 14 │          │          │
│          │          │          │          │15:00 LN A│          │          │
│          │          │          │          │Number 15 │          │          │
└──────────┴──────────┴──────────┴──────────┴──────────┴──────────┴──────────┘
A Acme Co. · B Bluebird · FB Facebook · IG Instagram · LN LinkedIn · TT TikTok
TW X · ✓ published · ✗ failed
"""

MONTH_AT_60 = """\
│23     │[24]   │25     │26     │27     │28     │29     │
│09:00✓ │09:00  │       │08:00✗ │08:00  │       │       │
│FB A   │IG A   │       │TT B   │LN A   │       │       │
│       │17:30  │       │       │09:00  │       │       │
│       │TW B   │       │       │LN A   │       │       │
│       │       │       │       │+6 more│       │       │
"""

AGENDA_AT_50 = """\
Week 48: 23 – 29 November 2026 (Europe/Paris): 1 published, 10 scheduled, 1 failed
Mon 23 Nov 2026
  09:00 facebook:acme published  We are open
Tue 24 Nov 2026 (today)
  09:00 instagram:acme  Spring 🌱 in the workshop
  17:30 twitter:bluebird  日本語のコーヒー豆
Thu 26 Nov 2026
  08:00 tiktok:bluebird failed  Latte art
"""


def test_week_is_drawn_as_a_grid_at_80_columns() -> None:
    assert draw(80) == WEEK_AT_80


def test_month_60_columns_counts_hidden_posts() -> None:
    assert MONTH_AT_60 in draw(60, month=True)
    assert draw(60, month=True).startswith("November 2026 (Europe/Paris): 1 published")


def test_narrow_terminal_and_plain_show_agenda() -> None:
    assert draw(50).startswith(AGENDA_AT_50)
    assert draw(120, plain=True).startswith(AGENDA_AT_50)
    assert "┌" not in draw(59) + draw(120, plain=True)


def test_latin1_terminal_shows_agenda() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="backslashreplace")
    period = Period.containing(TODAY, today=TODAY, whole_month=False)
    print_calendar(Output(stream, is_terminal=True, width=80), period, POSTS[:1], ZONE)
    stream.seek(0)
    assert "09:00 facebook:acme published  We are open" in stream.read()


@pytest.mark.parametrize("width", [60, 79, 80, 120, 200])
@pytest.mark.parametrize("month", [False, True])
def test_grid_lines_have_equal_width(width: int, month: bool) -> None:
    lines = [line for line in draw(width, month=month).splitlines() if line[:1] in "┌├│└"]
    assert len({cell_len(line) for line in lines}) == 1
    assert width - 7 < cell_len(lines[0]) <= width


def test_escape_sequences_are_sanitized() -> None:
    bad = make_post(
        "2026-11-25T10:00+01:00", "instagram:acme", "\x1b[2J\u202egone", brand="\x1b[31m"
    )
    for text in (draw(200, [bad, *POSTS]), draw(40, [bad, *POSTS])):
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
        assert "\\x1b[2J" in text


def test_grid_without_posts_says_so() -> None:
    assert "no posts" in draw(80, [])
    assert "│" in draw(80, [])


calendar_posts = st.lists(
    st.builds(
        CellPost,
        day=st.just(TODAY),
        time_text=st.from_regex(r"[0-9]{2}:[0-9]{2}", fullmatch=True),
        code=st.sampled_from(["IG", "FB", "TW"]),
        mark=st.sampled_from(["", "A", "B", "12"]),
        status=st.sampled_from(["scheduled", "published", "failed"]),
        message=st.text(st.sampled_from("ab 日🌱é\u0301"), max_size=60),
        style=st.just("cyan"),
    ),
    max_size=40,
)


@given(calendar_posts, st.integers(7, 40), st.integers(1, 12), st.integers(0, 3))
def test_layout_shows_or_counts_each_post(
    posts: list[CellPost], width: int, max_lines: int, message_lines: int
) -> None:
    lines = lay_out(posts, width=width, max_lines=max_lines, message_lines=message_lines)
    heads = [line.plain[:5] for line in lines if line.style == "cyan"]
    hidden = [int(line.plain.split()[0]) for line in lines if line.style == "bold"]
    assert heads == [post.time_text for post in posts[: len(heads)]]
    assert len(heads) + sum(hidden) == len(posts)
    assert 0 not in hidden
    assert len(lines) <= max_lines
    assert all(line.cell_len <= width for line in lines)


@given(st.lists(st.text(max_size=8), max_size=60))
def test_brand_marks_are_unique(brands: list[str]) -> None:
    marks = brand_marks(brands)
    assert set(marks) == set(brands)
    assert len(set(marks.values())) == len(marks)


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)))
def test_month_weeks_contain_each_day_once(day: date) -> None:
    period = Period.containing(day, today=day, whole_month=True)
    days = [shown for week in period.weeks for shown in week if shown.month == day.month]
    assert days == [day.replace(day=1) + timedelta(days=n) for n in range(len(days))]
    assert (days[-1] + timedelta(days=1)).month != day.month
    assert (period.first, period.after) == (days[0], days[-1] + timedelta(days=1))
