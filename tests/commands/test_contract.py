"""The words, options and numbers that scripts were promised: none may go, none may change."""

import json
import re
from pathlib import Path

import pytest

from outreply_cli.app import main
from outreply_cli.cli.tree import Parameter
from outreply_cli.context import Context
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import ExitCode
from outreply_cli.spec.scopes import COMMAND_SCOPES
from tests.clocks import ManualClock
from tests.command_line import CommandLine, command_tree
from tests.golden_account import TerminalStream, known_to_rich
from tests.scripted_server import ScriptedServer, answer

README = Path(__file__).parent.parent.parent / "README.md"
TREE = command_tree()
# `--x` is a switch, `--x=` takes a value, `--x=1` is 1 by default, `--x=...` may be repeated;
# words in capitals are arguments, in brackets where they may be left out.
PROMISED = """
auth login --with-token --profile= --base-url= --insecure-storage
auth status
auth list
auth switch N
auth logout
auth token
brands list
brands show ID
pages list --platform= --brand=
pages show PAGE
posts schedule --page=... --at= -m= --message= -F= --edit --media=... --first-comment= --tiktok=
    --link= --key= --tz= --dry-run
posts publish --page=... -m= -F= --edit --media=... --first-comment= --tiktok= --link= --key=
    --dry-run -y --yes
posts list --scheduled --published --all --page= --since= --limit=
posts show ID
posts cancel ID...
posts reschedule ID --at= --tz=
posts wait ID --timeout=15m
posts calendar --week --month --page=
posts export --ics=
bulk schedule FILE... --dry-run --prune --spread --concurrency= --no-upload --tz=
bulk plan FILE -o= --output=
bulk apply PLAN
bulk status FILE
bulk cancel FILE -y --yes
bulk export
bulk template [FORMAT]
comments list POST --since=
comments reply COMMENT -m= -F=
comments inbox --since=
comments watch
media upload FILE...
media list
media show ID
media delete ID... -y --yes
media prune -y --yes
webhooks list
webhooks show ID
webhooks create
webhooks delete ID -y --yes
webhooks events [EVENT]
webhooks verify --secret-env=... --signature= --file=
webhooks sign
webhooks trigger EVENT --to=
webhooks check URL
webhooks history --limit= --event= --since= --failed
webhooks replay [ID]... --to=
serve-webhook --port=8484 --host=127.0.0.1 --path=/ --secret-env=... --forward-to=... --exec=
    --events= --max-events= --timeout= --respond= --delay= --tolerance= --no-verify -v --verbose
quota show
quota check --min-publishes= --min-replies= --min-reads=
quota watch
api METHOD PATH -f=... -F=... --input= -H=... --paginate
emulator start --port=8787 --state= --foreground
emulator stop
emulator status
emulator seed [FILE]
emulator reset -y --yes
emulator advance TIME
emulator fault add FAULT
emulator token --scopes=
emulator openapi
emulator exec COMMAND...
errors [CODE]
doctor
demo
"""
LINES = re.sub(r"\n +", " ", PROMISED).strip().splitlines()
VARIABLES = {
    "OUTREPLY_API_KEY", "OUTREPLY_TOKEN", "OUTREPLY_BASE_URL", "OUTREPLY_PROFILE",
    "OUTREPLY_WEBHOOK_SECRET", "OUTREPLY_TIMEZONE", "OUTREPLY_CONFIG_DIR", "OUTREPLY_STATE_DIR",
    "NO_COLOR",
}  # fmt: skip
OF_THE_API = {
    "-p=", "--profile=", "-o=", "--output=", "--json", "--fields=", "-q", "--quiet", "-v",
    "--verbose", "--no-color", "--plain", "--max-wait=",
}  # fmt: skip


def written(flag: str, one: Parameter, default: str = "") -> str:
    """A parameter as it is promised."""
    if not one.takes_value:
        return flag
    return f"{flag}=..." if one.multiple else f"{flag}={default}"


@pytest.mark.parametrize("line", LINES, ids=lambda line: re.sub(r" [-A-Z\[].*", "", line))
def test_a_command_takes_what_it_was_promised_to_take(line: str) -> None:
    words = line.split()
    path = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    command = TREE.find(path)
    assert command is not None
    assert not command.commands
    flags = {flag: one for one in command.options for flag in one.flags}
    for word in words[len(path) :]:
        flag, _, default = word.partition("=")
        if flag.startswith("-"):
            default = "" if default == "..." else default
            assert written(flag, flags[flag], default) == word
            assert not default or flags[flag].default == default
    promised = [word for word in words[len(path) :] if not word.startswith("-")]
    for word, one in zip(promised, command.arguments, strict=True):
        assert one.is_required == (not word.startswith("["))
        assert one.multiple == word.endswith("...")


@pytest.mark.parametrize("name", COMMAND_SCOPES)
def test_a_command_of_the_api_takes_the_options_of_every_such_command(name: str) -> None:
    command = TREE.find(name.split())
    assert command is not None
    taken = {written(flag, one) for one in command.options for flag in one.flags}
    assert taken >= {*OF_THE_API, "-h", "--help"}


def test_the_exit_codes_are_told_alike_everywhere(cli_logged_out: CommandLine) -> None:
    promised = {0, 1, 2, 3, 4, 5, 6, 7, 130}
    assert set(ExitCode) == promised
    table = README.read_text(encoding="utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == promised
    topic = cli_logged_out.run("help", "exit-codes").out
    assert {int(code) for code in re.findall(r"^  (\d+) ", topic, re.MULTILINE)} == promised


def test_the_variables_are_told_by_the_readme_and_by_the_help(cli_logged_out: CommandLine) -> None:
    table = README.read_text(encoding="utf-8").partition("## Environment")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([A-Z_]+)`", table))
    assert named >= VARIABLES
    told = set(re.findall(r"[A-Z_]{5,}", cli_logged_out.run("help", "environment").out))
    assert told >= named | VARIABLES


@pytest.fixture
def calendar(tmp_path: Path) -> str:
    path = tmp_path / "launch.csv"
    path.write_text("page,scheduled_at,message\nx:bluebird,2026-12-01 09:00,Hi\n")
    return str(path)


@pytest.mark.parametrize(
    ("words", "waits"),
    [
        (("pages", "list"), False),
        (("posts", "list", "--all"), False),
        (("pages", "list", "--max-wait", "2m"), True),
        (("bulk", "schedule", "CALENDAR", "--dry-run"), True),
        (("bulk", "status", "CALENDAR"), True),
        (("bulk", "export"), True),
        (("bulk", "schedule", "CALENDAR", "--dry-run", "--max-wait", "60s"), False),
        (("quota", "watch", "--max", "1"), True),
        (("comments", "watch", "--max", "1"), True),
        (("comments", "watch", "--max", "1", "--max-wait", "1m"), False),
    ],
)
def test_a_command_waits_a_minute_for_a_limit_and_a_batch_as_long_as_it_takes(
    cli: CommandLine, emulator: EmulatorServer, calendar: str, words: list[str], *, waits: bool
) -> None:
    emulator._emulator._faults.add("rate-limit:90", times=1)
    ran = cli.run(*(calendar if word == "CALENDAR" else word for word in words))
    assert ran.code == (0 if waits else ExitCode.LIMIT_EXCEEDED), ran.err
    assert isinstance(cli.clock, ManualClock)
    assert (sum(cli.clock.sleeps) >= 90) == waits


def test_the_explanation_of_a_code_is_the_live_one_or_the_one_built_in(
    cli_logged_out: CommandLine,
) -> None:
    live = {"code": "NEW_ONE", "status": 418, "category": "tea", "message": "M", "fix": "Brew"}
    cli_logged_out.environ["OUTREPLY_API_KEY"] = "outreply_live_x"
    with ScriptedServer([answer(200, {"errors": [live]})]) as server:
        env = {"OUTREPLY_BASE_URL": server.url}
        assert json.loads(cli_logged_out.run("errors", "new_one", "--json", env=env).out) == live
        (asked,) = server.received
    assert (asked.path, "authorization" in asked.headers) == ("/api/v1/errors", False)
    away = cli_logged_out.run(
        "errors", "MEDIA_IN_USE", env={"OUTREPLY_BASE_URL": "http://127.0.0.1:9"}
    )
    assert away.code == 0
    assert "Cancel the post first" in away.out
    assert "built-in copy" in away.err


_NEW = {"brand_new": {"deep": [1, None]}}
_PAGE = {"id": "p1", "platform": "mastodon", "name": "A", "username": "a", **_NEW}


@pytest.mark.parametrize(
    ("words", "bodies"),
    [
        (("pages", "list"), [{"pages": [_PAGE]}]),
        (("pages", "show", "p1"), [{"pages": [_PAGE]}, {"page": _PAGE}]),
        (("brands", "list"), [{"data": [{"id": "b1", **_NEW}], "has_more": False}]),
        (("brands", "show", "b1"), [{"brand": {"id": "b1", "pages": [], **_NEW}}]),
        (("posts", "list"), [{"scheduled_posts": [{"id": "s1", **_NEW}]}]),
        (("posts", "show", "s1"), [{"scheduled_post": {"id": "s1", **_NEW}}]),
        (("posts", "list", "--published"), [{"published_posts": [{"id": "o1", **_NEW}]}]),
        (("media", "list"), [{"media": [{"media_id": "m1", **_NEW}]}]),
        (("media", "show", "m1"), [{"media_id": "m1", **_NEW}]),
        (("webhooks", "list"), [{"webhooks": [{"id": "w1", **_NEW}]}]),
        (("webhooks", "show", "w1"), [{"webhook": {"id": "w1", **_NEW}}]),
    ],
)
def test_fields_that_are_new_are_kept_in_json_and_can_be_asked_for(
    cli_logged_out: CommandLine, words: tuple[str, ...], bodies: list[object]
) -> None:
    script = [answer(200, body) for body in bodies]
    with ScriptedServer([*script, *script]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        told = json.loads(cli_logged_out.run(*words, "--json", env=env).out)
        chosen = cli_logged_out.run(*words, "-o", "jsonl", "--fields", "brand_new.deep.0", env=env)
    assert isinstance(told, list) == ("list" in words)
    item = told[0] if isinstance(told, list) else told
    assert item.items() >= _NEW.items()
    assert json.loads(chosen.out) == {"brand_new.deep.0": 1}


def test_pages_are_chosen_by_platform_and_brand(cli: CommandLine) -> None:
    brand = cli.run("brands", "list", "-q").out.split()[1]
    chosen = cli.run("pages", "list", "--brand", brand, "--fields", "platform").out.split()
    assert chosen == ["tiktok", "twitter", "youtube"]
    for name in ("twitter", "TW", "x"):
        words = ("--platform", name, "--brand", brand, "--fields", "username")
        assert cli.run("pages", "list", *words).out.split() == ["bluebird"]


def test_comments_are_listed_since_a_time(cli: CommandLine) -> None:
    post = cli.run("posts", "list", "--published", "--page", "instagram:acme", "-q").out.strip()
    first, second = json.loads(cli.run("comments", "list", post, "--json").out)
    later = cli.run("comments", "list", post, "--since", first["created_at"], "--json")
    assert json.loads(later.out) == [second]


def test_a_sandbox_token_is_told_apart(cli_logged_out: CommandLine) -> None:
    me = {"authenticated_as": {"email": "a@b.c"}, "api_key": {"prefix": "outreply_test_abc12"}}
    with ScriptedServer([answer(200, me)]) as server:
        where = ("--base-url", server.url, "--insecure-storage")
        ran = cli_logged_out.run(
            "auth", "login", "--with-token", *where, stdin="outreply_test_abc12345"
        )
        assert ran.code == 0
        assert "it only reads, 100 requests" in ran.err
        assert "it only reads, 100 requests" in cli_logged_out.run("auth", "status").err


@pytest.mark.parametrize(
    ("words", "named", "item"),
    [
        (("posts", "list"), "scheduled_posts", "id"),
        (("posts", "list", "--published"), "published_posts", "id"),
        (("media", "list"), "media", "media_id"),
    ],
)
def test_a_list_that_may_be_cut_off_is_told_to_be(
    cli_logged_out: CommandLine, words: tuple[str, ...], named: str, item: str
) -> None:
    for count in (99, 100):
        body = {named: [{item: f"{number}"} for number in range(count)]}
        with ScriptedServer([answer(200, body)]) as server:
            env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
            ran = cli_logged_out.run(*words, "-o", "jsonl", env=env)
        assert len(ran.out.splitlines()) == count
        assert ("there may be more" in ran.err) == (count == 100)


@pytest.mark.parametrize(
    ("flags", "variables", "is_coloured", "has_lines"),
    [
        ((), {}, True, True),
        (("--no-color",), {}, False, True),
        ((), {"NO_COLOR": "1"}, False, True),
        (("--plain",), {}, False, False),
        ((), {"TERM": "dumb"}, False, False),
    ],
)
def test_colours_and_lines_are_left_out_when_they_are_unwanted(
    cli: CommandLine,
    flags: tuple[str, ...],
    variables: dict[str, str],
    *,
    is_coloured: bool,
    has_lines: bool,
) -> None:
    environ = {**cli.environ, "TERM": "xterm", "COLUMNS": "120", **variables}
    with known_to_rich(environ):
        stream = TerminalStream()
        context = Context(environ, stream, stream, stream, cli.clock)
        assert main(["pages", "list", *flags], context) == 0
    assert ("\x1b[" in stream.text()) == is_coloured
    assert ("─" in stream.text()) == has_lines
