"""Machines that share a team's store."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from tests.command_line import CommandLine
from tests.commands.team_machines import CALENDAR, log, make_machine
from tests.postgres import open_migrated, run_sql

SECRET_URL = "postgresql://me:hunter2222@127.0.0.1:1/team"


@pytest.fixture
def team(cli: CommandLine, emulator: EmulatorServer, postgres_url: str) -> CommandLine:
    # The rate limit is counted by the database's clock, which does not wait with the test's.
    emulator.state.connection.execute("UPDATE users SET tier = 'elite'")
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    assert cli.run("store", "migrate").code == 0
    return cli


def test_machines_share_calendars_uploads_and_slots(
    team: CommandLine, client: Client, calendar: Path
) -> None:
    other = make_machine(team, "other")
    before = len(client.scheduled_posts().items)
    assert team.run("bulk", "schedule", str(calendar)).err.endswith("Done: 2 created.\n")
    assert other.run("bulk", "schedule", str(calendar)).err.endswith("Done: 2 unchanged.\n")
    calendar.write_text(CALENDAR.replace("Second", "Second text"))
    changed = other.run("bulk", "schedule", str(calendar))
    assert changed.err.endswith("Done: 1 changed, 1 unchanged.\n")
    assert team.run("bulk", "schedule", str(calendar)).err.endswith("Done: 2 unchanged.\n")
    assert len(client.scheduled_posts().items) == before + 2
    team.run("slots", "set", "facebook:acme", "mon 09:00; tue 09:00", "--tz", "UTC")
    taken = set()
    for machine in (team, other, team):
        words = ("--page", "facebook:acme", "-m", "Slot", "--at", "next-slot", "--json")
        result = machine.run("posts", "schedule", *words)
        assert result.code == 0, result.err
        taken.add(json.loads(result.out)[0]["scheduled_at"])
    assert len(taken) == 3
    keyed = ("posts", "schedule", "--page", "facebook:acme", "-m", "Once", "--key", "k",
             "--at", "2026-12-20 10:00")  # fmt: skip
    assert team.run(*keyed).code == 0
    assert "already exists; nothing was sent" in other.run(*keyed).err
    assert not (other.home / "state" / "journal.db").exists()


def test_machines_share_comments_and_replies(team: CommandLine) -> None:
    other = make_machine(team, "other")
    (comment_id, *_) = team.run("comments", "inbox", "--all", "--days", "30", "-q").out.split()
    words = ("comments", "reply", comment_id, "-m", "Come by on Friday!", "--json")
    first, second = team.run(*words), other.run(*words)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert json.loads(first.out)["id"] == json.loads(second.out)["id"]
    # Comments that one machine has seen are not new on another one.
    assert "0 new comments" in other.run("comments", "inbox", "--days", "30").err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("bulk", "schedule", "{calendar}", "--name", "Spring"),
         "or wait longer with --wait-lock 10m"),
        (("posts", "reschedule", "{post}", "--at", "2026-12-09 10:00"),
         "then run the command again"),
        (("posts", "publish", "--page", "facebook:acme", "-m", "Hi", "--key", "k", "--yes"),
         "then run the command again"),
    ],
)  # fmt: skip
def test_command_on_a_locked_calendar_is_refused_with_advice(
    team: CommandLine, client: Client, calendar: Path, words: tuple[str, ...], hint: str
) -> None:
    ran = team.run("bulk", "schedule", str(calendar), "--name", "Spring", "--json")
    post_id = json.loads(ran.out)["rows"][0]["id"]
    before = str(client.scheduled_posts().items)
    journal = open_migrated(team.environ["OUTREPLY_STORE_URL"])
    held = "posts --key k" if "--key" in words else "name:Spring"
    with closing(journal), journal.lock(account_fingerprint(client), held, wait=0):
        values = {"calendar": calendar, "post": post_id}
        busy = team.run(*(word.format(**values) for word in words))
    assert busy.code == 1, busy.err
    assert f"Wait until it has finished, {hint}." in busy.err
    assert str(client.scheduled_posts().items) == before


def test_moved_journal_keeps_its_posts(team: CommandLine, client: Client, calendar: Path) -> None:
    old = make_machine(team, "old")
    url = old.environ.pop("OUTREPLY_STORE_URL")
    old.run("bulk", "schedule", str(calendar))
    posts = {str(post["id"]) for post in client.scheduled_posts().items}
    old.environ["OUTREPLY_STORE_URL"] = url
    first = old.run("store", "move", "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out) | {"store": ""} == {
        "store": "", "added": 2, "present": 0, "different": 0,
    }  # fmt: skip
    assert json.loads(old.run("store", "move", "--json").out)["present"] == 2
    assert len(log(team)) == 2
    assert team.run("bulk", "schedule", str(calendar)).err.endswith("Done: 2 unchanged.\n")
    assert {str(post["id"]) for post in client.scheduled_posts().items} == posts


def test_moved_reply_is_not_sent_again(team: CommandLine) -> None:
    old = make_machine(team, "old")
    url = old.environ.pop("OUTREPLY_STORE_URL")
    (comment_id, *_) = old.run("comments", "inbox", "--all", "--days", "30", "-q").out.split()
    words = ("comments", "reply", comment_id, "-m", "Come by on Friday!", "--json")
    first = json.loads(old.run(*words).out)
    # The server has forgotten the key.
    old.clock.advance(2 * 86_400)
    old.environ["OUTREPLY_STORE_URL"] = url
    assert old.run("store", "move").code == 0
    assert json.loads(old.run(*words).out)["id"] == first["id"]


def test_move_may_take_longer_than_a_statement(team: CommandLine, calendar: Path) -> None:
    old = make_machine(team, "old")
    url = old.environ.pop("OUTREPLY_STORE_URL")
    for words in (
        ("bulk", "schedule", str(calendar)),
        ("comments", "inbox"),
        ("analytics", "collect"),
    ):
        assert old.run(*words).code == 0
    run_sql(
        url,
        "CREATE FUNCTION refuse_limit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF current_setting('statement_timeout') <> '0' THEN RAISE 'limited'; END IF; "
        "RETURN NEW; END $$",
    )
    tables = ("outreply.entries", "outreply.comments", "outreply.analytics_pages")
    for table in tables:
        trigger = f"CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION"
        run_sql(url, f"{trigger} refuse_limit()")
    old.environ["OUTREPLY_STORE_URL"] = url
    moved = old.run("store", "move")
    assert moved.code == 0, moved.err
    for table in tables:
        assert run_sql(url, f"SELECT count(*) FROM {table}")[0][0] > 0  # noqa: S608


def test_move_without_a_journal_is_rejected(team: CommandLine) -> None:
    result = team.run("store", "move")
    assert result.code == 2
    assert "this machine has no journal" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ("bulk", "schedule", "{calendar}"),
        ("posts", "schedule", "--page", "facebook:acme", "-m", "Hi", "--at", "2026-12-20 10:00",
         "--key", "k"),
        ("posts", "publish", "--page", "facebook:acme", "-m", "Hi", "--key", "k", "--yes"),
        ("posts", "schedule", "--page", "facebook:acme", "-m", "Hi", "--at", "next-slot"),
        ("store", "log"), ("store", "export"), ("store", "status"), ("store", "migrate"),
    ],
)  # fmt: skip
def test_nothing_is_sent_without_the_database(
    cli: CommandLine, client: Client, calendar: Path, words: tuple[str, ...]
) -> None:
    cli.environ["OUTREPLY_STORE_URL"] = SECRET_URL
    before = len(client.scheduled_posts().items), len(client.published_posts().items)
    result = cli.run(*(word.replace("{calendar}", str(calendar)) for word in words))
    assert result.code == 1
    assert "The store 127.0.0.1:1/team cannot be used: " in result.err
    assert "hunter2222" not in result.err
    assert before == (len(client.scheduled_posts().items), len(client.published_posts().items))


def test_reading_commands_need_no_database(cli: CommandLine) -> None:
    cli.environ["OUTREPLY_STORE_URL"] = SECRET_URL
    assert cli.run("pages", "list").code == 0
    assert cli.run("posts", "list").code == 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [("mysql://me:hunter2222@db/x", "does not start with postgresql://"),
     ("postgresql://me:hunter2222@[db/x", "the store URL is invalid"),
     ("postgresql://me:hunter2222\udcff@db/x", "OUTREPLY_STORE_URL is not valid UTF-8")],
)  # fmt: skip
def test_invalid_url_is_rejected_without_showing_its_password(
    cli: CommandLine, url: str, reason: str
) -> None:
    cli.environ["OUTREPLY_STORE_URL"] = url
    result = cli.run("store", "status")
    assert result.code == 2
    assert reason.lower() in result.err.lower()
    assert "hunter2222" not in result.err


def test_missing_extra_is_an_error_that_names_it(cli: CommandLine) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None; "
        "from outreply_cli.__main__ import run; sys.argv = ['outreply', 'pages', 'list']; "
        "sys.exit(run())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60,
        env={**cli.environ, "OUTREPLY_STORE_URL": SECRET_URL},
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'outreply-cli[postgres]'" in done.stderr


def test_store_url_is_read_from_the_profile(
    cli: CommandLine, postgres_url: str, calendar: Path
) -> None:
    config = cli.home / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'current = "work"\n[profiles.work]\nstore_url = "{postgres_url}"\n')
    config.chmod(0o600)
    assert "is not set up" in cli.run("bulk", "schedule", str(calendar)).err
    assert cli.run("store", "migrate").code == 0
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    assert len(log(cli)) == 2
    # A variable overrides the profile, unless it is named.
    other = {"OUTREPLY_STORE_URL": SECRET_URL}
    assert "cannot be used" in cli.run("store", "log", env=other).err
    assert cli.run("store", "log", "--profile", "work", "--json", env=other).code == 0


@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize("is_stored", [False, True])
def test_password_of_the_store_is_hidden(cli: CommandLine, is_stored: bool, query: bool) -> None:
    url = "postgresql://me@127.0.0.1:1/team?password=hunter2222" if query else SECRET_URL
    if is_stored:
        config = cli.home / "config" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'current = "work"\n[profiles.work]\nstore_url = "{url}"\n')
        config.chmod(0o600)
    else:
        cli.environ["OUTREPLY_STORE_URL"] = url
    result = cli.run("posts", "list", "--page", "hunter2222")
    assert result.code == 5
    assert "(hidden)" in result.err
    assert "hunter2222" not in result.err


def test_login_keeps_the_store_of_a_profile(cli: CommandLine) -> None:
    config = cli.home / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[profiles.work]\nstore_url = "postgresql://db/team"\n')
    config.chmod(0o600)
    words = ("auth", "login", "--profile", "work", "--with-token", "--insecure-storage")
    assert cli.run(*words, stdin=cli.environ["OUTREPLY_API_KEY"]).code == 0
    assert 'store_url = "postgresql://db/team"' in config.read_text()


def test_doctor_checks_the_store(team: CommandLine) -> None:
    def check() -> dict[str, str]:
        checks = json.loads(team.run("doctor", "--json").out)
        return next(item for item in checks if item["check"] == "store")

    team.clock.current = datetime.now(UTC)
    found = check()
    assert (found["status"], "PostgreSQL 1" in found["detail"]) == ("ok", True), found
    team.environ["OUTREPLY_STORE_URL"] = SECRET_URL
    failed = check()
    assert failed["status"] == "failure"
    assert "hunter2222" not in json.dumps(failed)
