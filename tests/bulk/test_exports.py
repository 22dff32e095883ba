"""Files from other schedulers: every sample gives the posts that its documentation describes."""

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreply_cli.bulk.calendar import ReadSettings
from outreply_cli.bulk.headers import HEADERLESS, SCHEDULERS
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.test_bulk_schedule import get_summary
from tests.clocks import ManualClock
from tests.command_line import CommandLine

EXPORTS = Path(__file__).parent / "exports"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
FIRST = "Advent at the roastery: a new bean each Sunday."
LAST = "Last day for Christmas post: Thursday, 18:00."
MORNING, NEXT_WEEK = "2026-12-06T08:00:00Z", "2026-12-15T07:30:00Z"
FACEBOOK, INSTAGRAM, LINKEDIN = "facebook:acme", "instagram:acme", "linkedin:acme-co"
ADVENT = ("https://example.com/img/advent.jpg",)
TWO = ("https://example.com/img/a.jpg", "https://example.com/img/b.jpg")
SHIPPING = "https://example.com/ship"

# Page, time, text, media, first comment and link.
Expected = tuple[str, str, str, tuple[str, ...], str | None, str | None]


def post(
    page: str,
    at: str,
    text: str,
    media: Sequence[str] = (),
    *,
    comment: str | None = None,
    link: str | None = None,
) -> Expected:
    return page, at, text, tuple(media), comment, link


# Written by hand from the documentation of the columns.
SAMPLES: dict[str, tuple[tuple[str, ...], list[Expected], str]] = {
    "ayrshare.csv": (
        ("--pages", f"facebook={FACEBOOK},instagram={INSTAGRAM},linkedin={LINKEDIN}"),
        [
            post(FACEBOOK, MORNING, FIRST, ADVENT),
            post(INSTAGRAM, MORNING, FIRST, ADVENT),
            post(LINKEDIN, NEXT_WEEK, LAST),
        ],
        "",
    ),
    "buffer.csv": (
        ("--page", FACEBOOK),
        [post(FACEBOOK, MORNING, FIRST, ADVENT), post(FACEBOOK, NEXT_WEEK, LAST)],
        "ignored Tags:",
    ),
    "highlevel.csv": (
        ("--page", FACEBOOK),
        [
            post(FACEBOOK, MORNING, FIRST, TWO),
            post(FACEBOOK, NEXT_WEEK, LAST, link=SHIPPING),
        ],
        "",
    ),
    "hootsuite.csv": (
        ("--page", FACEBOOK, "--date-order", "mdy"),
        [
            post(FACEBOOK, MORNING, FIRST, link="https://example.com/advent"),
            post(FACEBOOK, NEXT_WEEK, LAST),
        ],
        "scheduled_at, message, link, without a header",
    ),
    "metricool.csv": (
        ("--pages", f"Facebook={FACEBOOK},Instagram={INSTAGRAM},LinkedIn={LINKEDIN}"),
        [
            post(FACEBOOK, MORNING, FIRST, ADVENT, comment="Order by Wednesday"),
            post(INSTAGRAM, MORNING, FIRST, ADVENT, comment="Order by Wednesday"),
            post(LINKEDIN, NEXT_WEEK, LAST),
        ],
        "ignored Alt text picture 1, Instagram Post Type, Brand name:",
    ),
    "postcron.csv": (
        ("--page", FACEBOOK),
        [
            post(FACEBOOK, MORNING, FIRST, ADVENT),
            post(FACEBOOK, NEXT_WEEK, LAST, link=SHIPPING),
        ],
        "",
    ),
    "postfast.csv": (
        (
            "--pages",
            (
                f"0b9c2f5e-1111-4c1c-9d5a-3f2b6f0f0001={INSTAGRAM},"
                f"0b9c2f5e-2222-4c1c-9d5a-3f2b6f0f0002={FACEBOOK}"
            ),
        ),
        [
            post(INSTAGRAM, MORNING, FIRST, TWO, comment="Order by Wednesday"),
            post(FACEBOOK, NEXT_WEEK, LAST),
        ],
        "ignored ig_publish_type:",
    ),
    "publer.csv": (
        ("--page", FACEBOOK),
        [
            post(FACEBOOK, MORNING, FIRST, TWO, comment="Order by Wednesday"),
            post(FACEBOOK, "2026-12-04T13:00:00Z", LAST, link=SHIPPING),
        ],
        "ignored Label(s) - Separated by comma, Alt text(s) - Separated by ||:",
    ),
    "socialbee.csv": (
        ("--page", FACEBOOK),
        [
            post(FACEBOOK, MORNING, FIRST, TWO),
            post(FACEBOOK, NEXT_WEEK, LAST, link=SHIPPING),
        ],
        "",
    ),
    "sprout.csv": (
        ("--page", FACEBOOK, "--date-order", "mdy"),
        [post(FACEBOOK, MORNING, FIRST, ADVENT), post(FACEBOOK, NEXT_WEEK, LAST)],
        "",
    ),
}
SAMPLES["highlevel.xlsx"] = SAMPLES["highlevel.csv"]


@pytest.fixture
def emulator_clock() -> ManualClock:
    return ManualClock(NOW)


def get_posts(emulator: EmulatorServer) -> list[Expected]:
    """Return the posts that the server received."""
    pages = {
        row["id"]: f"{row['platform']}:{row['username']}"
        for row in emulator.state.connection.execute("SELECT * FROM pages")
    }
    posts = []
    for row in emulator.state.connection.execute(
        "SELECT * FROM posts WHERE message IN (?, ?) ORDER BY scheduled_at, rowid", (FIRST, LAST)
    ):
        at = datetime.fromtimestamp(row["scheduled_at"], UTC)
        posts.append((row, pages[row["page_id"]], f"{at:%Y-%m-%dT%H:%M:%SZ}"))
    return [
        (page, at, row["message"], tuple(_media_urls(emulator, row["id"])),
         row["first_comment"] or None, row["link"] or None)
        for row, page, at in posts
    ]  # fmt: skip


def _media_urls(emulator: EmulatorServer, post_id: str) -> list[str]:
    (row,) = emulator.state.connection.execute(
        "SELECT media FROM posts WHERE id = ?", (post_id,)
    ).fetchall()
    return [item["src"] for item in json.loads(row["media"])]


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_sample_gives_its_documented_posts(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, name: str
) -> None:
    options, expected, note = SAMPLES[name]
    path = tmp_path / name
    shutil.copy(EXPORTS / name, path)
    words = (str(path), *options, "--tz", "Europe/Paris", "--json")
    ran = cli.run("bulk", "schedule", *words)
    assert ran.code == 0, ran.err
    assert sorted(get_posts(emulator)) == sorted(expected)
    label = next(item.label for item in SCHEDULERS if item.name == path.stem)
    assert f"read as a file for {label}" in ran.err
    assert note in ran.err
    again = cli.run("bulk", "schedule", *words)
    assert get_summary(again) == {"unchanged": len(expected)}


def write(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_network_without_a_page_is_refused_by_its_line(cli: CommandLine, tmp_path: Path) -> None:
    networks = "FALSE,TRUE,FALSE,FALSE,FALSE,TRUE,"
    text = (EXPORTS / "metricool.csv").read_text("utf-8")
    path = write(tmp_path, "m.csv", text.replace(f"{networks}FALSE", f"{networks}TRUE", 1))
    words = ("bulk", "schedule", path, "--dry-run", "--json")
    ran = cli.run(*words)
    assert ran.code == 2
    assert "m.csv:2: page: page not found: Pinterest; map it with --pages 'Pinter" in ran.err
    assert get_summary(cli.run(*words, "--pages", "Pinterest=")) == {"created": 3}


def test_platform_with_several_pages_is_refused(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE pages SET platform = 'facebook' WHERE platform = 'instagram'")
    path = write(tmp_path, "c.csv", "page,scheduled_at,message\nFacebook,2026-12-24 18:00,Hi\n")
    ran = cli.run("bulk", "schedule", path, "--dry-run")
    assert ran.code == 2
    assert re.search(
        r"c.csv:2: page: 'Facebook' is a platform, and the account has \d pages on it", ran.err
    )
    assert "--pages 'Facebook=PAGE'" in ran.err


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        ("TRUE", 0, "skipped: the row is a draft"),
        ("FALSE", 0, ""),
        ("maybe", 2, "is not TRUE or FALSE"),
    ],
)
def test_drafts_are_left_out(
    cli: CommandLine, tmp_path: Path, answer: str, code: int, word: str
) -> None:
    text = (EXPORTS / "metricool.csv").read_text("utf-8")
    text = text.replace("09:00:00,FALSE", f"09:00:00,{answer}")
    pages = f"Facebook={FACEBOOK},Instagram={INSTAGRAM},LinkedIn={LINKEDIN}"
    path = write(tmp_path, "m.csv", text)
    ran = cli.run("bulk", "schedule", path, "--pages", pages, "--dry-run", "--json")
    assert (ran.code, word in ran.err) == (code, True)
    if code == 0:
        assert get_summary(ran)["created"] == (1 if answer == "TRUE" else 3)


def test_rows_of_several_brands_are_refused(cli: CommandLine, tmp_path: Path) -> None:
    text = (EXPORTS / "metricool.csv").read_text("utf-8")
    pages = ("--pages", f"Facebook={FACEBOOK},Instagram={INSTAGRAM},LinkedIn={LINKEDIN}")
    last = text.rindex("Acme Co.")
    for brand, code in (("Bluebird", 2), ("", 0), ("ACME CO.", 0)):
        path = write(tmp_path, "m.csv", text[:last] + text[last:].replace("Acme Co.", brand))
        ran = cli.run("bulk", "schedule", path, *pages, "--dry-run")
        assert ran.code == code, ran.err
        assert (
            "m.csv:3: page: the row is for the brand 'Bluebird', but would get the same pages as "
            "'Acme Co.' on line 2; write a file for each brand, or ignore the column with "
            "--columns" in ran.err
        ) == bool(code)
        ignored = ("--columns", "Brand name=")
        assert cli.run("bulk", "schedule", path, *pages, *ignored, "--dry-run").code == 0


def test_rows_of_several_brands_may_name_their_pages(cli: CommandLine, tmp_path: Path) -> None:
    header, *rows = (EXPORTS / "metricool.csv").read_text("utf-8").splitlines()
    row = rows[0].replace("TRUE", "FALSE")
    rows = [f"{row},{FACEBOOK}", f"{row.replace('Acme Co.', 'Bluebird')},{INSTAGRAM}"]
    path = write(tmp_path, "m.csv", "\n".join([f"{header},page", *rows]) + "\n")
    ran = cli.run("bulk", "schedule", path, "--dry-run", "--json")
    assert get_summary(ran)["created"] == 2, ran.err


def test_names_that_map_to_no_page_are_left_out(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", (EXPORTS / "ayrshare.csv").read_text("utf-8"))
    pages = f"facebook={FACEBOOK},instagram=,LinkedIn="
    ran = cli.run("bulk", "schedule", path, "--pages", pages, "--dry-run", "--json")
    assert get_summary(ran) == {"created": 1}
    assert "a.csv:3: page: skipped: --pages leaves out linkedin" in ran.err


def test_platform_with_one_page_needs_no_mapping(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "Platform,Date,Text\nTikTok,2026-12-24 18:00,Hi\n")
    ran = cli.run("bulk", "schedule", path, "--dry-run", "--json")
    assert get_summary(ran) == {"created": 1}


def test_only_the_first_comment_is_posted(cli: CommandLine, tmp_path: Path) -> None:
    text = (EXPORTS / "publer.csv").read_text("utf-8")
    text = text.replace("Order by Wednesday", "One || Two || Three")
    path = write(tmp_path, "p.csv", text)
    ran = cli.run("bulk", "schedule", path, "--page", FACEBOOK, "--dry-run")
    assert "p.csv:2: first_comment: only the first of 3 comments can be posted" in ran.err


def test_named_scheduler_must_be_known(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", (EXPORTS / "buffer.csv").read_text("utf-8"))
    ran = cli.run("bulk", "schedule", path, "--from", "bufer", "--dry-run")
    assert ran.code == 2
    assert "--from: unknown scheduler 'bufer'" in ran.err
    assert "buffer, hootsuite" in ran.err


def test_headerless_file_with_an_added_header_is_read(cli: CommandLine, tmp_path: Path) -> None:
    text = "Date,Message,URL\n" + (EXPORTS / "hootsuite.csv").read_text("utf-8")
    path = write(tmp_path, "h.csv", text)
    words = ("--page", FACEBOOK, "--date-order", "mdy", "--dry-run", "--json")
    for option in ((), ("--from", "hootsuite")):
        ran = cli.run("bulk", "schedule", path, *words, *option)
        assert ran.code == 0, ran.err
        assert get_summary(ran) == {"created": 2}


def test_rows_that_are_not_posts_are_ignored_with_a_note(cli: CommandLine, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "plan.csv",
        "Content plan 2027\n\nDate;Time;Channel;Text\n"
        "Week 49;;;\n2026-12-01;09:00;facebook:acme;Hi\nDate;Time;Channel;Text\n"
        "2026-12-02;;;\n2026-12-03;09:00;facebook:acme;Ho\n",
    )
    ran = cli.run("bulk", "schedule", path, "--dry-run", "--json")
    assert get_summary(ran) == {"created": 2}, ran.err
    assert "plan.csv: line 1 above the header row ignored." in ran.err
    assert "plan.csv: lines 4, 7 without a page, text or media ignored." in ran.err


def test_row_with_only_a_text_is_an_error(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "page,scheduled_at,message\n,,Hi\n")
    ran = cli.run("bulk", "schedule", path, "--dry-run")
    assert ran.code == 2
    assert "c.csv:2: page: `page` is required" in ran.err


def test_added_columns_are_read(cli: CommandLine, tmp_path: Path) -> None:
    rows = "Hi,2026-12-24 18:00,instagram:acme,https://e.com/a.jpg,Who?,x\n"
    path = write(tmp_path, "b.csv", f"Text,Posting Time,Page,Image URL,First comment,Tags\n{rows}")
    calendar = load_calendar(path, ReadSettings(pages=(FACEBOOK,)))
    (row,) = calendar.rows
    assert (row.pages, row.content.first_comment) == ((INSTAGRAM,), "Who?")
    assert "ignored Tags: the API does not have a field for it" in calendar.notes
    text = "Text,Posting Time,Account name\nHi,2026-12-24 18:00,instagram:acme\n"
    (row,) = load_calendar(write(tmp_path, "e.csv", text), ReadSettings(pages=(FACEBOOK,))).rows
    assert row.pages == (INSTAGRAM,)
    path = write(
        tmp_path, "d.csv", f"Text,Posting Time,Page,Image URL,First comment,Caption\n{rows}"
    )
    ran = cli.run("bulk", "schedule", path, "--dry-run")
    assert ran.code == 2
    assert "d.csv:1: Caption: may hold the message, and so may 'Text'" in ran.err


@pytest.mark.parametrize("first", ["24 Dec 2026 18:00", "tomorrow 09:00", "soon", ""])
def test_first_row_of_a_headerless_file_is_a_post(tmp_path: Path, first: str) -> None:
    path = write(tmp_path, "h.csv", f"{first},One\n2026-12-25 18:00,Two\n")
    calendar = load_calendar(path, ReadSettings(scheduler=HEADERLESS, pages=(FACEBOOK,)))
    assert [row.content.message for row in calendar.rows] == ["One", "Two"]


def test_advised_mapping_keeps_the_given_one(cli: CommandLine, tmp_path: Path) -> None:
    text = 'Text,Posting Time,page\nHi,2026-12-24 18:00,"Joe\'s;One"\n'
    path = write(tmp_path, "b.csv", text)
    words = ("bulk", "schedule", path, "--dry-run", "--json")
    ran = cli.run(*words, "--pages", f"One={FACEBOOK}")
    assert ran.code == 2
    option = re.search(r"map it with --pages (.*), or leave", json.loads(ran.err.splitlines()[-1])
                       ["error"]["details"]["problems"][0]["text"])  # fmt: skip
    assert option is not None
    (mapping,) = shlex.split(option[1])
    ran = cli.run(*words, "--pages", mapping.replace("PAGE", INSTAGRAM))
    assert "page not found" not in ran.err


@pytest.mark.parametrize("parts", ["2026,12,24,,30", "2026,12,24,,", "2026,12,,9,30", ",,,9,30"])
def test_time_with_a_missing_part_is_refused(cli: CommandLine, tmp_path: Path, parts: str) -> None:
    header = "Text,Year,Month,Day,Hour (0-23),Minutes,Image URL,Link\n"
    path = write(tmp_path, "p.csv", f"{header}Hi,{parts},,\nHo,2026,12,25,9,,,\n")
    ran = cli.run("bulk", "schedule", path, "--page", FACEBOOK, "--dry-run")
    assert ran.code == 2
    assert "p.csv:2: scheduled_at: " in ran.err
    assert "p.csv:3" not in ran.err
