"""Untrusted text in the output of every command: no control or invisible characters."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from outreply_cli.app import main
from outreply_cli.context import Context
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.formats.csv import escape_formula, unescape_formula
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DeliveryStore
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png
from tests.scripted_server import ScriptedServer, response

HOSTILE = (
    "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x1b]8;;http://evil\x07link\x1b]8;;\x07\x1bP+q\x1b\\ [red]m[/] "
    "\u202egnitirw\u202c \u200b\u2066x\u2069 \x9b31m\x85\x7f\x08 \u2028\ufeff\u00ad ::error::x"
)
FORMATS = ("table", "json", "jsonl", "yaml", "csv", "tsv")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(cli: CommandLine, *words: str, env: dict[str, str] | None = None) -> Result:
    out, err = Terminal(), io.StringIO()
    environ = {**cli.environ, "NO_COLOR": "1", "COLUMNS": "200", **(env or {})}
    context = Context(environ=environ, stdin=io.StringIO(), stdout=out, stderr=err, clock=cli.clock)
    return Result(main(words, context), out.getvalue(), err.getvalue())


def control_characters(text: str) -> set[str]:
    return {
        character
        for character in text
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character not in "\n\t"
    }


@pytest.fixture
def hostile_account(cli: CommandLine, emulator: EmulatorServer, tmp_path: Path) -> CommandLine:
    """An account in which every text is hostile."""
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    assert cli.run("media", "upload", str(picture)).code == 0
    assert cli.run("webhooks", "create", "--url", "http://127.0.0.1:9/", "--events",
                   "post.published").code == 0  # fmt: skip
    assert cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x",
                   "--key", "k").code == 0  # fmt: skip
    columns = (
        ("users", "email"), ("users", "firstname"), ("users", "lastname"), ("brands", "name"),
        ("pages", "name"), ("pages", "username"), ("posts", "message"), ("posts", "permalink"),
        ("posts", "first_comment"), ("comments", "message"), ("comments", "author_name"),
        ("comments", "author_username"), ("media", "filename"), ("tokens", "name"),
    )  # fmt: skip
    with emulator.state.transaction() as db:
        for table, column in columns:
            columns_of_table = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            assert column in columns_of_table, (table, sorted(columns_of_table))
            db.execute(f"UPDATE {table} SET {column} = ?", (HOSTILE,))  # noqa: S608
        db.execute("UPDATE hooks SET url = url || ?", (HOSTILE,))
    return cli


def ids(cli: CommandLine, *words: str) -> Iterator[str]:
    yield from cli.run(*words, "-q").out.split()


def test_commands_escape_control_characters(hostile_account: CommandLine) -> None:
    cli = hostile_account
    state = cli.home / "state"
    inbox = DeliveryStore(state / "webhooks.db")
    body = json.dumps({"event": HOSTILE, "id": HOSTILE, "data": {"x": HOSTILE}}).encode()
    arrival = IncomingDelivery(HOSTILE, 1.0, HOSTILE, is_verified=False, reason=HOSTILE, status=401,
                      headers=[("X-OutReply-Event", HOSTILE)], body=body)  # fmt: skip
    inbox.store([arrival])
    inbox.close()
    scheduled = next(ids(cli, "posts", "list"))
    published = next(ids(cli, "posts", "list", "--published"))
    page, brand = next(ids(cli, "pages", "list")), next(ids(cli, "brands", "list"))
    media, hook = next(ids(cli, "media", "list")), next(ids(cli, "webhooks", "list"))
    occurrences = 0
    for words in (
        ("pages", "list"), ("pages", "show", page), ("brands", "list"), ("brands", "show", brand),
        ("posts", "list"), ("posts", "list", "--published"), ("posts", "show", scheduled),
        ("posts", "show", published), ("posts", "calendar"), ("posts", "calendar", "--month"),
        ("posts", "export", "--all"), ("posts", "export", "--all", "--ics", "-"),
        ("comments", "list", published), ("comments", "inbox", "--days", "300", "--all"),
        ("media", "list"), ("media", "show", media), ("media", "prune", "--dry-run"),
        ("webhooks", "list"), ("webhooks", "show", hook), ("quota", "show"),
        ("quota", "show", "--forecast"), ("auth", "status"), ("bulk", "export"),
        ("api", "GET", "/me"), ("api", "GET", "/pages"), ("webhooks", "history"),
        ("webhooks", "history", "-v"), ("posts", "cancel", scheduled, "--yes"),
    ):  # fmt: skip
        cli.clock.advance(61)
        for kind in FORMATS:
            result = at_terminal(cli, *words, *(["-o", kind] if "export" not in words else []))
            assert result.code in {0, 2, 5}, (words, result.err)
            assert control_characters(result.out) == set(), (words, kind)
            assert control_characters(result.err) == set(), (words, kind)
            occurrences += "gnitirw" in result.out
    assert occurrences >= 100


def test_json_and_yaml_on_terminal_roundtrip(
    hostile_account: CommandLine,
) -> None:
    words = ("api", "GET", "/pages")
    raw = json.loads(hostile_account.run(*words).out)
    assert HOSTILE in str([page["name"] for page in raw["pages"]]) or raw["pages"]
    for kind in ("json", "yaml"):
        read = yaml.safe_load(at_terminal(hostile_account, *words, "-o", kind).out)
        assert [page["name"] for page in read["pages"]] == [page["name"] for page in raw["pages"]]


def test_api_errors_escape_control_characters(cli_logged_out: CommandLine) -> None:
    body = {"error": HOSTILE, "code": HOSTILE, "request_id": HOSTILE, HOSTILE: HOSTILE,
            "list": [HOSTILE]}  # fmt: skip
    env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30}
    for status in (400, 401, 403, 404, 409, 418, 429, 500):
        with ScriptedServer([response(status, body)]) as server:
            env["OUTREPLY_BASE_URL"] = server.url
            for extra in ((), ("--json",), ("-v",)):
                result = at_terminal(
                    cli_logged_out, "pages", "list", "--max-wait", "0s", *extra, env=env
                )
                assert result.code != 0
                assert "gnitirw" in result.err
                assert control_characters(result.out + result.err) == set()
    with ScriptedServer([response(302, location="http://\u202eevil/")]) as server:
        env["OUTREPLY_BASE_URL"] = server.url
        assert (
            control_characters(at_terminal(cli_logged_out, "pages", "list", env=env).err) == set()
        )


def test_file_names_escape_control_characters(cli: CommandLine, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    for ending in (".png", ".csv", ".yaml"):
        (tmp_path / f"{name}{ending}").write_bytes(b"posts: 3\n")
    for words in (
        ("media", "upload", str(tmp_path / f"{name}.png")),
        ("bulk", "schedule", str(tmp_path / f"{name}.csv")),
        ("bulk", "schedule", str(tmp_path / f"{name}.yaml")),
        ("bulk", "apply", str(tmp_path / f"{name}.csv")),
        ("posts", "schedule", "--page", name, "--at", "in 2h", "-F", str(tmp_path / name)),
        ("posts", "show", name),
        ("pages", "show", name),
        (name,),
        ("errors", name),
        ("webhooks", "replay", name, "--to", "http://127.0.0.1:9/"),
    ):
        result = at_terminal(cli, *words)
        assert result.code != 0
        assert control_characters(result.out + result.err) == set(), words


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_report_escapes_formulas(start: str) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerow([escape_formula(f"{start}cmd|' /C calc'!A0")])
    (cell,) = next(csv.reader(io.StringIO(stream.getvalue(), newline="")))
    assert cell == f"'{start}cmd|' /C calc'!A0"
    assert escape_formula("Good = morning") == "Good = morning"
    for text in (f"{start}1", f"'{start}1", f"''{start}1"):
        for is_typed in (False, True):
            assert unescape_formula(escape_formula(text, is_typed=is_typed)) == text
