"""Rows of calendars whose text a program composes: each is one post with one text."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.test_bulk_schedule import get_report, get_summary, write_csv
from tests.command_line import CommandLine
from tests.commands.team_machines import make_machine
from tests.composers import Composer, composed_texts

AT = "2026-12-01 10:00"
ROWS = [
    {"page": "facebook:acme", "scheduled_at": AT, "message": "", "link": "https://example.com/a"},
    {"page": "instagram:acme", "scheduled_at": "2026-12-02 10:00", "message": "Written"},
    {"page": "facebook:acme", "scheduled_at": "2026-12-03 10:00", "message": "", "link": ""},
]


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "calendar.csv"
    write_csv(path, [{**row, "media_urls": ""} for row in ROWS[:1] + ROWS[2:]])
    return path


@pytest.fixture
def composer(tmp_path: Path) -> Composer:
    return Composer.make(tmp_path)


def lose_journal(cli: CommandLine) -> None:
    for path in (cli.home / "state").glob("journal.db*"):
        path.unlink()


def test_rerun_keeps_texts(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert ran.code == 0, ran.err
    assert get_summary(ran) == {"created": 2}
    assert "calendar.csv:2: facebook:acme:\n  Composed 1 for facebook\n" in ran.err
    expected = ["Composed 1 for facebook", "Composed 2 for facebook"]
    assert composed_texts(client) == expected
    for words in (composer.words, ()):
        again = cli.run("bulk", "schedule", str(calendar), *words, "--json")
        assert (again.code, get_summary(again)) == (0, {"unchanged": 2}), again.err
    assert len(composer.runs) == 2
    assert composed_texts(client) == expected
    assert "in sync" in cli.run("bulk", "status", str(calendar)).out


def test_document_for_the_program_has_page_rules_row_and_examples(
    cli: CommandLine, calendar: Path, composer: Composer
) -> None:
    calendar.write_text(
        "key,page,scheduled_at,message,link,Notes\n"
        f"launch,x:bluebird,{AT},,https://example.com/a,Mention the price\n"
    )
    words = ("--columns", "Notes=", "--examples", "2")
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, *words)
    assert ran.code == 0, ran.err
    (document,) = composer.documents
    assert (document["version"], document["task"], document["platform"]) == (1, "post", "twitter")
    assert document["page"]["username"] == "bluebird"
    assert document["rules"]["max_characters"] == 280
    assert document["scheduled_at"] == "2026-12-01T09:00:00Z"
    assert document["link"] == "https://example.com/a"
    assert document["brand"]["name"]
    assert document["row"]["Notes"] == "Mention the price"
    times = [post["published_at"] for post in document["examples"]]
    assert len(times) <= 2
    assert times == sorted(times, reverse=True)


def test_environment_has_no_secrets(cli: CommandLine, calendar: Path, composer: Composer) -> None:
    token = cli.environ["OUTREPLY_API_KEY"]
    secrets = {"OUTREPLY_WEBHOOK_SECRET": "whsec_secret", "OUTREPLY_TOKEN": token}
    assert cli.run("bulk", "schedule", str(calendar), *composer.words, env=secrets).code == 0
    for document, environ in composer.runs:
        assert token not in json.dumps([document, environ])
        assert "whsec_secret" not in json.dumps([document, environ])
        assert environ["PATH"]


def test_empty_message_without_composer_is_an_error(cli: CommandLine, calendar: Path) -> None:
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    assert "calendar.csv:2: message: a message or media is required" in ran.err


def test_check_says_what_will_be_composed(
    cli_logged_out: CommandLine, calendar: Path, composer: Composer
) -> None:
    assert cli_logged_out.run("bulk", "check", str(calendar)).code == 2
    ran = cli_logged_out.run("bulk", "check", str(calendar), "--compose-with", composer.command)
    assert ran.code == 0, ran.err
    assert "2 rows have no text; `bulk schedule --compose-with` composes them." in ran.err
    assert not composer.runs


def test_yes_is_required_before_the_program_runs(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    ran = cli.run("bulk", "schedule", str(calendar), "--compose-with", composer.command)
    assert ran.code == 2
    assert "Use --yes to confirm." in ran.err
    assert not composer.runs
    assert not composed_texts(client)


def test_errors_of_a_calendar_come_before_the_program(
    cli: CommandLine, calendar: Path, composer: Composer
) -> None:
    calendar.write_text(calendar.read_text() + "nowhere:else,2026-12-04 10:00,Text,,\n")
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 2
    assert not composer.runs


def test_failing_program_names_the_row(cli: CommandLine, calendar: Path, tmp_path: Path) -> None:
    broken = Composer.make(tmp_path, "import sys; sys.exit('no \\x1b[2J model\\nsecond')")
    ran = cli.run("bulk", "schedule", str(calendar), *broken.words)
    assert ran.code == 2
    assert "calendar.csv:2: message: --compose-with" in ran.err
    assert "exit code 1: no \\x1b[2J model / second" in ran.err


def test_composed_text_that_breaks_a_rule_is_rejected(
    cli: CommandLine, calendar: Path, tmp_path: Path
) -> None:
    calendar.write_text(f"page,scheduled_at,message\nx:bluebird,{AT},\n")
    long = Composer.make(tmp_path, "print('y' * 300)")
    ran = cli.run("bulk", "schedule", str(calendar), *long.words, "--strict")
    assert ran.code == 2
    assert "calendar.csv:2: message: " in ran.err


def test_journal_lost_holds_rows(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    before = composed_texts(client)
    lose_journal(cli)
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(ran) == {"unknown": 2}
    assert "outreply bulk reconcile" in ran.err
    # Without the program, too, and not one more text was composed.
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unknown": 2}
    assert (composed_texts(client), len(composer.runs)) == (before, 2)
    settled = cli.run("bulk", "reconcile", str(calendar), "--yes")
    assert settled.code == 0, settled.err
    again = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(again) == {"unchanged": 2}
    assert (composed_texts(client), len(composer.runs)) == (before, 2)


def test_journal_lost_after_publishing_holds_rows(
    cli: CommandLine, calendar: Path, composer: Composer, emulator: EmulatorServer
) -> None:
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    emulator.handle.request("advance", seconds=8 * 86_400)
    lose_journal(cli)
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert (ran.code, len(composer.runs)) == (3, 2), ran.err


def test_journal_put_back_holds_rows(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client, tmp_path: Path
) -> None:
    rows = calendar.read_text().splitlines(keepends=True)
    calendar.write_text("".join(rows[:2]))
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    shutil.copytree(cli.home / "state", tmp_path / "backup")
    calendar.write_text("".join(rows))
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    before = composed_texts(client)
    shutil.rmtree(cli.home / "state")
    shutil.copytree(tmp_path / "backup", cli.home / "state")
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(ran) == {"unchanged": 1, "unknown": 1}
    assert (composed_texts(client), len(composer.runs)) == (before, 2)


def test_row_settled_as_new_is_composed(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    # Another program's post at the time of a row.
    words = ("--page", "facebook:acme", "--at", AT, "-m", "Of another program")
    assert cli.run("posts", "schedule", *words).code == 0
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(ran) == {"created": 1, "unknown": 1}
    assert len(composer.runs) == 1
    paired = cli.run("bulk", "reconcile", str(calendar), "--yes", "--json")
    assert paired.code == 0, paired.err
    again = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(again) == {"unchanged": 2}
    assert len(composer.runs) == 1


def test_two_machines_make_one_post(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    other = make_machine(cli, "other")
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    before = composed_texts(client)
    ran = other.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(ran) == {"unknown": 2}
    assert composed_texts(client) == before


def test_other_text_of_a_row_has_the_same_idempotency_key(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    other = make_machine(cli, "other")
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    # Posts that lists do not show, as if they were late.
    for post in client.scheduled_posts().items:
        if str(post["message"]).startswith("Composed"):
            client.cancel(str(post["id"]))
    ran = other.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    codes = {row["error"]["code"] for row in get_report(ran)["rows"]}
    assert (codes, len(composer.runs)) == ({"IDEMPOTENCY_KEY_MISMATCH"}, 4)
    assert not composed_texts(client)


def test_team_has_one_text(
    cli: CommandLine, calendar: Path, composer: Composer, postgres_url: str
) -> None:
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    assert cli.run("store", "migrate").code == 0
    other = make_machine(cli, "other")
    planned = cli.run("bulk", "schedule", str(calendar), *composer.words, "--dry-run")
    assert planned.code == 0, planned.err
    ran = other.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"created": 2}, ran.err
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unchanged": 2}
    assert len(composer.runs) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_run_killed_before_sending_keeps_its_composed_texts(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    code = (
        "import os, signal, sys\n"
        "from outreply_cli.bulk.service import BulkService\n"
        "from outreply_cli.__main__ import main\n"
        "BulkService.claim_slots = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main()\n"
    )
    killer = Composer.make(calendar.parent, code, "killer.py")
    words = [sys.executable, str(killer.path), "bulk", "schedule", str(calendar), *composer.words]
    done = subprocess.run(words, env={**cli.environ, "PYTHONPATH": str(Path.cwd())}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not composed_texts(client)
    # The rows of the file have changed: it is not known as a calendar yet.
    calendar.write_text(calendar.read_text() + "x:bluebird,2026-12-04 10:00,Written,,\n")
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
    assert get_summary(ran) == {"created": 3}, ran.err
    assert composed_texts(client) == ["Composed 1 for facebook", "Composed 2 for facebook"]
    assert len(composer.runs) == 2


def test_moved_rows_keep_their_texts(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    before = composed_texts(client)
    for old, new in (("12-01 10:00", "12-01 11:00"), ("12-03 10:00", "12-01 10:00")):
        calendar.write_text(calendar.read_text().replace(old, new))
        ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--json")
        assert get_summary(ran) == {"changed": 1, "unchanged": 1}, ran.err
        assert composed_texts(client) == before
    assert len(composer.runs) == 2


def test_keyed_row_keeps_its_text_on_another_day(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    for day in (1, 2, 3):
        calendar.write_text(
            f"key,page,scheduled_at,message\nk,facebook:acme,2026-12-0{day} 9:00,\n"
        )
        assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    assert composed_texts(client) == ["Composed 1 for facebook"]


def test_written_message_replaces_the_composed_one(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    content = calendar.read_text().replace(f"{AT},,", f"{AT},Mine,")
    calendar.write_text(content)
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"changed": 1, "unchanged": 1}


@pytest.mark.parametrize(
    "content",
    [
        f"page,scheduled_at,message\nfacebook:acme,{AT},\n",
        f'\ufeffpage;message;scheduled_at\r\nfacebook:acme;"";{AT}\r\n',
        f"page,scheduled_at\nfacebook:acme,{AT}",
        f"# ours\nposts:\n  - page: facebook:acme  # ours\n    scheduled_at: {AT}\n",
        f"posts:\n- page: facebook:acme\n  message:\n  scheduled_at: {AT}\n",
        f'[{{"page": "facebook:acme",\n "scheduled_at": "{AT}", "message": ""}}]',
        f'[\n{{"page": "facebook:acme", "scheduled_at": "{AT}"}}]',
    ],
)
def test_write_back_adds_only_the_text_to_the_file(
    cli: CommandLine, tmp_path: Path, client: Client, content: str
) -> None:
    path = tmp_path / ("calendar.yaml" if "page:" in content else "calendar.csv")
    if content.startswith("["):
        path = tmp_path / "calendar.json"
    path.write_bytes(content.encode())
    text = 'A "quoted"; {{name}}, ünï\n\n- second \\ line\t#x: \u2028 end'
    composer = Composer.make(tmp_path, f"import sys; sys.stdout.buffer.write({text.encode()!r})")
    ran = cli.run("bulk", "schedule", str(path), *composer.words, "--write-back", "--json")
    assert ran.code == 0, ran.err
    assert f"Wrote 1 text into {path}." in ran.err
    (post,) = [p for p in client.scheduled_posts().items if "quoted" in str(p["message"])]
    assert post["message"] == text
    # Nothing else has changed: the file has the same characters in the same order, and others.
    written = iter(path.read_bytes().decode())
    assert all(character in written for character in content.replace(' ""', ""))
    # The text is in the file alone: nothing depends on the store.
    lose_journal(cli)
    again = cli.run("bulk", "schedule", str(path), "--json")
    assert get_summary(again) == {"unchanged": 1}, again.err


def test_terminal_asks_whether_to_use_and_to_write_the_texts(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client
) -> None:
    words = ("bulk", "schedule", str(calendar), "--compose-with", composer.command)
    child = cli.at_terminal(*words, columns=200)
    child.expect("Composing text 1 of 2")
    child.expect("calendar.csv:3: facebook:acme:\r\n  Composed 2 for facebook\r\n")
    child.expect("Use these 2 texts\\? ")
    child.sendline("n")
    child.expect("cancelled; nothing was changed")
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, composed_texts(client)) == (2, [])
    child = cli.at_terminal(*words, columns=200)
    child.expect("Use these 2 texts\\? ")
    child.sendline("y")
    child.expect("Write the texts into .*\\? Otherwise, the journal keeps them. ")
    child.sendline("y")
    child.expect("Done: 2 created")
    child.expect(pexpect.EOF)
    child.close()
    assert "Composed 4 for facebook" in calendar.read_text()


def test_formula_is_not_written_into_a_spreadsheet(
    cli: CommandLine, calendar: Path, tmp_path: Path
) -> None:
    before = calendar.read_text()
    composer = Composer.make(tmp_path, "print('=HYPERLINK(1)')")
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--write-back", "--json")
    assert get_summary(ran) == {"created": 2}
    assert calendar.read_text() == before


def test_rows_that_cannot_be_composed_are_rejected(
    cli: CommandLine, tmp_path: Path, composer: Composer
) -> None:
    path = tmp_path / "calendar.yaml"
    reason = "rows without a time and rows of a series are not composed"
    for row, problem in (
        ("page: facebook:acme", f"a message or media is required; {reason}"),
        (f"page: facebook:acme\n  scheduled_at: {AT}\n  repeat: daily until 2026-12-05",
         f"a message or media is required; {reason}"),
        (f"page: facebook:acme\n  message: {'x' * 5001}", "the limit is 5,000; shorten it\n"),
        ("page: facebook:acme\n  scheduled_at: tomorrow 09:00", "relative to the day of the run"),
    ):  # fmt: skip
        path.write_text(f"- {row}\n")
        ran = cli.run("bulk", "schedule", str(path), *composer.words)
        assert (ran.code, problem in ran.err) == (2, True), ran.err
    assert not composer.runs


def test_spread_does_not_move_composed_rows(
    cli: CommandLine, calendar: Path, composer: Composer
) -> None:
    # A lost post is looked for at the time in the file.
    calendar.write_text(calendar.read_text().replace("2026-12-03 10:00", "2026-12-01 10:00:30"))
    ran = cli.run("bulk", "schedule", str(calendar), *composer.words, "--spread")
    assert (ran.code, composer.runs) == (2, [])
    assert "60 s apart" in ran.err


def test_row_on_two_platforms_gets_a_text_for_each(
    cli: CommandLine, tmp_path: Path, composer: Composer, client: Client
) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(f"- page: [facebook:acme, x:bluebird]\n  scheduled_at: {AT}\n")
    ran = cli.run("bulk", "schedule", str(path), *composer.words, "--write-back")
    assert ran.code == 0, ran.err
    assert composed_texts(client) == ["Composed 1 for facebook", "Composed 2 for twitter"]
    assert "the journal keeps them" in ran.err


def test_apply_sends_the_texts_that_plan_composed(
    cli: CommandLine, calendar: Path, composer: Composer, client: Client, tmp_path: Path
) -> None:
    plan = str(tmp_path / "launch.plan")
    ran = cli.run("bulk", "plan", str(calendar), "-o", plan, *composer.words)
    assert ran.code == 0, ran.err
    assert not composed_texts(client)
    applied = cli.run("bulk", "apply", plan)
    assert applied.code == 0, applied.err
    assert composed_texts(client) == ["Composed 1 for facebook", "Composed 2 for facebook"]
    assert len(composer.runs) == 2


def test_store_copy_has_the_texts(
    cli: CommandLine, calendar: Path, composer: Composer, tmp_path: Path
) -> None:
    assert cli.run("bulk", "schedule", str(calendar), *composer.words).code == 0
    copy = tmp_path / "copy.jsonl"
    copy.write_text(cli.run("store", "export").out)
    lose_journal(cli)
    assert cli.run("store", "restore", str(copy)).code == 0
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"unchanged": 2}, ran.err
    assert get_report(ran)["rows"][0]["status"] == "done"
