"""Calendars with series against the emulator: each occurrence is one post, over many runs."""

import csv
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.cancellation import CancellationToken
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.spec.token import Token
from tests.bulk.calendars import server_posts
from tests.bulk.killable_run import RunConfig, run_here, start_process
from tests.bulk.test_bulk_schedule import get_report, get_summary
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.kill_points import SteppingClient, SteppingJournal
from tests.media.sample_files import png

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calendar.yaml"


def write(
    path: Path,
    repeat: str = "every tue",
    *,
    start: str = "2026-12-01 09:00",
    key: str | None = "tip",
    texts: Sequence[Any] = ("Row",),
    more: str = "",
) -> None:
    """Write a calendar with one series on one page."""
    row = {"page": "facebook:acme", "timezone": "Europe/Berlin", "scheduled_at": start}
    row |= {"key": key} if key else {}
    row |= {"repeat": repeat} if repeat else {}
    text = {"message": texts[0]} if len(texts) == 1 else {"variants": list(texts)}
    path.write_text(f"posts:\n  - {json.dumps({**row, **text})}\n{more}", encoding="utf-8")


def run(cli: CommandLine, path: Path, *options: str) -> Result:
    return cli.run("bulk", "schedule", str(path), "--json", *options)


def list_scheduled(client: Client) -> dict[str, str]:
    """Return the text of each scheduled post by its day and time in Berlin."""
    return {
        f"{datetime.fromisoformat(post['scheduled_at']).astimezone(BERLIN):%F %H:%M}": str(
            post.get("message")
        )
        for post in client.scheduled_posts().items
        if str(post.get("message")).startswith("Row")
    }


def get_ids(client: Client) -> set[str]:
    return {post["id"] for post in client.scheduled_posts().items}


def go_to(clock: ManualClock, at: str) -> None:
    """Advance to a time in Berlin."""
    target = datetime.fromisoformat(at).replace(tzinfo=BERLIN)
    clock.advance((target - clock.now()).total_seconds())


TUESDAYS = [f"{date(2026, 12, 1) + timedelta(weeks=n)} 09:00" for n in range(40)]


@pytest.mark.parametrize("key", ["tip", None])
def test_runs_over_months_make_each_post_once(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, "every tue", key=key, texts=["Row A", "Row B", "Row C"])
    first = run(cli, path)
    assert get_summary(first) == {"created": 10}
    assert {row["line"] for row in get_report(first)["rows"]} == {2}
    keys = [row["key"] for row in get_report(first)["rows"]]
    assert keys == [f"tip/{day[:10]}" if key else None for day in TUESDAYS[:10]]
    assert (
        "later posts of the series are scheduled by later runs; run this again by 2027-02-08."
        in (first.err)
    )
    assert get_summary(run(cli, path)) == {"unchanged": 10}
    emulator_clock.advance(60 * DAY)
    assert get_summary(run(cli, path, "--prune")) == {"unchanged": 2, "created": 9}
    # The clock goes forward on 28 March.
    assert list(list_scheduled(client)) == TUESDAYS[8:19]
    assert list(list_scheduled(client).values()) == [f"Row {'ABC'[n % 3]}" for n in range(8, 19)]
    emulator_clock.advance(200 * DAY)
    assert get_summary(run(cli, path, "--prune")) == {"created": 10}
    assert get_summary(run(cli, path, "--prune")) == {"unchanged": 10}


def test_finite_series_counts_later_posts(cli: CommandLine, path: Path) -> None:
    write(path, "every tue for 11 times")
    assert (
        "1 later post is scheduled by later runs; run this again by 2027-02-08."
        in run(cli, path, "--dry-run").err
    )
    write(path, "every tue until 2027-03, except 2027-03-02")
    ran = cli.run("bulk", "status", str(path), "--json")
    assert "7 later posts are scheduled by later runs; run this again by 2027-02-08." in ran.err
    assert {(row["line"], row["status"]) for row in json.loads(ran.out)} == {(2, "new")}
    write(path, "every tue for 10 times")
    assert "later" not in run(cli, path, "--dry-run").err


@pytest.mark.parametrize("key", ["tip", None])
def test_excepted_post_is_cancelled_only_with_prune(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key)
    run(cli, path)
    before = get_ids(client)
    # A new post comes within reach, with the text of the one that is excepted.
    emulator_clock.advance(3 * DAY)
    write(path, "every tue, except 2026-12-29", key=key)
    assert get_summary(run(cli, path)) == {"unchanged": 9, "created": 1}
    assert before < get_ids(client)
    assert get_summary(run(cli, path, "--prune")) == {"unchanged": 10, "cancelled": 1}
    assert list(list_scheduled(client)) == [day for day in TUESDAYS[:11] if "2026-12-29" not in day]
    write(path, key=key)
    assert get_summary(run(cli, path)) == {"unchanged": 10, "created": 1}
    assert list(list_scheduled(client)) == TUESDAYS[:11]


@pytest.mark.parametrize("key", ["tip", None])
@pytest.mark.parametrize(
    "repeat",
    ["every tue until 2027-12", "every week", "RRULE:FREQ=WEEKLY;BYDAY=TU", "every 7 days",
     "every tue, fri", "every tue for 10 times"],
)  # fmt: skip
def test_changed_rule_keeps_the_posts_that_stay(
    cli: CommandLine, path: Path, client: Client, repeat: str, key: str | None
) -> None:
    write(path, key=key)
    run(cli, path)
    before = get_ids(client)
    write(path, repeat, key=key)
    summary = get_summary(run(cli, path, "--prune"))
    assert summary["unchanged"] == 10
    assert before <= get_ids(client)
    assert "changed" not in summary


@pytest.mark.parametrize("key", ["tip", None])
def test_edited_time_and_texts_replace_each_post(
    cli: CommandLine, path: Path, client: Client, key: str | None
) -> None:
    write(path, key=key, texts=["Row A", "Row B"])
    run(cli, path)
    write(path, key=key, start="2026-12-01 23:30", texts=["Row A", "Row B"])
    assert get_summary(run(cli, path)) == {"changed": 10}
    assert list(list_scheduled(client)) == [day.replace("09:00", "23:30") for day in TUESDAYS[:10]]
    write(path, key=key, start="2026-12-01 23:30", texts=["Row B", "Row A"])
    assert get_summary(run(cli, path)) == {"changed": 10}
    assert list(list_scheduled(client).values()) == ["Row B", "Row A"] * 5
    assert get_summary(run(cli, path)) == {"unchanged": 10}


@pytest.mark.parametrize("key", ["tip", None])
def test_row_that_becomes_a_series_and_back_keeps_its_post(
    cli: CommandLine, path: Path, client: Client, key: str | None
) -> None:
    write(path, "", key=key)
    assert get_summary(run(cli, path)) == {"created": 1}
    before = get_ids(client)
    write(path, key=key)
    assert get_summary(run(cli, path, "--prune")) == {"unchanged": 1, "created": 9}
    assert before < get_ids(client)
    write(path, "", key=key)
    ran = run(cli, path, "--prune", "--max-cancel", "9")
    assert get_summary(ran) == {"unchanged": 1, "cancelled": 9}
    assert get_ids(client) == before


def test_posts_of_a_series_that_were_changed_elsewhere_are_restored(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock
) -> None:
    write(path)
    rows = get_report(run(cli, path))["rows"]
    cancelled, moved = rows[1]["id"], rows[2]["id"]
    assert cli.run("posts", "cancel", cancelled).code == 0
    emulator_clock.advance(3600)
    assert cli.run("posts", "reschedule", moved, "--at", "2026-12-16 10:00").code == 0
    status = json.loads(cli.run("bulk", "status", str(path), "--json").out)
    assert [row["status"] for row in status][:4] == [
        "in sync", "new", "edited in the file", "in sync",
    ]  # fmt: skip
    assert get_summary(run(cli, path, "--prune")) == {"unchanged": 8, "created": 1, "changed": 1}
    assert list(list_scheduled(client)) == TUESDAYS[:10]


@pytest.mark.parametrize("key", ["tip", None])
def test_rescheduled_post_is_not_removed_after_its_day(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key)
    first = get_report(run(cli, path))["rows"][0]["id"]
    assert cli.run("posts", "reschedule", first, "--at", "2026-12-20 10:00").code == 0
    go_to(emulator_clock, "2026-12-03 12:00")
    ran = run(cli, path, "--prune")
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": 9, "created": 2})
    assert list(list_scheduled(client)) == sorted([*TUESDAYS[1:12], "2026-12-20 10:00"])


@pytest.mark.parametrize("key", ["tip", None])
def test_post_moved_to_an_earlier_time_is_not_made_again(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key)
    second = get_report(run(cli, path))["rows"][1]["id"]
    assert cli.run("posts", "reschedule", second, "--at", "2026-12-02 10:00").code == 0
    go_to(emulator_clock, "2026-12-03 12:00")
    ran = run(cli, path, "--prune")
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": 9, "created": 2})
    assert list(list_scheduled(client)) == TUESDAYS[2:12]


@pytest.mark.parametrize("key", ["tip", None])
def test_posts_at_the_edges_are_never_pruned(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key)
    go_to(emulator_clock, "2026-12-01 08:50")
    assert get_summary(run(cli, path)) == {"created": 11}
    # Exactly 75 days: the post of 9 February is 09:00, 70 days ahead; that of 16 February is not.
    assert list(list_scheduled(client)) == TUESDAYS[:11]
    for at in ("08:51", "08:59:59", "09:00", "09:00:01", "09:20"):
        go_to(emulator_clock, f"2026-12-01 {at}")
        ran = run(cli, path, "--prune", "--max-cancel", "99")
        assert ran.code == 0, ran.err
        assert "cancelled" not in get_summary(ran)
    # The clock of another machine is weeks behind.
    emulator_clock.advance(-28 * DAY)
    ran = run(cli, path, "--prune", "--max-cancel", "99")
    assert set(get_summary(ran)) == {"unchanged"}, ran.err
    assert "no longer in the file" not in cli.run("bulk", "schedule", str(path)).out
    # A run at the edge of 75 days makes the post, and one a second earlier does not.
    go_to(emulator_clock, "2026-12-03 08:59:59")
    assert get_summary(run(cli, path)) == {"unchanged": 10}
    go_to(emulator_clock, "2026-12-03 09:00")
    assert get_summary(run(cli, path)) == {"unchanged": 10, "created": 1}


@pytest.mark.parametrize("key", ["tip", None])
def test_post_that_is_too_close_is_left_out(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key)
    go_to(emulator_clock, "2026-12-01 08:55")
    ran = run(cli, path)
    assert (ran.code, get_summary(ran)) == (0, {"created": 10})
    assert "the post of 2026-12-01 09:00:00 is skipped: the time is only 5m ahead" in ran.err
    assert list(list_scheduled(client)) == TUESDAYS[1:11]
    go_to(emulator_clock, "2026-12-08 08:55")
    write(path, key=key, texts=["Row edited"])
    ran = run(cli, path)
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": 1, "changed": 9, "created": 1})
    assert "the post of 2026-12-08 09:00:00 stays: the time is only 5m ahead" in ran.err
    assert list_scheduled(client)[TUESDAYS[1]] == "Row"


@pytest.mark.parametrize("key", ["tip", None])
def test_lost_journal_makes_no_post_twice(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key)
    run(cli, path)
    before = get_ids(client)
    # One post was published hours ago, and a new one comes within reach.
    go_to(emulator_clock, "2026-12-01 15:00")
    shutil.rmtree(cli.home / "state")
    ran = run(cli, path, "--prune")
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": 9, "created": 1}), ran.err
    assert len(before & get_ids(client)) == 9
    assert list(list_scheduled(client)) == TUESDAYS[1:11]


@pytest.mark.parametrize("key", ["tip", None])
@pytest.mark.parametrize("days", [60, 300])
def test_moved_file_is_the_same_calendar_months_later(
    cli: CommandLine, path: Path, emulator_clock: ManualClock, key: str | None, days: int
) -> None:
    write(path, key=key)
    run(cli, path)
    emulator_clock.advance(days * DAY)
    copy = path.parent / "elsewhere" / "other name.yml"
    copy.parent.mkdir()
    shutil.move(path, copy)
    assert run(cli, copy).code == 0
    emulator_clock.advance(days * DAY)
    assert run(cli, copy).code == 0
    with closing(Journal(cli.home / "state" / "journal.db")) as journal:
        accounts = {entry.account for entry in journal._read("SELECT * FROM entries", ())}
        assert [len(journal.calendars(account)) for account in accounts] == [1]


def test_moved_file_with_edited_texts_is_the_same_calendar(
    cli: CommandLine, path: Path, emulator_clock: ManualClock
) -> None:
    write(path, key=None)
    run(cli, path)
    emulator_clock.advance(30 * DAY)
    run(cli, path)
    path.unlink()
    copy = path.with_name("other.yaml")
    write(copy, key=None, texts=["Row edited"])
    assert get_summary(run(cli, copy)) == {"changed": 10}


def test_first_runs_of_a_file_use_one_calendar(
    cli: CommandLine, path: Path, emulator_clock: ManualClock
) -> None:
    from outreply_cli.bulk.identity import _new_id

    write(path)
    calendar = load_calendar(str(path))
    assert _new_id(calendar, []) == _new_id(load_calendar(str(path)), [])
    write(path, start="2026-12-01 09:30")
    assert _new_id(calendar, []) != _new_id(load_calendar(str(path)), [])


@pytest.mark.parametrize("key", ["tip", None])
def test_saved_plan_is_applied_days_later(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock, key: str | None
) -> None:
    write(path, key=key, texts=["Row A", "Row B"])
    plan = str(path.with_suffix(".plan"))
    assert cli.run("bulk", "plan", str(path), "-o", plan).code == 0
    # A post that was too far ahead when the plan was made is not part of it.
    emulator_clock.advance(3 * DAY)
    ran = cli.run("bulk", "apply", plan, "--json")
    assert (ran.code, get_summary(ran)) == (0, {"created": 10}), ran.err
    assert list(list_scheduled(client)) == TUESDAYS[:10]
    assert get_summary(run(cli, path)) == {"unchanged": 10, "created": 1}
    # Neither is one that is past.
    go_to(emulator_clock, "2026-12-01 12:00")
    again = cli.run("bulk", "apply", plan, "--json")
    assert (again.code, get_summary(again)) == (0, {"unchanged": 9}), again.err
    path.write_text(path.read_text().replace("Row B", "Row C"))
    assert "was edited" in cli.run("bulk", "apply", plan).err


def test_series_uses_the_zone_of_each_page(cli: CommandLine, path: Path, client: Client) -> None:
    path.write_text(
        "posts:\n"
        "  - {page: [facebook:acme, instagram:acme], scheduled_at: 2027-01-05 09:00,\n"
        "     message: Row, repeat: every tue for 2 times, timezone: brand}\n"
    )
    ran = run(cli, path)
    assert get_summary(ran) == {"created": 4}, ran.err
    zones = {
        page["id"]: client.brand_zone(str(page.get("brand_id"))) for page in client.pages().items
    }
    for post in client.scheduled_posts().items:
        if post.get("message") == "Row":
            at = datetime.fromisoformat(post["scheduled_at"])
            assert f"{at.astimezone(ZoneInfo(zones[post['page_id']])):%H:%M}" == "09:00"


@pytest.mark.parametrize(
    ("row", "line", "words"),
    [
        ("repeat: every blue tue", 2, "repeat: 'blue tue' is not understood"),
        ("repeat: every wed", 2, "repeat: the series does not include its first post, on Tue"),
        ("repeat: every tue until 2026-11", 2, "repeat: the series ends before its first post"),
        ("repeat: 'every tue, except 2026-12-30'", 2,
         "repeat: Wed 2026-12-30 is not a date of the series; remove it from `except`"),
        ("repeat: every tue\n    scheduled_at: tue 09:00", 2, "scheduled_at: 'tue 09:00' is rel"),
        ("repeat: every tue\n    scheduled_at: 2026-12-01T09:00+01:00", 2,
         "scheduled_at: '2026-12-01T09:00+01:00' has its own offset"),
        ("repeat: every tue\n    scheduled_at: 1826-12-05 09:00", 2,
         "scheduled_at: '1826-12-05 09:00' is more than 20 years away"),
        ("repeat: every day\n    scheduled_at: 2026-10-25 02:30", 2,
         "scheduled_at: ambiguous time 2026-10-25 02:30"),
        ("repeat: [every tue]", 6, "repeat: must be text"),
        ("variants: [a, b]", 2, "variants: `variants` requires `repeat`"),
        ("repeat: every tue\n    variants: a", 6, "variants: not a list of texts"),
        ("repeat: every tue\n    variants: []", 6, "variants: not a list of texts"),
        ("repeat: every tue\n    variants: ['', b]", 6, "variants: the variant is empty"),
        ("repeat: every tue\n    variants: [{page: a}]", 6, "page: not a field of a variant"),
        ("repeat: every tue\n    variants: [{mesage: a}]", 6,
         "mesage: unknown field 'mesage'; did you mean 'message'?"),
        ("repeat: every tue\n    variants:\n      - a #1", 7,
         "message: YAML drops '#1' as a comment"),
        ("repeat: every tue\n    variants: [b, c]\n    message: a", 2,
         "message: not used, because each variant has a message"),
        ("repeat: every tue\n    variants: [a, {link: 'https://e.com'}]", 2,
         "message: a message or media is required"),
    ],
)  # fmt: skip
def test_invalid_series_is_an_error_with_its_line_and_advice(
    cli: CommandLine, path: Path, row: str, line: int, words: str
) -> None:
    fields = ["page: facebook:acme", "timezone: Europe/Berlin", row]
    if "scheduled_at" not in row:
        fields.insert(2, "scheduled_at: 2026-12-01 09:00")
    if "message" not in row and "variants" not in row:
        fields.insert(2, "message: Row")
    path.write_text("posts:\n  - " + "\n    ".join(fields) + "\n")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert f"{path}:{line}: {words}" in ran.err


def make_run(emulator: EmulatorServer, path: Path, state: Path, now: datetime) -> RunConfig:
    return RunConfig(emulator.base_url, emulator.token, now, path, state, wait_lock=100)


def test_unknown_outcome_of_a_past_post_is_held(
    emulator: EmulatorServer, path: Path, tmp_path: Path, emulator_clock: ManualClock
) -> None:
    write(path, texts=["Row one"])
    config = make_run(emulator, path, tmp_path / "state", emulator_clock.now())
    with closing(Journal(tmp_path / "state" / "journal.db")) as journal:
        run_here(config)
        (entry,) = journal._read("SELECT * FROM entries WHERE row LIKE '%2026-12-01%'", ())
        # Its response was lost, and the lists are cut off.
        db = emulator.state.connection
        db.execute("DELETE FROM posts WHERE id = ?", (entry.post_id,))
        with journal._change() as journal_db:
            journal_db.execute(
                "UPDATE entries SET state = 'sent', sent_at = 1, attempted_at = 1, post_id = NULL "
                "WHERE id = ?",
                (entry.id,),
            )
        early = datetime(2026, 12, 9, 12, tzinfo=UTC).timestamp()
        db.executemany(
            "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media) "
            "VALUES (?, ?, 'scheduled', ?, 0, 'other', '[]')",
            [(f"other{n}", entry.page_id, early + 480 * n) for n in range(120)],
        )
        go_to(emulator_clock, "2026-12-08 12:00")
        report = run_here(replace(config, now=emulator_clock.now()))
        kinds = [(str(result.status), str(result.action.kind)) for result in report.results]
        assert kinds == [("unknown", "keep"), *[("done", "keep")] * 8, *[("done", "create")] * 2]
        assert journal.entry(entry.id).state == "sent"


def test_spread_posts_keep_their_rows(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock
) -> None:
    # Around midnight, one of each two is moved to the day before.
    other = (
        "  - {page: facebook:acme, timezone: Europe/Berlin, scheduled_at: 2026-12-02 00:00:20,\n"
    )
    write(
        path,
        key=None,
        start="2026-12-01 23:58",
        more=f"{other}     message: Row x, repeat: every wed}}\n",
    )
    assert get_summary(run(cli, path, "--spread")) == {"created": 20}
    before = list_scheduled(client)
    assert any(" 23:58" in at for at in before)
    assert get_summary(run(cli, path, "--spread", "--prune")) == {"unchanged": 20}
    emulator_clock.advance(4 * DAY)
    assert get_summary(run(cli, path, "--spread", "--prune")) == {"unchanged": 20, "created": 2}
    assert before.items() <= list_scheduled(client).items()


def test_posts_of_series_count_toward_guardrails(
    cli: CommandLine, path: Path, emulator: EmulatorServer
) -> None:
    other = (
        "  - {page: facebook:acme, timezone: Europe/Berlin, scheduled_at: 2026-12-01 09:00:30,\n"
    )
    write(path, more=f"{other}     message: Row x, repeat: every tue}}\n")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert "lines 2 and 3; move the row, or use --spread" in ran.err or "(lines 2, 3)" in ran.err


def test_derived_key_of_another_row_is_an_error(cli: CommandLine, path: Path) -> None:
    other = "  - {page: facebook:acme, scheduled_at: 2026-12-03 09:00, message: Row x,\n"
    write(path, more=f"{other}     key: tip/2026-12-08}}\n")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert "key: the post of 2026-12-08 has the key 'tip/2026-12-08', also on line 3" in ran.err


def test_clock_change_blocks_the_run_until_it_is_excepted(
    cli: CommandLine, path: Path, emulator_clock: ManualClock
) -> None:
    write(path, "every day", start="2027-01-01 02:30")
    emulator_clock.advance(60 * DAY)
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert ran.code == 2
    assert f"{path}:2: repeat: nonexistent time 2027-03-28 02:30" in ran.err
    assert "add `except 2027-03-28`, or use another time of day" in ran.err
    write(path, "every day, except 2027-03-28", start="2027-01-01 02:30")
    assert cli.run("bulk", "schedule", str(path), "--dry-run").code == 0


def test_ended_series_needs_neither_page_nor_files(
    cli: CommandLine, path: Path, client: Client, emulator_clock: ManualClock
) -> None:
    image = path.parent / "a.png"
    image.write_bytes(png())
    variants = [{"message": "Row A", "media_files": ["a.png"]}, "Row B"]
    write(path, "every tue for 2 times", texts=variants)
    assert get_summary(run(cli, path)) == {"created": 2}
    image.unlink()
    assert "a.png" in run(cli, path, "--dry-run").err
    # The first one is over.
    go_to(emulator_clock, "2026-12-02 09:00")
    assert get_summary(run(cli, path, "--prune")) == {"unchanged": 1}
    go_to(emulator_clock, "2026-12-09 09:00")
    path.write_text(path.read_text().replace("facebook:acme", "facebook:gone"))
    ran = run(cli, path, "--prune")
    assert (ran.code, get_summary(ran)) == (0, {})


def test_invalid_series_with_variants_has_one_problem(cli: CommandLine, path: Path) -> None:
    write(path, "every second tue", texts=["Row A", "Row B"])
    assert "1 problem in" in cli.run("bulk", "schedule", str(path)).err
    write(path, "", texts=["Row A", "Row B"])
    assert "1 problem in" in cli.run("bulk", "schedule", str(path)).err


def test_series_are_checked_without_account(cli_logged_out: CommandLine, path: Path) -> None:
    write(path, "every tue", start="2026-12-02 09:00")
    ran = cli_logged_out.run("bulk", "check", str(path))
    assert ran.code == 2
    assert "the series does not include its first post" in ran.out
    write(path, "every tue", start="2020-12-01 09:00")
    assert cli_logged_out.run("bulk", "check", str(path)).code == 0


def test_csv_has_variants_as_json(cli: CommandLine, tmp_path: Path, client: Client) -> None:
    path = tmp_path / "c.csv"
    cell = '"[""Row A"", {""message"": ""Row B"", ""link"": ""https://e.com/""}]"'
    path.write_text(
        "page,scheduled_at,timezone,repeat,variants\n"
        f"facebook:acme,2026-12-01 09:00,Europe/Berlin,every tue for 3 times,{cell}\n"
    )
    assert get_summary(run(cli, path)) == {"created": 3}
    assert list(list_scheduled(client).values()) == ["Row A", "Row B", "Row A"]


@pytest.mark.parametrize(
    "cell",
    ["Row A", "[]", "[1]", "{}", '[{"page": "a"}]', '[{"message": 1}]', '[{"message": " "}]'],
)
def test_invalid_csv_variants_are_rejected(cli: CommandLine, tmp_path: Path, cell: str) -> None:
    path = tmp_path / "c.csv"
    with path.open("w") as stream:
        csv.writer(stream).writerows(
            [["page", "scheduled_at", "repeat", "variants"],
             ["facebook:acme", "2026-12-01 09:00", "every tue", cell]]
        )  # fmt: skip
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert f"{path}:2: variants: not a JSON list" in ran.err


def test_converted_series_are_the_same(cli: CommandLine, path: Path, client: Client) -> None:
    (path.parent / "a.png").write_bytes(png())
    path.write_text(
        "posts:\n"
        "  - page: [facebook:acme, twitter:bluebird]\n"
        "    key: tip\n    scheduled_at: 2026-12-01 09:00\n    timezone: Europe/Berlin\n"
        "    repeat: every 2nd tue until 2027-03, except 2027-01-12\n    link: https://e.com/\n"
        "    variants:\n      - Row A\n      - {message: Row B, media_files: [a.png]}\n"
        "      - message: {default: Row C, x: Row X}\n"
    )
    converted = path.with_suffix(".csv")
    result = cli.run("bulk", "convert", str(path))
    assert result.code == 0, result.err
    converted.write_text(result.out)
    assert get_summary(run(cli, path)) == {"created": 8}
    texts = Counter(str(post.get("message")) for post in client.scheduled_posts().items)
    assert {text: count for text, count in texts.items() if text.startswith("Row")} == {
        "Row A": 2,
        "Row B": 4,
        "Row C": 1,
        "Row X": 1,
    }
    assert get_summary(run(cli, converted, "--prune")) == {"unchanged": 8}


def test_tagged_links_of_series_stay(
    cli: CommandLine, path: Path, emulator_clock: ManualClock
) -> None:
    write(path, texts=["Row A https://e.com/", "Row B"])
    utm = ("--utm", "source={platform},campaign={key}")
    assert get_summary(run(cli, path, *utm)) == {"created": 10}
    emulator_clock.advance(30 * DAY)
    assert get_summary(run(cli, path, *utm)) == {"unchanged": 6, "created": 4}


@pytest.mark.parametrize("key", ["tip", None])
def test_eight_concurrent_runs_make_each_post_once(
    emulator: EmulatorServer,
    path: Path,
    tmp_path: Path,
    emulator_clock: ManualClock,
    key: str | None,
) -> None:
    write(path, key=key, texts=["Row A", "Row B"])
    config = make_run(emulator, path, tmp_path / "state", emulator_clock.now())
    processes = [start_process(config) for _ in range(8)]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8
    posts = server_posts(emulator)
    assert set(posts.values()) == {1}
    assert sorted(at for _, at, _ in posts) == [f"{day[:10]}T08:00:00" for day in TUESDAYS[:10]]


@pytest.mark.parametrize("steps", range(3, 40, 6))
def test_killed_run_is_completed_months_later(
    emulator: EmulatorServer, path: Path, tmp_path: Path, emulator_clock: ManualClock, steps: int
) -> None:
    write(path, key=None, texts=["Row one"])
    first = make_run(emulator, path, tmp_path / "state", emulator_clock.now())
    start_process(replace(first, die_after_steps=steps)).join(120)
    emulator_clock.advance(30 * DAY)
    report = run_here(replace(first, now=emulator_clock.now()))
    assert {result.status for result in report.results} == {"done"}
    posts = server_posts(emulator)
    assert set(posts.values()) == {1}
    assert sorted(at for _, at, _ in posts)[-10:] == [
        f"{day[:10]}T08:00:00" for day in TUESDAYS[4:14]
    ]


class KilledError(BaseException):
    """Simulates SIGKILL: the product does not catch it."""


class SeriesLife(RuleBasedStateMachine):
    """A series over a year: runs, kills, exceptions, other ends, and cancellations elsewhere."""

    key: str | None = "tip"

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        root = Path(self._directory.name)
        self.clock = ManualClock()
        self.server = EmulatorServer(
            root / "emulator.db", self.clock, config=EmulatorConfig(is_lenient=True)
        )
        self.server.__enter__()
        self.server.state.connection.execute("UPDATE users SET tier = 'elite'")
        self.path = root / "calendar.yaml"
        self.state = root / "state"
        self.excepted: set[date] = set()
        self.text = "Row"
        # What was published, and what the file says now.
        self.published: dict[date, str] = {}
        self.wanted: dict[date, str] = {}

    def teardown(self) -> None:
        self.server.__exit__()
        self._directory.cleanup()

    def write(self) -> None:
        excepted = ", ".join(map(str, sorted(self.excepted)))
        repeat = f"every tue, fri{f' except {excepted}' if excepted else ''}"
        write(self.path, repeat, key=self.key, texts=[f"{self.text} A", f"{self.text} B"])

    def carry_out(self, on_step: Callable[[str], None] = lambda _: None) -> None:
        # Start a new rate limit window.
        self.clock.advance(61)
        token = Token(self.server.token)
        transport = Transport(base_url=self.server.base_url, token=token, clock=self.clock)
        journal = SteppingJournal(self.state / "journal.db", on_step)
        try:
            client = SteppingClient(transport, on_step)
            options = BulkOptions(zone=None, prune=True, max_cancel=1_000, concurrency=1)
            service = BulkService(client, journal, fetch_account(client), options)
            planned = service.plan(service.open(load_calendar(str(self.path))), reconcile=True)
            report = service.apply(planned, CancellationToken(), lambda _: None)
            assert report.stopped_by is None
            assert {result.status for result in report.results} <= {"done"}
        finally:
            journal.close()
            transport.close()

    def naive_posts(self) -> dict[date, str]:
        """Return the texts of the posts from now on to 75 days ahead."""
        now, number, posts = self.clock.now(), 0, {}
        day = date(2026, 12, 1)
        while (at := datetime.combine(day, time(9), BERLIN)) <= now + timedelta(days=75):
            if day.weekday() in {1, 4}:
                if at > now and day not in self.excepted:
                    posts[day] = f"{self.text} {'AB'[number % 2]}"
                number += 1
            day += timedelta(days=1)
        return posts

    @rule()
    def finish(self) -> None:
        self.write()
        self.carry_out()
        self.wanted = self.naive_posts()
        assert self.actual() == {**self.published, **self.wanted}

    def actual(self) -> dict[date, str]:
        posts = server_posts(self.server)
        assert set(posts.values()) <= {1}
        found = {datetime.fromisoformat(f"{at}Z").astimezone(BERLIN): text for _, at, text in posts}
        assert {f"{at:%H:%M}" for at in found} <= {"09:00"}
        return {at.date(): text for at, text in found.items()}

    @rule(days=st.sampled_from([1, 9, 26, 74]))
    def advance_clock(self, days: int) -> None:
        self.finish()
        self.clock.advance(days * DAY)
        due = {day: text for day, text in self.wanted.items() if self.is_past(day)}
        self.published |= due

    def is_past(self, day: date) -> bool:
        return datetime.combine(day, time(9), BERLIN) <= self.clock.now()

    @rule(which=st.integers(0, 50))
    @precondition(lambda self: self.wanted)
    def add_exception(self, which: int) -> None:
        days = [day for day in self.wanted if not self.is_past(day)]
        if days:
            self.excepted.add(days[which % len(days)])

    @rule()
    @precondition(lambda self: self.excepted)
    def drop_exceptions(self) -> None:
        self.excepted = {day for day in self.excepted if self.is_past(day)}

    @rule(text=st.sampled_from(["Row", "Row edited"]))
    def edit(self, text: str) -> None:
        self.text = text

    @rule(steps=st.integers(1, 40))
    def kill_run(self, steps: int) -> None:
        self.write()
        left = [steps]

        def die(_: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        with suppress(KilledError):
            self.carry_out(die)

    @rule(which=st.integers(0, 50))
    def cancel_elsewhere(self, which: int) -> None:
        db = self.server.state.connection
        ids = [row[0] for row in db.execute(
            "SELECT id FROM posts WHERE status = 'scheduled' AND scheduled_at > ? ORDER BY number",
            (self.clock.now().timestamp() + 1,),
        )]  # fmt: skip
        if ids:
            db.execute("UPDATE posts SET status = 'cancelled' WHERE id = ?",
                       (ids[which % len(ids)],))  # fmt: skip

    @invariant()
    def no_duplicates(self) -> None:
        assert all(count == 1 for count in server_posts(self.server).values())


class UnkeyedSeriesLife(SeriesLife):
    key = None


for life in (SeriesLife, UnkeyedSeriesLife):
    life.TestCase.settings = settings(
        max_examples=8,
        stateful_step_count=10,
    )
TestSeriesLife = SeriesLife.TestCase
TestUnkeyedSeriesLife = UnkeyedSeriesLife.TestCase
