"""`bulk plan|apply|status|cancel|export`, `--spread`, `--max-cancel` and annotations."""

import json
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from outreply_cli.api.client import Client
from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.responses import Response
from outreply_cli.api.transport import Transport
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.locks import calendar_lock
from tests.bulk.test_bulk_schedule import (
    count_writes,
    get_posts,
    get_report,
    get_summary,
    row,
    row_without_key,
    write_csv,
)
from tests.clocks import ManualClock
from tests.command_line import CommandLine


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "calendar.csv"
    write_csv(path, [row("a", "2026-12-01 09:00", "One"), row("b", "2026-12-02 09:00", "Two")])
    return path


def plan(cli: CommandLine, calendar: Path) -> Path:
    path = calendar.with_suffix(".plan")
    ran = cli.run("bulk", "plan", str(calendar), "-o", str(path))
    assert ran.code == 0, ran.err
    return path


def test_apply_executes_saved_plan(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    path = plan(cli, calendar)
    assert count_writes(emulator) == 0
    saved = yaml.safe_load(path.read_text())
    assert [(s["action"], s["line"], s["message"]) for s in saved["steps"]] == [
        ("create", 2, "One"),
        ("create", 3, "Two"),
    ]
    ran = cli.run("bulk", "apply", str(path), "--json")
    assert (ran.code, get_summary(ran)) == (0, {"created": 2})
    assert len(get_posts(client)) == 2
    before = count_writes(emulator)
    again = cli.run("bulk", "apply", str(path), "--json")
    assert (again.code, get_summary(again)) == (0, {"unchanged": 2}), again.err
    assert count_writes(emulator) == before


@pytest.mark.parametrize("cancelled_by", ["calendar", "command", "dashboard"])
def test_apply_does_not_restore_cancelled_posts(
    cli: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock, cancelled_by: str
) -> None:
    path = plan(cli, calendar)
    emulator_clock.advance(60)
    assert cli.run("bulk", "apply", str(path)).code == 0
    emulator_clock.advance(60)
    ids = {post["message"]: str(post["id"]) for post in client.scheduled_posts().items}
    first, second = ids["One"], ids["Two"]
    if cancelled_by == "calendar":
        assert cli.run("bulk", "cancel", str(calendar), "--yes").code == 0
    elif cancelled_by == "command":
        assert cli.run("posts", "cancel", first).code == 0
    else:
        client.cancel(first)
    left = get_posts(client)
    assert len(left) == (0 if cancelled_by == "calendar" else 1)
    ran = cli.run("bulk", "apply", str(path))
    assert ran.code == 2
    assert f"is out of date: line 2: the row's post {first} was cancelled" in ran.err
    assert (f"line 3: the row's post {second} was cancelled" in ran.err) == (
        cancelled_by == "calendar"
    )
    assert get_posts(client) == left
    # A new plan restores them, and is itself applied once.
    emulator_clock.advance(60)
    path = plan(cli, calendar)
    emulator_clock.advance(60)
    for summary in ({"created": 2 - len(left), "unchanged": len(left)}, {"unchanged": 2}):
        ran = cli.run("bulk", "apply", str(path), "--json")
        assert (ran.code, get_summary(ran)) == (0, {k: v for k, v in summary.items() if v}), ran.err


def test_plan_as_json_lists_the_planned_rows(
    cli: CommandLine, calendar: Path, tmp_path: Path
) -> None:
    path = tmp_path / "json.plan"
    ran = cli.run("bulk", "plan", str(calendar), "-o", str(path), "--json")
    document = get_report(ran)
    assert (ran.code, document["file"]) == (0, str(path))
    assert get_summary(ran) == {"created": 2}
    assert [(row["line"], row["status"]) for row in document["rows"]] == [
        (2, "planned"),
        (3, "planned"),
    ]


def test_plan_in_pipe_is_not_truncated(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    write_csv(path, [row("a", "2026-12-01 09:00", "A word and another, " * 10 + "and the last")])
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert "and the last\n" in ran.out


def test_apply_refuses_drift(
    cli: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    path = plan(cli, calendar)
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("b", "2026-12-02 09:00", "2")])
    edited = cli.run("bulk", "apply", str(path))
    assert edited.code == 2
    assert "was edited" in edited.err
    assert "line 3: message was 'Two' and is now '2'" in edited.err
    path = plan(cli, calendar)
    (page,) = client.pages(platform="instagram").items
    body = {"page_id": page["id"], "message": "x", "scheduled_at": "2026-12-01T08:00:20Z"}
    post = client.schedule(body).post
    assert cli.run("bulk", "apply", str(path)).code == 2
    client.cancel(post["id"])
    same = client.schedule({**body, "scheduled_at": "2026-12-01T08:00:00Z"}).post
    rejected = cli.run("bulk", "apply", str(path))
    assert rejected.code == 2
    assert (
        "line 2: the row may already be scheduled; resolve it with: outreply bulk reconcile"
        in rejected.err
    )
    client.cancel(same["id"])
    emulator_clock.advance(8 * 86_400)
    late = cli.run("bulk", "apply", str(path))
    assert late.code == 2
    assert "in the past" in late.err
    assert get_posts(client) == []


@pytest.mark.parametrize(
    "text", ["", "version: 1", "version: 2\ncalendar: x", "[1, 2]", "\x00", "a: b: c"]
)
def test_apply_rejects_invalid_plan_file(cli: CommandLine, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.plan"
    path.write_text(text)
    ran = cli.run("bulk", "apply", str(path))
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert "annot read the plan nowhere" in cli.run("bulk", "apply", "nowhere").err


def test_status_reports_drift(cli: CommandLine, calendar: Path, client: Client) -> None:
    statuses = json.loads(cli.run("bulk", "status", str(calendar), "--json").out)
    assert [s["status"] for s in statuses] == ["new", "new"]
    cli.run("bulk", "schedule", str(calendar))
    statuses = json.loads(cli.run("bulk", "status", str(calendar), "--json").out)
    assert [s["status"] for s in statuses] == ["in sync", "in sync"]
    client.cancel(statuses[0]["id"])
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("c", "2026-12-03 09:00", "New")])
    statuses = json.loads(cli.run("bulk", "status", str(calendar), "--json").out)
    assert [(s["line"], s["status"]) for s in statuses] == [
        (2, "cancelled elsewhere"),
        (3, "new"),
        (None, "orphaned"),
    ]


def test_cancelled_posts_can_be_scheduled_again_with_the_shown_command(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    cli.run("bulk", "schedule", str(calendar))
    (page,) = client.pages(platform="facebook").items
    other = {"page_id": page["id"], "message": "Other", "scheduled_at": "2026-12-09T08:00:00Z"}
    client.schedule(other)
    assert cli.run("bulk", "cancel", str(calendar)).code == 2, "confirmation required"
    ran = cli.run("bulk", "cancel", str(calendar), "--yes", "--json")
    assert (ran.code, get_summary(ran)) == (0, {"cancelled": 2})
    assert [message for _, message in get_posts(client)] == ["Other"]
    (line,) = [line for line in ran.err.splitlines() if "cancelled posts again" in line]
    words = shlex.split(line.partition(": outreply ")[2])
    assert get_summary(cli.run(*words, "--json")) == {"created": 2}
    assert [m for _, m in get_posts(client)] == ["One", "Two", "Other"]
    unchanged = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(unchanged) == {"unchanged": 2}
    (copy,) = [line for line in ran.err.splitlines() if line.startswith("They are also in ")]
    assert "One" in Path(copy.removeprefix("They are also in ")).read_text()
    again = cli.run("bulk", "cancel", str(calendar), "--yes", "--json")
    assert (again.code, get_summary(again)) == (0, {"cancelled": 2})
    empty = cli.run("bulk", "cancel", str(calendar), "--yes", "--json")
    assert (empty.code, get_summary(empty), get_report(empty)["rows"]) == (0, {}, [])


def test_export_is_unchanged_and_editable(
    cli: CommandLine, calendar: Path, tmp_path: Path, client: Client, emulator: EmulatorServer
) -> None:
    page = client.pages(platform="facebook").items[0]
    client.schedule(
        {
            "page_id": page["id"],
            "message": 'With, all\nof "it"',
            "scheduled_at": "2026-12-09T08:00:00Z",
            "first_comment": "First",
            "media_urls": ["https://cdn.example.com/a.jpg"],
        }
    )
    cli.run("bulk", "schedule", str(calendar))
    exported = tmp_path / "now.csv"
    assert cli.run("bulk", "export", "--file", str(exported)).code == 0
    before = count_writes(emulator)
    ran = cli.run("bulk", "schedule", str(exported), "--json")
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": 3}), ran.err
    assert count_writes(emulator) == before
    exported.write_text(exported.read_text().replace('of ""it""', "of THEM"))
    assert get_summary(cli.run("bulk", "schedule", str(exported), "--json")) == {
        "changed": 1,
        "unchanged": 2,
    }
    post = next(p for p in client.scheduled_posts().items if "THEM" in str(p["message"]))
    whole = client.scheduled_post(post["id"])
    assert (whole["first_comment"], whole["media"][0]["src"]) == (
        "First",
        "https://cdn.example.com/a.jpg",
    )


def test_spread_moves_conflicts_and_rerun_sends_nothing(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    write_csv(calendar, [row_without_key(f"2026-12-01 09:00:{n}0", f"Row {n}") for n in range(4)])
    assert cli.run("bulk", "schedule", str(calendar)).code == 2
    shown = cli.run("bulk", "schedule", str(calendar), "--spread", "--dry-run")
    assert "spread: 50s later than 08:00Z" in shown.out
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--json")
    assert get_summary(ran) == {"created": 4}, ran.err
    assert [r["scheduled_at"][11:19] for r in get_report(ran)["rows"]] == [
        "08:00:00", "08:01:00", "08:02:00", "08:03:00",
    ]  # fmt: skip
    before = count_writes(emulator)
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--spread", "--json")) == {
        "unchanged": 4
    }
    assert count_writes(emulator) == before


def test_export_of_scheduled_calendar_changes_nothing(
    cli: CommandLine, calendar: Path, tmp_path: Path, emulator: EmulatorServer
) -> None:
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    exported = tmp_path / "exported.csv"
    assert cli.run("bulk", "export", "--file", str(exported)).code == 0
    before = count_writes(emulator)
    for _ in range(2):
        ran = cli.run("bulk", "schedule", str(exported), "--prune", "--json")
        assert (ran.code, get_summary(ran)) == (0, {"unchanged": 2}), ran.err
    assert count_writes(emulator) == before


@pytest.mark.parametrize(
    "rows", [["2026-12-01 09:00"], ["2026-12-01 09:00:00", "2026-12-01 09:00:10"]]
)
def test_spread_with_lost_journal_creates_no_duplicates(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer, rows: list[str]
) -> None:
    write_csv(calendar, [row_without_key(at, f"Row {n}") for n, at in enumerate(rows)])
    assert cli.run("bulk", "schedule", str(calendar), "--spread").code == 0
    (cli.home / "state" / "journal.db").unlink()
    before = count_writes(emulator)
    for more in ([], ["--spread"]):
        words = ("bulk", "schedule", str(calendar), *more, "--no-adopt", "--json")
        held = cli.run(*words)
        assert (held.code, get_summary(held)) == (3, {"unknown": len(rows)}), held.err
        assert f"outreply bulk reconcile {calendar}" in held.err
    shown = cli.run("bulk", "reconcile", str(calendar), "--yes", "--dry-run", "--json")
    assert json.loads(shown.out)["summary"] == {"paired": len(rows), "new": 0, "unknown": 0}
    assert cli.run("bulk", "reconcile", str(calendar), "--yes").code == 0
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--json")
    assert (ran.code, get_summary(ran)) == (0, {"unchanged": len(rows)}), ran.err
    assert count_writes(emulator) == before
    assert len(get_posts(client)) == len(rows)


def test_daily_text_matches_post_of_its_day(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    days = [f"2026-12-0{day} 09:00" for day in (1, 2, 3)]
    write_csv(calendar, [row_without_key(at, "Good morning") for at in days[:2]])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    write_csv(calendar, [row_without_key(at, "Good morning") for at in days])
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--json")
    assert get_summary(ran) == {"created": 1, "unchanged": 2}, ran.err
    (cli.home / "state" / "journal.db").unlink()
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--adopt", "--json")
    assert get_summary(ran) == {"unchanged": 3}, ran.err


def test_duplicate_post_is_not_a_guardrail_violation(cli: CommandLine, calendar: Path) -> None:
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    (cli.home / "state" / "journal.db").unlink()
    held = cli.run("bulk", "schedule", str(calendar), "--no-adopt", "--json")
    assert (held.code, get_summary(held)) == (3, {"unknown": 2})
    assert f"outreply bulk reconcile {calendar}" in held.err
    assert "--spread" not in held.err
    assert "--adopt" not in held.err


def test_cancel_rejects_a_file_that_does_not_exist(cli: CommandLine, calendar: Path) -> None:
    assert cli.run("bulk", "cancel", str(calendar), "--yes").code == 0
    missing = cli.run("bulk", "cancel", "nofile.csv", "--yes")
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith("Error: Calendar not found in the journal: nofile.csv")


def test_cancel_needs_no_file_once_scheduled(cli: CommandLine, calendar: Path) -> None:
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    calendar.unlink()
    cancelled = cli.run("bulk", "cancel", str(calendar), "--yes")
    assert cancelled.code == 0, cancelled.err


@pytest.mark.parametrize("is_removed", [False, True])
def test_advice_after_a_cancel_restores_all_posts(
    cli: CommandLine, calendar: Path, client: Client, is_removed: bool
) -> None:
    rows = [row(f"k{n}", f"2026-12-{n:02} 09:00", f"R{n}") for n in range(1, 4)]
    write_csv(calendar, rows)
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    posts = get_posts(client)
    if is_removed:
        write_csv(calendar, rows[1:])
    cancelled = cli.run("bulk", "cancel", str(calendar), "--yes")
    assert cancelled.code == 0, cancelled.err
    assert get_posts(client) == []
    (advice,) = re.findall(r"To schedule the cancelled posts again: outreply (.*)", cancelled.err)
    assert (str(calendar) in advice) != is_removed
    assert cli.run(*shlex.split(advice)).code == 0
    assert get_posts(client) == posts


@pytest.mark.parametrize(("removed", "code"), [(1, 0), (2, 2)])
def test_one_post_of_a_small_calendar_may_be_pruned(
    cli: CommandLine, calendar: Path, client: Client, removed: int, code: int
) -> None:
    rows = [row(f"k{n}", f"2026-12-{n:02} 09:00", f"R{n}") for n in range(1, 5)]
    write_csv(calendar, rows)
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    write_csv(calendar, rows[removed:])
    ran = cli.run("bulk", "schedule", str(calendar), "--prune")
    assert ran.code == code, ran.err
    if code:
        assert "2 of 4 posts of the calendar would be cancelled, but the limit is 1" in ran.err
        assert "use: --max-cancel 2" in ran.err
    assert len(get_posts(client)) == (4 if code else 3)


def test_many_cancels_require_max_cancel(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row(f"k{n}", f"2026-12-{n:02} 09:00", f"R{n}") for n in range(1, 13)])
    cli.run("bulk", "schedule", str(calendar))
    write_csv(calendar, [row("k1", "2026-12-01 09:00", "R1")])
    ran = cli.run("bulk", "schedule", str(calendar), "--prune")
    assert ran.code == 2
    assert "--max-cancel 11" in ran.err
    assert len(get_posts(client)) == 12
    assert cli.run("bulk", "schedule", str(calendar), "--prune", "--max-cancel", "11").code == 0
    assert len(get_posts(client)) == 1


def test_posts_cancelled_elsewhere_do_not_count_for_max_cancel(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    rows = [row(f"k{n}", f"2026-12-{n:02} 09:00", f"R{n}") for n in range(1, 11)]
    write_csv(calendar, rows)
    cli.run("bulk", "schedule", str(calendar))
    for post in client.scheduled_posts().items:
        if post["message"] in {row["message"] for row in rows[4:]}:
            client.cancel(str(post["id"]))
    write_csv(calendar, rows[:2])
    ran = cli.run("bulk", "schedule", str(calendar), "--prune")
    assert ran.code == 2
    assert "2 of 4 posts of the calendar would be cancelled, but the limit is 1" in ran.err
    assert len(get_posts(client)) == 4
    assert cli.run("bulk", "schedule", str(calendar), "--prune", "--max-cancel", "2").code == 0
    assert len(get_posts(client)) == 2


def test_github_run_gets_a_summary_and_error_annotations(
    cli: CommandLine, calendar: Path, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    assert cli.run("bulk", "schedule", str(calendar), env=env).code == 0
    assert "### outreply: 2 created" in summary.read_text()
    assert "| 2 | a | 2026-12-01T08:00:00Z | create | done |" in summary.read_text()
    write_csv(calendar, [row("a", "never", "One"), row("b|<x>", "2026-12-02 09:00", "")])
    ran = cli.run("bulk", "schedule", str(calendar), env=env)
    assert ran.code == 2
    assert "line=2,title=outreply::scheduled_at: invalid time 'never'" in ran.err


def test_github_annotations_use_repository_root(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repository" / "social").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository" / "social")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / "repository")}
    calendar = Path("launch.csv")
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("a", "2026-12-02 09:00", "Two")])
    for token in ({}, {"OUTREPLY_API_KEY": ""}):
        ran = cli.run("bulk", "schedule", "launch.csv", env={**env, **token})
        assert ran.code == 2
        assert (
            "\n::error file=social/launch.csv,line=3,title=outreply::key: duplicate key 'a'"
            in f"\n{ran.err}"
        )
    write_csv(calendar, [row("a", "+3d", "One")])
    ran = cli.run("bulk", "schedule", "launch.csv", env=env)
    assert ran.code == 0
    assert (
        "\n::warning file=social/launch.csv,line=2,title=outreply::scheduled_at: '+3d'" in ran.err
    )


def test_busy_calendar_error_has_pid(cli: CommandLine, calendar: Path, client: Client) -> None:

    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    state, account = Path(cli.environ["OUTREPLY_STATE_DIR"]), account_fingerprint(client)
    with closing(Journal(state / "journal.db")) as journal:
        (calendar_id,) = journal.calendars(account)
    with calendar_lock(state, account, calendar_id, wait=0):
        ran = cli.run("bulk", "schedule", str(calendar), "--wait-lock", "0s")
        assert ran.code == 1
        assert "(pid " in ran.err
        dry = cli.run("bulk", "schedule", str(calendar), "--dry-run")
        assert dry.code == 0
    assert cli.run("bulk", "schedule", str(calendar)).code == 0


@pytest.mark.parametrize("damage", ["damaged", "newer", "read-only directory", "no database"])
def test_unusable_journal_sends_nothing(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer, damage: str
) -> None:

    state = Path(cli.environ["OUTREPLY_STATE_DIR"])
    state.mkdir(parents=True)
    journal = state / "journal.db"
    if damage == "damaged":
        journal.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    elif damage == "newer":
        db = sqlite3.connect(journal)
        db.execute("PRAGMA user_version = 99")
        db.close()
    elif damage == "no database":
        journal.write_text("this is a text file, not a database\n" * 100)
    else:
        journal.mkdir()
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 1
    assert "journal.db" in ran.err
    assert "Traceback" not in ran.err
    assert count_writes(emulator) == 0


def test_exhausted_quota_leaves_rows_pending(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    write_csv(calendar, [row(f"k{n}", f"2026-12-{n:02} 09:00", f"R{n}") for n in range(1, 9)])
    db = emulator.state.connection
    scopes = '["read:brands","read:pages","read:posts","write:posts"]'
    db.execute("UPDATE tokens SET scopes = ?", (scopes,))
    db.execute("UPDATE users SET tier = 'free'")
    user = db.execute("SELECT id FROM users").fetchone()[0]
    db.execute("INSERT INTO usage VALUES (?, '2026-11', 'publishes', 57)", (user,))
    ran = cli.run("bulk", "schedule", str(calendar), "--json", "--concurrency", "1")
    assert ran.code == 6, ran.err
    assert get_summary(ran) == {"created": 3, "pending": 5}
    assert [p[0][:10] for p in get_posts(client)] == ["2026-12-01", "2026-12-02", "2026-12-03"]
    db.execute("UPDATE usage SET used = 0 WHERE bucket = 'publishes'")
    db.execute("UPDATE users SET tier = 'elite'")
    again = cli.run("bulk", "schedule", str(calendar), "--json")
    assert (again.code, get_summary(again)) == (0, {"created": 5, "unchanged": 3})


def test_revoked_token_exits_4(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Transport.send

    def send_and_revoke(self: Transport, request: ApiRequest, **options: Any) -> Response:
        response = send(self, request, **options)
        if request.path == "/posts/schedule":
            with emulator.state.transaction() as db:
                db.execute("UPDATE tokens SET revoked_at = 1")
        return response

    monkeypatch.setattr(Transport, "send", send_and_revoke)
    ran = cli.run("bulk", "schedule", str(calendar), "--json", "--concurrency", "1")
    assert ran.code == 4
    assert get_summary(ran) == {"created": 1, "pending": 1}


def test_non_utf8_calendar_path_is_rejected(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "cal\udcff.csv"
    path.write_text("page,scheduled_at,message\ninstagram:acme,2026-12-24 18:00,Hi\n")
    for words in (["schedule"], ["status"], ["cancel", "--yes"], ["plan", "-o", "plan.json"]):
        ran = cli.run("bulk", words[0], str(path), *words[1:])
        assert (ran.code, ran.out) == (2, "")
        assert "rename the file" in ran.err


def test_unknown_home_directory_is_a_missing_file(cli: CommandLine) -> None:
    for words in (
        ["bulk", "schedule", "~nosuchuser/x.csv"],
        ["emulator", "status", "--state", "~nosuchuser/x"],
        ["posts", "schedule", "--page", "instagram:acme", "--at", "+3h", "--media", "~nosuchuser"],
    ):  # fmt: skip
        ran = cli.run(*words)
        assert ran.code in {1, 2}
        assert "bug in outreply" not in ran.err


def test_platform_rules_are_reported_until_the_row_is_scheduled(
    cli: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    text = "key,page,scheduled_at,message\na,instagram:acme,2026-12-24 18:00,Hi\n"
    path.write_text(text)
    words = ("bulk", "schedule", str(path))
    warning = "c.csv:2: media_files: Instagram requires an image or a video"
    assert warning in cli.run(*words, "--dry-run").err
    assert warning in cli.run(*words).err
    assert "Warning" not in cli.run(*words).err
    assert cli.run(*words, "--strict").code == 2
    path.write_text(text.replace("Hi", "Ho"))
    assert warning in cli.run(*words).err
