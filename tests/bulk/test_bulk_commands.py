"""`bulk plan|apply|status|cancel|export`, `--spread`, guarded cancels and annotations."""

import json
import sqlite3
from pathlib import Path

import pytest
import yaml

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.locks import calendar_lock
from tests.bulk.test_bulk_schedule import (
    bare,
    posts_now,
    report_of,
    row,
    summary_of,
    write_csv,
    writes,
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


def test_a_plan_can_be_read_and_is_carried_out_exactly(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    path = plan(cli, calendar)
    assert writes(emulator) == 0
    saved = yaml.safe_load(path.read_text())
    assert [(s["action"], s["line"], s["message"]) for s in saved["steps"]] == [
        ("create", 2, "One"),
        ("create", 3, "Two"),
    ]
    ran = cli.run("bulk", "apply", str(path), "--json")
    assert (ran.code, summary_of(ran)) == (0, {"created": 2})
    assert len(posts_now(client)) == 2
    drifted = cli.run("bulk", "apply", str(path))
    assert drifted.code == 2
    assert "line 2: action was 'create' and is 'keep'" in drifted.err


def test_a_plan_in_a_pipe_is_cut_nowhere(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    write_csv(path, [row("a", "2026-12-01 09:00", "A word and another, " * 10 + "and the last")])
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert "and the last\n" in ran.out


def test_apply_refuses_when_the_file_or_the_account_or_the_clock_moved_on(
    cli: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    path = plan(cli, calendar)
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("b", "2026-12-02 09:00", "2")])
    edited = cli.run("bulk", "apply", str(path))
    assert edited.code == 2
    assert "was edited" in edited.err
    assert "line 3: message was 'Two' and is '2'" in edited.err
    path = plan(cli, calendar)
    (page,) = client.pages(platform="instagram").items
    there = {"page_id": page["id"], "message": "x", "scheduled_at": "2026-12-01T08:00:20Z"}
    post = client.schedule(there)
    assert cli.run("bulk", "apply", str(path)).code == 2
    client.cancel(post["id"])
    emulator_clock.advance(8 * 86_400)
    late = cli.run("bulk", "apply", str(path))
    assert late.code == 2
    assert "in the past" in late.err
    assert posts_now(client) == []


@pytest.mark.parametrize(
    "text", ["", "version: 1", "version: 2\ncalendar: x", "[1, 2]", "\x00", "a: b: c"]
)
def test_what_is_no_plan_is_refused(cli: CommandLine, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.plan"
    path.write_text(text)
    ran = cli.run("bulk", "apply", str(path))
    assert ran.code == 2
    assert "Traceback" not in ran.err
    # A name is told as it is written.
    assert "plan nowhere can't be read" in cli.run("bulk", "apply", "nowhere").err


def test_status_finds_drift(cli: CommandLine, calendar: Path, client: Client) -> None:
    states = json.loads(cli.run("bulk", "status", str(calendar), "--json").out)
    assert [s["state"] for s in states] == ["new", "new"]
    cli.run("bulk", "schedule", str(calendar))
    states = json.loads(cli.run("bulk", "status", str(calendar), "--json").out)
    assert [s["state"] for s in states] == ["in step", "in step"]
    client.cancel(states[0]["id"])
    write_csv(calendar, [row("a", "2026-12-01 09:00", "One"), row("c", "2026-12-03 09:00", "New")])
    states = json.loads(cli.run("bulk", "status", str(calendar), "--json").out)
    assert [(s["line"], s["state"]) for s in states] == [
        (2, "cancelled elsewhere"),
        (3, "new"),
        (None, "has no row"),
    ]


def test_cancel_takes_back_what_a_calendar_scheduled(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    cli.run("bulk", "schedule", str(calendar))
    (page,) = client.pages(platform="facebook").items
    other = {"page_id": page["id"], "message": "Other", "scheduled_at": "2026-12-09T08:00:00Z"}
    client.schedule(other)
    assert cli.run("bulk", "cancel", str(calendar)).code == 2, "it asks first"
    ran = cli.run("bulk", "cancel", str(calendar), "--yes", "--json")
    assert (ran.code, summary_of(ran)) == (0, {"cancelled": 2})
    assert [message for _, message in posts_now(client)] == ["Other"]
    undo = ran.err.split("bulk schedule '")[1].split("'")[0]
    assert summary_of(cli.run("bulk", "schedule", undo, "--json")) == {"created": 2}
    assert [m for _, m in posts_now(client)] == ["One", "Two", "Other"]
    assert cli.run("bulk", "cancel", str(calendar), "--yes").code == 0


def test_an_export_is_recognised_as_unchanged_and_can_be_edited(
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
    before = writes(emulator)
    ran = cli.run("bulk", "schedule", str(exported), "--json")
    assert (ran.code, summary_of(ran)) == (0, {"unchanged": 3}), ran.err
    assert writes(emulator) == before
    exported.write_text(exported.read_text().replace('of ""it""', "of THEM"))
    assert summary_of(cli.run("bulk", "schedule", str(exported), "--json")) == {
        "changed": 1,
        "unchanged": 2,
    }
    post = next(p for p in client.scheduled_posts().items if "THEM" in p["message"])
    whole = client.scheduled_post(post["id"])
    assert (whole["first_comment"], whole["media"][0]["src"]) == (
        "First",
        "https://cdn.example.com/a.jpg",
    )


def test_spread_moves_what_collides_and_a_second_run_sends_nothing(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    write_csv(calendar, [bare(f"2026-12-01 09:00:{n}0", f"Row {n}") for n in range(4)])
    assert cli.run("bulk", "schedule", str(calendar)).code == 2
    shown = cli.run("bulk", "schedule", str(calendar), "--spread", "--dry-run")
    assert "spread: 50s later than 08:00Z" in shown.out
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--json")
    assert summary_of(ran) == {"created": 4}, ran.err
    assert [r["scheduled_at"][11:19] for r in report_of(ran)["rows"]] == [
        "08:00:00", "08:01:00", "08:02:00", "08:03:00",
    ]  # fmt: skip
    before = writes(emulator)
    assert summary_of(cli.run("bulk", "schedule", str(calendar), "--spread", "--json")) == {
        "unchanged": 4
    }
    assert writes(emulator) == before


@pytest.mark.parametrize(
    "rows", [["2026-12-01 09:00"], ["2026-12-01 09:00:00", "2026-12-01 09:00:10"]]
)
def test_spread_without_a_journal_posts_nothing_twice(
    cli: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer, rows: list[str]
) -> None:
    write_csv(calendar, [bare(at, f"Row {n}") for n, at in enumerate(rows)])
    assert cli.run("bulk", "schedule", str(calendar), "--spread").code == 0
    (cli.home / "state" / "journal.db").unlink()
    before = writes(emulator)
    for more in ([], ["--spread"]):
        refused = cli.run("bulk", "schedule", str(calendar), *more)
        assert refused.code == 2, refused.out
        assert "take it over with --adopt" in refused.err
    shown = cli.run("bulk", "schedule", str(calendar), "--spread", "--adopt", "--dry-run", "--json")
    assert summary_of(shown) == {"unchanged": len(rows)}
    for more in (["--adopt"], []):
        ran = cli.run("bulk", "schedule", str(calendar), "--spread", *more, "--json")
        assert summary_of(ran) == {"unchanged": len(rows)}, ran.err
    assert writes(emulator) == before
    assert len(posts_now(client)) == len(rows)


def test_a_text_that_comes_daily_is_taken_for_no_other_days_post(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    days = [f"2026-12-0{day} 09:00" for day in (1, 2, 3)]
    write_csv(calendar, [bare(at, "Good morning") for at in days[:2]])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    write_csv(calendar, [bare(at, "Good morning") for at in days])
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--json")
    assert summary_of(ran) == {"created": 1, "unchanged": 2}, ran.err
    (cli.home / "state" / "journal.db").unlink()
    ran = cli.run("bulk", "schedule", str(calendar), "--spread", "--adopt", "--json")
    assert summary_of(ran) == {"unchanged": 3}, ran.err


def test_a_post_that_stands_already_is_told_once_and_not_as_a_collision(
    cli: CommandLine, calendar: Path
) -> None:
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    (cli.home / "state" / "journal.db").unlink()
    refused = cli.run("bulk", "schedule", str(calendar))
    assert refused.code == 2
    assert "2 problems in" in refused.err
    assert "--spread" not in refused.err


def test_many_cancels_are_asked_for(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row(f"k{n}", f"2026-12-{n:02} 09:00", f"R{n}") for n in range(1, 13)])
    cli.run("bulk", "schedule", str(calendar))
    write_csv(calendar, [row("k1", "2026-12-01 09:00", "R1")])
    ran = cli.run("bulk", "schedule", str(calendar), "--prune")
    assert ran.code == 2
    assert "--max-cancel 11" in ran.err
    assert len(posts_now(client)) == 12
    assert cli.run("bulk", "schedule", str(calendar), "--prune", "--max-cancel", "11").code == 0
    assert len(posts_now(client)) == 1


def test_github_actions_gets_annotations_and_a_summary(
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
    assert "line=2,title=outreply::scheduled_at: 'never' is not a time" in ran.err


def test_annotations_are_found_from_the_repository_s_root_also_without_a_token(
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
            "\n::error file=social/launch.csv,line=3,title=outreply::key: 'a' is" in f"\n{ran.err}"
        )
    write_csv(calendar, [row("a", "+3d", "One")])
    ran = cli.run("bulk", "schedule", "launch.csv", env=env)
    assert ran.code == 0
    assert (
        "\n::warning file=social/launch.csv,line=2,title=outreply::scheduled_at: '+3d'" in ran.err
    )


def test_a_busy_calendar_is_refused_with_the_pid_that_holds_it(
    cli: CommandLine, calendar: Path, client: Client
) -> None:

    state = Path(cli.environ["OUTREPLY_STATE_DIR"])
    with calendar_lock(state, account_fingerprint(client), str(calendar), wait=0):
        ran = cli.run("bulk", "schedule", str(calendar), "--wait-lock", "0s")
        assert ran.code == 1
        assert "(pid " in ran.err
        dry = cli.run("bulk", "schedule", str(calendar), "--dry-run")
        assert dry.code == 0
    assert cli.run("bulk", "schedule", str(calendar)).code == 0


@pytest.mark.parametrize("damage", ["damaged", "newer", "read-only directory", "no database"])
def test_a_journal_that_can_not_be_used_stops_the_run_before_anything_is_sent(
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
        journal.write_text("this is a text file that somebody put here by mistake\n" * 100)
    else:
        journal.mkdir()
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 1
    assert "journal.db" in ran.err
    assert "Traceback" not in ran.err
    assert writes(emulator) == 0


def test_quota_used_up_in_the_middle_leaves_the_rest_planned(
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
    assert summary_of(ran) == {"created": 3, "pending": 5}
    assert [p[0][:10] for p in posts_now(client)] == ["2026-12-01", "2026-12-02", "2026-12-03"]
    db.execute("UPDATE usage SET used = 0 WHERE bucket = 'publishes'")
    db.execute("UPDATE users SET tier = 'elite'")
    again = cli.run("bulk", "schedule", str(calendar), "--json")
    assert (again.code, summary_of(again)) == (0, {"created": 5, "unchanged": 3})


def test_a_token_revoked_in_the_middle_is_4(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    emulator.state.connection.execute(
        "CREATE TRIGGER revoke AFTER INSERT ON posts BEGIN UPDATE tokens SET revoked_at = 1; END"
    )
    ran = cli.run("bulk", "schedule", str(calendar), "--json", "--concurrency", "1")
    assert ran.code == 4
    assert summary_of(ran) == {"created": 1, "pending": 1}


def test_a_calendar_whose_name_is_no_text_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "cal\udcff.csv"
    path.write_text("page,scheduled_at,message\ninstagram:acme,2026-12-24 18:00,Hi\n")
    for words in (["schedule"], ["status"], ["cancel", "--yes"], ["plan", "-o", "plan.json"]):
        ran = cli.run("bulk", words[0], str(path), *words[1:])
        assert (ran.code, ran.out) == (2, "")
        assert "rename it" in ran.err


def test_a_home_that_nobody_has_is_a_file_that_is_not_there(cli: CommandLine) -> None:
    for words in (
        ["bulk", "schedule", "~nosuchuser/x.csv"],
        ["emulator", "status", "--state", "~nosuchuser/x"],
        ["posts", "schedule", "--page", "instagram:acme", "--at", "+3h", "--media", "~nosuchuser"],
    ):  # fmt: skip
        ran = cli.run(*words)
        assert ran.code in {1, 2}
        assert "fault of outreply" not in ran.err
