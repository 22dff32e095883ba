"""`bulk schedule` against the emulator."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    return tmp_path / "calendar.csv"


def write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    fields = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fields)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8")


def get_report(ran: Result) -> dict[str, Any]:
    return dict(json.loads(ran.out))


def get_summary(ran: Result) -> dict[str, int]:
    return {name: count for name, count in get_report(ran)["summary"].items() if count}


def count_writes(emulator: EmulatorServer) -> int:
    with emulator.state.transaction() as db:
        row = db.execute("SELECT sum(used) FROM usage WHERE bucket = 'writes'").fetchone()
    return int(row[0] or 0)


def test_schedule_creates_posts_and_rerun_writes_nothing(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    pages = ["instagram:acme", "facebook:acme", "x:bluebird", "Bluebird at Home"]
    rows: list[Mapping[str, str]] = [
        {
            "page": pages[n % 4],
            "scheduled_at": f"2026-12-{1 + n // 4:02} {8 + n % 4:02}:15:0{n % 10}",
            "timezone": "America/New_York" if n % 3 == 0 else "",
            "message": f"Row {n} — ünïcode 🚀",
        }
        for n in range(40)
    ]
    write_csv(calendar, rows)
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert ran.code == 0, ran.err
    assert get_summary(ran) == {"created": 40}
    posts = {post["message"]: post for post in client.scheduled_posts().items}
    for n, row in enumerate(rows):
        hours = 5 if row["timezone"] else -1
        local = datetime.fromisoformat(row["scheduled_at"]).replace(tzinfo=UTC)
        expected = f"{local + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.000Z"
        assert posts[f"Row {n} — ünïcode 🚀"]["scheduled_at"] == expected
    before = count_writes(emulator)
    again = cli.run("bulk", "schedule", str(calendar), "--json")
    assert (again.code, get_summary(again)) == (0, {"unchanged": 40})
    assert count_writes(emulator) == before


def test_yaml_zone_offset_and_defaults_apply_to_posts(
    cli: CommandLine, tmp_path: Path, client: Client
) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(
        "timezone: Asia/Kolkata\n"
        "defaults:\n  page: instagram:acme\n  first_comment: First!\n"
        "posts:\n"
        "  - scheduled_at: 2026-12-24 18:00\n    message: |\n      Line one\n\n      Line two\n"
        "  - scheduled_at: 2026-12-25T18:00:30-05:00\n    message: Offset\n"
        "    page: [instagram:acme, facebook:acme]\n",
        encoding="utf-8",
    )
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert ran.code == 0, ran.err
    posts = client.scheduled_posts().items
    assert sorted((p["scheduled_at"], p["message"]) for p in posts) == [
        ("2026-12-24T12:30:00.000Z", "Line one\n\nLine two\n"),
        ("2026-12-25T23:00:30.000Z", "Offset"),
        ("2026-12-25T23:00:30.000Z", "Offset"),
    ]
    assert {client.scheduled_post(p["id"])["first_comment"] for p in posts} == {"First!"}


def test_all_errors_are_reported_before_sending(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    good = "2026-12-24 18:00"
    write_csv(
        calendar,
        [
            {"key": "a", "page": "instagram:acme", "scheduled_at": good, "message": "ok",
             "first_comment": "", "color": "red"},
            {"key": "b", "page": "linkedin:acme-co", "scheduled_at": good, "message": "x",
             "first_comment": "no"},
            {"key": "c", "page": "facebook:acme", "scheduled_at": "2026-11-23T12:02:00Z",
             "message": "soon"},
            {"key": "d", "page": "facebook:acme", "scheduled_at": "2026-11-22T12:00:00Z",
             "message": "past"},
            {"key": "e", "page": "facebook:acme", "scheduled_at": good, "message": "x" * 5001},
            {"key": "f", "page": "instagram:missing", "scheduled_at": good, "message": "x"},
            {"key": "a", "page": "youtube:bluebirdathome", "scheduled_at": good, "message": "x"},
            {"key": "g", "page": "tiktok:bluebirdcoffee", "scheduled_at": "2026-12-24",
             "message": "x"},
            {"key": "h", "page": "tiktok:bluebirdcoffee", "scheduled_at": good, "message": ""},
        ],
    )  # fmt: skip
    ran = cli.run("bulk", "schedule", str(calendar))
    assert (ran.code, ran.out) == (2, "")
    assert count_writes(emulator) == 0
    for line, field in [
        (1, "color"), (3, "first_comment"), (4, "scheduled_at"), (5, "scheduled_at"),
        (6, "message"), (7, "page"), (8, "key"), (9, "scheduled_at"), (10, "message"),
    ]:  # fmt: skip
        assert f"{calendar}:{line}: {field}: " in ran.err, (line, field, ran.err)
    error = json.loads(cli.run("bulk", "schedule", str(calendar), "--json").err)["error"]
    assert error["code"] == "INVALID_CALENDAR"
    assert len(error["details"]["problems"]) == 9
    assert "Did you mean" in ran.err


def test_nonexistent_local_time_is_rejected(
    cli: CommandLine, calendar: Path, emulator_clock: ManualClock
) -> None:
    emulator_clock.current = datetime(2027, 3, 1, tzinfo=UTC)
    rows: list[Mapping[str, str]] = [
        {"page": "instagram:acme", "scheduled_at": "2027-03-28 02:30", "message": "skipped"},
        {"page": "instagram:acme", "scheduled_at": "2027-03-14 02:30", "message": "skipped",
         "timezone": "America/New_York"},
    ]  # fmt: skip
    write_csv(calendar, rows)
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    assert "2027-03-28T01:30:00+01:00 or 2027-03-28T03:30:00+02:00" in ran.err


def row(key: str, at: str, message: str, page: str = "instagram:acme") -> dict[str, str]:
    return {"key": key, "page": page, "scheduled_at": at, "message": message}


def row_without_key(at: str, message: str, page: str = "instagram:acme") -> dict[str, str]:
    return {"page": page, "scheduled_at": at, "message": message}


def get_posts(client: Client) -> list[tuple[str, str]]:
    return sorted(
        (p["scheduled_at"][:16], str(p["message"])) for p in client.scheduled_posts().items
    )


def test_edited_row_replaces_post(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("b", "2026-12-02 09:00", "Two")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    write_csv(
        calendar, [row("a", "2026-12-01 09:00", "One, edited"), row("b", "2026-12-03 09:00", "Two")]
    )
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"changed": 2}
    assert get_posts(client) == [
        ("2026-12-01T08:00", "One, edited"),
        ("2026-12-03T08:00", "Two"),
    ]
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unchanged": 2}


def test_rows_without_keys_keep_identity(cli: CommandLine, calendar: Path, client: Client) -> None:
    first = [row_without_key(f"2026-12-0{n} 09:00", f"Text {n}") for n in range(1, 5)]
    write_csv(calendar, first)
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    edited = [
        row_without_key("2026-12-02 09:00", "Text 2"),
        row_without_key("2026-12-03 09:00", "Text 3, edited"),
        row_without_key("2026-12-06 11:00", "Text 4"),
        row_without_key("2026-12-09 11:00", "Text 2"),
    ]
    write_csv(calendar, edited)
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"created": 1, "changed": 2, "unchanged": 1}
    assert len(get_posts(client)) == 5, "removed row is kept without --prune"
    pruned = cli.run("bulk", "schedule", str(calendar), "--prune", "--json")
    assert get_summary(pruned) == {"unchanged": 4, "cancelled": 1}
    assert get_posts(client) == sorted(
        (f"{r['scheduled_at'][:10]}T{int(r['scheduled_at'][11:13]) - 1:02}:00", r["message"])
        for r in edited
    )


def test_duplicate_rows_create_two_posts(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(
        calendar,
        [
            row_without_key("2026-12-01 09:00", "Same"),
            row_without_key("2026-12-01 09:00", "Same", "facebook:acme"),
        ],
    )
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"created": 2}
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unchanged": 2}


def test_same_text_after_publishing_is_new_post(
    cli: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    write_csv(calendar, [row_without_key("2026-12-01 09:00", "Weekly tip")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    emulator_clock.advance(9 * 86_400)
    write_csv(calendar, [row_without_key("2026-12-08 09:00", "Weekly tip")])
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"created": 1}
    assert get_posts(client) == [("2026-12-08T08:00", "Weekly tip")]


def test_published_row_is_unchanged(
    cli: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "Out soon")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    emulator_clock.advance(9 * 86_400)
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unchanged": 1}
    write_csv(calendar, [row("a", "2026-12-20 09:00", "Edited too late")])
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"unchanged": 1}
    assert "already published" in ran.err
    assert get_posts(client) == []


def test_post_cancelled_elsewhere_is_recreated(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("b", "2026-12-02 09:00", "Two")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    client.cancel(client.scheduled_posts().items[0]["id"])
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"created": 1, "unchanged": 1}
    assert len(get_posts(client)) == 2


def test_key_on_another_page_moves_post(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One", "facebook:acme")])
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"changed": 1}
    assert [p["platform"] for p in client.scheduled_posts().items] == ["facebook"]


def test_rows_swapping_times_are_changed(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "A"), row("b", "2026-12-01 10:00", "B")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    write_csv(calendar, [row("a", "2026-12-01 10:00", "A"), row("b", "2026-12-01 09:00", "B")])
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"changed": 2}
    assert get_posts(client) == [("2026-12-01T08:00", "B"), ("2026-12-01T09:00", "A")]


def test_dry_run_sends_nothing(cli: CommandLine, calendar: Path, emulator: EmulatorServer) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("b", "2026-12-02 09:00", "Two")])
    ran = cli.run("bulk", "schedule", str(calendar), "--dry-run", "--json")
    document = get_report(ran)
    assert ran.code == 0
    assert set(document["summary"]) == {
        "created", "changed", "unchanged", "cancelled", "failed", "pending", "unknown",
    }  # fmt: skip
    assert [(r["line"], r["key"], r["action"], r["status"]) for r in document["rows"]] == [
        (2, "a", "create", "planned"),
        (3, "b", "create", "planned"),
    ]
    assert set(document["rows"][0]) == {
        "file", "line", "key", "page_id", "scheduled_at", "action", "status", "id", "error",
    }  # fmt: skip
    assert document["rows"][0]["scheduled_at"] == "2026-12-01T08:00:00Z"
    assert count_writes(emulator) == 0


def test_guardrails_are_checked_before_sending(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    (page,) = client.pages(platform="linkedin").items
    post = client.schedule(
        {"page_id": page["id"], "message": "there", "scheduled_at": "2026-12-05T09:00:00Z"}
    ).post
    before = count_writes(emulator)
    rows: list[Mapping[str, str]] = [
        row("gap1", "2026-12-01 09:00:00", "x"),
        row("gap2", "2026-12-01 09:00:59", "y"),
        row("with", "2026-12-05 10:00:30", "z", "linkedin:acme-co"),
        *(row(f"h{n}", f"2026-12-07 09:{n}0", f"n{n}", "linkedin:acme-co") for n in range(4)),
    ]
    write_csv(calendar, rows)
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    assert f"{calendar}:3: scheduled_at: posts of a page must be 60 s apart (lines 2, 3)" in ran.err
    apart = "scheduled_at: posts of a page must be 60 s apart"
    existing = f"existing post {post['id']} at 2026-12-05T09:00:00Z"
    assert f"{calendar}:4: {apart} ({existing})" in ran.err
    assert "LinkedIn allows 3 posts per hour, but 4 are planned (lines 5, 6, 7, 8)" in ran.err
    assert count_writes(emulator) == before


def leave_publishes(emulator: EmulatorServer, left: int) -> None:
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    (user,) = db.execute("SELECT id FROM users").fetchone()
    values = (user, "2026-11", "publishes", 60 - left)
    db.execute("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?)", values)


def test_earliest_posts_use_the_remaining_publishes(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer, client: Client
) -> None:
    """The advice for a short month: rows that are moved to the next one wait for it."""
    rows = [row(f"k{hour}", f"2026-11-30 {hour}:00", f"R{hour}") for hour in (11, 10, 13, 12)]
    write_csv(calendar, rows)
    leave_publishes(emulator, 2)
    assert cli.run("bulk", "schedule", str(calendar)).code == 2
    for moved in rows[2:]:
        moved["scheduled_at"] = moved["scheduled_at"].replace("2026-11-30", "2026-12-02")
    write_csv(calendar, rows)
    # If requests overlapped, others would overtake the first.
    fault = {"method": "POST", "path": "/posts/schedule", "times": 1}
    emulator.handle.request("fault", add="delay:0.5", options=fault)
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert (ran.code, get_summary(ran)) == (6, {"created": 2, "pending": 2}), ran.err
    assert [post[0][:10] for post in get_posts(client)] == ["2026-11-30", "2026-11-30"]
    assert (
        ":5: November has only 2 of its publishes left, for the posts that are due first" in ran.err
    )
    cli.clock.advance(8 * 86_400 - 3600)
    again = cli.run("bulk", "schedule", str(calendar), "--json")
    assert (again.code, get_summary(again)) == (0, {"created": 2, "unchanged": 2}), again.err


@pytest.mark.parametrize("left", [0, 1])
def test_post_is_not_replaced_without_a_publish(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer, client: Client, left: int
) -> None:
    write_csv(calendar, [row("a", "2026-12-05 09:00", "One"), row("b", "2026-12-04 09:00", "Two")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    before = get_posts(client)
    write_csv(calendar, [row("a", "2026-12-05 09:00", "1"), row("b", "2026-12-04 09:00", "2")])
    leave_publishes(emulator, left)
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    assert (
        f"{calendar}:2: replacing the row's post uses one publish, but November has only {left}"
        in ran.err
    )
    assert (f"{calendar}:3: replacing" in ran.err) == (left == 0)
    assert get_posts(client) == before


def test_files_share_the_remaining_publishes(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    other = calendar.with_name("other.csv")
    write_csv(calendar, [row("a", "2026-12-08 09:00", "x")])
    write_csv(other, [row("b", "2026-11-29 09:00", "y")])
    leave_publishes(emulator, 1)
    ran = cli.run("bulk", "schedule", str(calendar), str(other))
    assert ran.code == 2
    left = "left after the 1 for earlier files of the command"
    assert f"{other}:2: 1 post is due before the quota resets" in ran.err
    assert f"November has only 0 of its publishes {left}; move" in ran.err
    # What is due before the reset has to come first.
    ran = cli.run("bulk", "schedule", str(other), str(calendar), "--json")
    assert (ran.code, get_summary(ran)) == (6, {"created": 1, "pending": 1}), ran.err
    assert f"{calendar}:2: November has only 0 of its publishes {left}, for" in ran.err


def test_exhausted_month_and_expired_page_are_errors(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    write_csv(calendar, [row("a", "2026-11-29 09:00", "x"), row("b", "2026-11-28 09:00", "y")])
    leave_publishes(emulator, 1)
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    due = "2 posts are due before the quota resets at the start of December (UTC)"
    assert f"{calendar}:2: {due}, but November has only 1 of its publishes left" in ran.err
    db = emulator.state.connection
    db.execute("UPDATE pages SET expired = 1")
    assert "has expired; reconnect it" in cli.run("bulk", "schedule", str(calendar)).err


def test_adopt_uses_existing_post(cli: CommandLine, calendar: Path, client: Client) -> None:
    (page,) = client.pages(platform="instagram").items
    post = {"page_id": page["id"], "message": "Existing", "scheduled_at": "2026-12-01T08:00:00Z"}
    existing = client.schedule(post).post
    write_csv(calendar, [row("a", "2026-12-01 09:00", "Existing")])
    held = cli.run("bulk", "schedule", str(calendar), "--no-adopt")
    assert held.code == 3
    assert f"unknown: the row is identical to post {existing['id']}" in held.err
    ran = cli.run("bulk", "schedule", str(calendar), "--adopt", "--json")
    assert get_summary(ran) == {"unchanged": 1}
    assert get_report(ran)["rows"][0]["id"] == existing["id"]
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unchanged": 1}


def test_renamed_file_is_not_sent_again(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One")])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    moved = calendar.with_name("renamed.csv")
    calendar.rename(moved)
    ran = cli.run("bulk", "schedule", str(moved), "--json")
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": 1})
    assert len(get_posts(client)) == 1


def test_several_files_are_checked_together(
    cli: CommandLine, tmp_path: Path, client: Client
) -> None:
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    write_csv(first, [row("a", "2026-12-01 09:00:00", "One")])
    write_csv(second, [row("a", "2026-12-01 09:00:30", "Two")])
    ran = cli.run("bulk", "schedule", str(first), str(second))
    assert ran.code == 2
    assert f"{second}:2:" in ran.err
    assert get_posts(client) == []


def test_file_is_checked_without_account(cli_logged_out: CommandLine, calendar: Path) -> None:
    calendar.write_text("page,scheduled_at,mesage\ninstagram:acme,2026-12-01 09:00,x\n")
    ran = cli_logged_out.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    assert "did you mean 'message'?" in ran.err
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One")])
    assert cli_logged_out.run("bulk", "schedule", str(calendar)).code == 4


def test_report_escapes_formulas(
    cli: CommandLine, calendar: Path, tmp_path: Path, emulator: EmulatorServer
) -> None:
    write_csv(calendar, [row("=cmd|' /C calc'!A0", "2026-12-01 09:00", "One")])
    report = tmp_path / "report.csv"
    assert cli.run("bulk", "schedule", str(calendar), "--report", str(report)).code == 0
    (line,) = csv.DictReader(io.StringIO(report.read_text(encoding="utf-8-sig")))
    assert line["key"].startswith("'=cmd")
    assert line["outreply status"] == "done"


@pytest.mark.parametrize("kind", ["csv", "yaml"])
def test_template_can_be_scheduled(cli: CommandLine, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mine.{kind}"
    path.write_text(cli.run("bulk", "template", kind).out)
    assert get_summary(cli.run("bulk", "schedule", str(path), "--json")) == {"created": 3}


def test_tz_brand_uses_zone_of_each_brand(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(
        calendar,
        [
            row_without_key("2026-12-01 09:00", "Paris"),
            row_without_key("2026-12-01 09:00", "New York", "x:bluebird"),
        ],
    )
    assert cli.run("bulk", "schedule", str(calendar), "--tz", "brand").code == 0
    assert get_posts(client) == [("2026-12-01T08:00", "Paris"), ("2026-12-01T14:00", "New York")]


@pytest.mark.parametrize("fault", ["status:402", "status:401"])
def test_fatal_upload_error_leaves_the_rest_pending(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer, client: Client, fault: str
) -> None:
    """No other file is uploaded after an error that every row would get; a rerun finishes."""
    rows = []
    for n in range(3):
        (calendar.parent / f"{n}.png").write_bytes(png(str(n).encode()))
        rows.append(
            {
                "page": "instagram:acme", "scheduled_at": f"2026-12-0{n + 1}T09:00Z",
                "message": f"Row {n}", "media_files": f"{n}.png",
            }
        )  # fmt: skip
    rows.append({"page": "x:bluebird", "scheduled_at": "2026-12-01T09:00Z", "message": "Text only"})
    write_csv(calendar, rows)
    options = {"method": "POST", "path": "/media/*"}
    emulator.handle.request("fault", add=fault, options=options)
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert ran.code in {4, 6}, ran.err
    assert [row["status"] for row in get_report(ran)["rows"]] == ["pending"] * 4
    assert emulator.handle.request("fault")["faults"][0]["hits"] == 1
    emulator.handle.request("fault", clear=None)
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"created": 4}
    posts = {post["message"]: post for post in client.scheduled_posts().items}
    assert all(len(posts[f"Row {n}"]["media"]) == 1 for n in range(3))
