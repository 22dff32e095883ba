"""`outreply store`, with the journal of a machine and with that of a team."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.commands.team_machines import CALENDAR, log, make_machine


@pytest.fixture(params=["machine", "team"])
def cli(cli: CommandLine, request: pytest.FixtureRequest) -> CommandLine:
    if request.param == "team":
        cli.environ["OUTREPLY_STORE_URL"] = request.getfixturevalue("postgres_url")
        assert cli.run("store", "migrate").code == 0
    return cli


def test_log_shows_what_was_done(cli: CommandLine, calendar: Path) -> None:
    assert log(cli) == []
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    cli.clock.advance(60)
    calendar.write_text(CALENDAR.replace("Second", "Second text"))
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    cli.clock.advance(60)
    edited_at = cli.clock.now()
    cli.clock.advance(60)
    assert cli.run("bulk", "cancel", str(calendar), "--yes").code == 0
    events = log(cli)
    assert sorted(event["action"] for event in events) == [
        "cancelled", "cancelled", "cancelled", "changed", "scheduled", "scheduled",
    ]  # fmt: skip
    assert [event["at"] for event in events] == sorted(
        (event["at"] for event in events), reverse=True
    )
    assert {event["command"] for event in events} == {"bulk schedule", "bulk cancel"}
    assert all(event["host"] and event["user"] for event in events)
    (changed,) = (event for event in events if event["action"] == "changed")
    assert (changed["message"], changed["row"].partition("@")[0]) == ("Second text", "key:b")
    assert {event["action"] for event in log(cli, "--since", edited_at.isoformat())} == {
        "cancelled"
    }
    assert len(log(cli, "--limit", "2")) == 2
    assert len(log(cli, "--page", "facebook:acme")) == 6
    assert log(cli, "--page", "instagram:acme") == []
    text = cli.run("store", "log", "--limit", "1")
    assert "Only the newest 1 events are shown" in text.err
    assert "First 50% off" in cli.run("store", "log").out


def test_log_names_the_command_of_a_single_post(cli: CommandLine, emulator: EmulatorServer) -> None:
    words = ("--page", "facebook:acme", "-m", "Hi")
    assert cli.run("posts", "publish", *words, "--key", "now", "--yes").code == 0
    emulator.state.connection.execute("UPDATE pages SET expired = 1")
    cli.run("pages", "list")
    late = ("posts", "schedule", *words, "--at", "2026-12-01 10:00", "--key", "later")
    assert cli.run(*late).code != 0
    actions = {event["action"]: event for event in log(cli)}
    assert actions["published"]["command"] == "posts publish"


def test_backup_restores_posts_and_slots_on_another_machine(
    cli: CommandLine, calendar: Path, tmp_path: Path
) -> None:
    cli.run("bulk", "schedule", str(calendar))
    cli.run("slots", "set", "facebook:acme", "mon 09:00", "--tz", "UTC")
    backup = tmp_path / "backup.jsonl"
    exported = cli.run("store", "export", "--file", str(backup), "--json")
    assert json.loads(exported.out) == {"file": str(backup), "posts": 2}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert cli.environ["OUTREPLY_API_KEY"] not in backup.read_text()
    # On another machine, with a separate journal.
    other = make_machine(cli, "other")
    other.environ.pop("OUTREPLY_STORE_URL", None)
    result = other.run("store", "restore", str(backup), "--json")
    counts = {"added": 2, "present": 0, "different": 0}
    assert json.loads(result.out) == {"file": str(backup), **counts}
    again = other.run("store", "restore", "-", stdin=backup.read_text())
    assert again.err == "Added 0 posts; 2 were in the store already.\n"
    # What was sent since is not in the backup.
    known = backup.read_text().replace('"knows_all": 1', '"knows_all": 0')
    assert other.run("store", "export").out == known
    assert other.run("bulk", "schedule", str(calendar)).err.endswith("Done: 2 unchanged.\n")
    assert "mon 09:00" in other.run("slots", "list").out


@pytest.mark.parametrize("mode", [0o1777, 0o770, 0o755])
def test_backup_in_a_shared_directory_is_private(
    cli: CommandLine, tmp_path: Path, mode: int
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    backup = shared / "backup.jsonl"
    for _ in range(2):
        assert cli.run("store", "export", "--file", str(backup)).code == 0
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in shared.iterdir()] == ["backup.jsonl"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("plan.csv", "exists and is not a backup"),
        ("missing/backup.jsonl", "its directory does not exist"),
        (".", "the path is a directory"),
    ],
)
def test_backup_replaces_no_other_file(
    cli: CommandLine, calendar: Path, name: str, reason: str
) -> None:
    path = calendar.parent / name
    result = cli.run("store", "export", "--file", str(path))
    assert result.code == 2
    assert reason in result.err
    assert calendar.read_text() == CALENDAR


def test_restored_backup_keeps_what_was_done_since(
    cli: CommandLine, calendar: Path, tmp_path: Path
) -> None:
    cli.run("bulk", "schedule", str(calendar))
    backup = tmp_path / "backup.jsonl"
    cli.run("store", "export", "--file", str(backup))
    cli.run("bulk", "cancel", str(calendar), "--yes")
    result = cli.run("store", "restore", str(backup))
    assert result.err.count("the store has this post in another state, and keeps that state") == 2
    # The posts stay cancelled.
    assert cli.run("bulk", "schedule", str(calendar), "--dry-run").out.startswith(
        f"{calendar}: 2 to create\n"
    )


@pytest.mark.parametrize(
    ("change", "location"),
    [
        (lambda lines: lines[1:], "1: the line is not the start of a store backup"),
        (lambda lines: [lines[0].replace("1", "2"), *lines[1:]], "1: the line is from another"),
        (lambda lines: [*lines, "{}"], "5: the line is not a row"),
        (lambda lines: [*lines, '{"table": "users", "row": {}}'], "5: the line is not a row"),
        (lambda lines: [*lines[:-1], lines[-1][:-3]], "4: the line is not a row"),
        (lambda lines: [lines[0], lines[1].replace('"path"', '"name"')], "2: the line does not"),
        (lambda lines: [lines[0], lines[2].replace('"body": "', '"body": 5, "x": "')], "2: the"),
        (lambda lines: [lines[0], lines[2].replace('"generation": 1', '"generation": "1"')],
         "2: the line has an invalid generation"),
        (lambda lines: [lines[0], lines[2].replace('"planned"', '"x"').replace('"done"', '"x"')],
         "2: the line is not a row"),
        (lambda lines: [lines[0], lines[2].replace('"generation": 1', '"generation": 1e300')],
         "2: the line has an invalid generation"),
        (lambda lines: [lines[0], lines[2].replace('"row": "key', '"row": "\\u0000')],
         "2: the line has an invalid row"),
        (lambda lines: [lines[0], lines[3]], " is not complete"),
        (lambda _: [], " is empty"),
    ],
)  # fmt: skip
def test_damaged_backup_changes_nothing(
    cli: CommandLine,
    calendar: Path,
    tmp_path: Path,
    change: Callable[[list[str]], list[str]],
    location: str,
) -> None:
    calendar.write_text("\n".join(CALENDAR.splitlines()[:2]))
    cli.run("bulk", "schedule", str(calendar))
    lines = cli.run("store", "export").out.splitlines()[:4]
    backup = tmp_path / "backup.jsonl"
    backup.write_text("".join(f"{line}\n" for line in change(lines)))
    other = make_machine(cli, "other")
    other.environ.pop("OUTREPLY_STORE_URL", None)
    result = other.run("store", "restore", str(backup))
    assert result.code == 2
    assert f"{backup}{':' if location[0].isdigit() else ''}{location}" in result.err
    assert len(other.run("store", "export").out.splitlines()) == 1


def test_status_without_open_requests_says_so(cli: CommandLine) -> None:
    result = cli.run("store", "status")
    assert result.err == "The journal has no request with an unknown outcome.\n"


def test_team_commands_without_a_store_url_are_rejected(cli: CommandLine) -> None:
    cli.environ.pop("OUTREPLY_STORE_URL", None)
    for command in ("migrate", "move"):
        result = cli.run("store", command)
        assert result.code == 2
        assert "OUTREPLY_STORE_URL" in result.err
