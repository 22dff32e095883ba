"""The contract for scripts: commands, options, exit codes and environment variables."""

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
from tests.golden_account import TerminalStream, rich_environ
from tests.scripted_server import ScriptedServer, response

README = Path(__file__).parent.parent.parent / "README.md"
TREE = command_tree()
# `--x` is a flag, `--x=` takes a value, `--x=1` has a default, `--x=...` may be repeated; words in
# capitals are arguments, in brackets if optional.
SIGNATURES = """
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
posts edit [ID]... -m= -F= --edit --media=... --first-comment= --tiktok= --link= --replace=...
    --clear=... --undo --all --page= --since= --until= --tz= --dry-run -y --yes
posts reschedule ID --at= --tz=
posts wait ID --timeout=15m
posts calendar --week --month --page=
posts export --ics=
bulk schedule FILE... --dry-run --approved= --prune --spread --concurrency= --no-upload --tz=
bulk plan FILE -o= --output=
bulk apply PLAN
bulk status FILE
bulk cancel FILE -y --yes
bulk export
bulk template [FORMAT] --file=
bulk schema
bulk check FILE... --strict
bulk preview FILE --html= --terminal --tz=
bulk approve FILE --by= --all --file= -y --yes
posts preview --page=... --platform=... -m= -F= --media=... --html= --terminal
comments list POST --since=
comments reply COMMENT -m= -F=
comments inbox --since=
comments watch --count=
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
    --events= --until= --max-events= --timeout= --respond= --delay= --tolerance=
    --no-verify -v --verbose
quota show
quota check --min-publishes= --min-replies= --min-reads=
quota watch --count=
api METHOD PATH -f=... -F=... --input= -H=... --paginate
emulator start --port=8787 --state= --foreground
emulator stop
emulator status
emulator seed [FILE]
emulator reset -y --yes
emulator advance [DURATION] --to=
emulator fault add FAULT
emulator token --scopes=
emulator openapi
emulator exec COMMAND...
errors [CODE]
doctor
demo
"""
LINES = re.sub(r"\n +", " ", SIGNATURES).strip().splitlines()
VARIABLES = {
    "OUTREPLY_API_KEY", "OUTREPLY_TOKEN", "OUTREPLY_BASE_URL", "OUTREPLY_PROFILE",
    "OUTREPLY_WEBHOOK_SECRET", "OUTREPLY_TIMEZONE", "OUTREPLY_CONFIG_DIR", "OUTREPLY_STATE_DIR",
    "NO_COLOR",
}  # fmt: skip
API_OPTIONS = {
    "-p=", "--profile=", "-o=", "--output=", "--json", "--fields=", "-q", "--quiet", "-v",
    "--verbose", "--no-color", "--plain", "--max-wait=",
}  # fmt: skip


def format_option(flag: str, option: Parameter, default: str = "") -> str:
    """Format an option as in SIGNATURES."""
    if not option.takes_value:
        return flag
    return f"{flag}=..." if option.multiple else f"{flag}={default}"


@pytest.mark.parametrize("line", LINES, ids=lambda line: re.sub(r" [-A-Z\[].*", "", line))
def test_command_matches_its_documented_signature(line: str) -> None:
    words = line.split()
    path = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    command = TREE.find(path)
    assert command is not None
    assert not command.commands
    options = {flag: option for option in command.options for flag in option.flags}
    for word in words[len(path) :]:
        flag, _, default = word.partition("=")
        if flag.startswith("-"):
            default = "" if default == "..." else default
            assert format_option(flag, options[flag], default) == word
            assert not default or options[flag].default == default
    arguments = [word for word in words[len(path) :] if not word.startswith("-")]
    for word, argument in zip(arguments, command.arguments, strict=True):
        assert argument.is_required == (not word.startswith("["))
        assert argument.multiple == word.endswith("...")


@pytest.mark.parametrize("name", COMMAND_SCOPES)
def test_api_command_has_common_options(name: str) -> None:
    command = TREE.find(name.split())
    assert command is not None
    options = {format_option(flag, option) for option in command.options for flag in option.flags}
    assert options >= {*API_OPTIONS, "-h", "--help"}


def test_exit_codes_are_documented(cli_logged_out: CommandLine) -> None:
    codes = {0, 1, 2, 3, 4, 5, 6, 7, 124, 130}
    assert set(ExitCode) == codes
    topic = cli_logged_out.run("help", "exit-codes").out
    assert {int(code) for code in re.findall(r"^  (\d+) ", topic, re.MULTILINE)} == codes


def test_environment_variables_are_documented(cli_logged_out: CommandLine) -> None:
    table = README.read_text(encoding="utf-8").partition("| variable |")[2].partition("\n\n")[0]
    in_readme = set(re.findall(r"`([A-Z_]+)`", table))
    assert in_readme >= VARIABLES
    in_help = set(re.findall(r"[A-Z_]{5,}", cli_logged_out.run("help", "environment").out))
    assert in_help >= in_readme | VARIABLES


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
        (("quota", "watch", "--count", "1"), True),
        (("comments", "watch", "--count", "1"), True),
        (("comments", "watch", "--count", "1", "--max-wait", "1m"), False),
    ],
)
def test_default_max_wait_depends_on_the_command(
    cli: CommandLine, emulator: EmulatorServer, calendar: str, words: list[str], *, waits: bool
) -> None:
    emulator.handle.request("fault", add="rate-limit:90", options={"times": 1})
    result = cli.run(*(calendar if word == "CALENDAR" else word for word in words))
    assert result.code == (0 if waits else ExitCode.LIMIT_EXCEEDED), result.err
    assert isinstance(cli.clock, ManualClock)
    assert (sum(cli.clock.sleeps) >= 90) == waits


def test_errors_uses_live_catalog_or_builtin_copy(
    cli_logged_out: CommandLine,
) -> None:
    live = {"code": "NEW_ONE", "status": 418, "category": "tea", "message": "M", "fix": "Brew"}
    cli_logged_out.environ["OUTREPLY_API_KEY"] = "outreply_live_x"
    with ScriptedServer([response(200, {"errors": [live]})]) as server:
        env = {"OUTREPLY_BASE_URL": server.url}
        assert json.loads(cli_logged_out.run("errors", "new_one", "--json", env=env).out) == [live]
        (request,) = server.received
    assert (request.path, "authorization" in request.headers) == ("/api/v1/errors", False)
    offline = cli_logged_out.run(
        "errors", "MEDIA_IN_USE", env={"OUTREPLY_BASE_URL": "http://127.0.0.1:9"}
    )
    assert offline.code == 0
    assert "Cancel the post first" in offline.out
    assert "built-in copy" in offline.err


def test_errors_fills_in_fields_with_other_names(cli_logged_out: CommandLine) -> None:
    live = {"code": "MEDIA_IN_USE", "http_status": 409, "recommended_fix": "Wait."}
    with ScriptedServer([response(200, {"errors": [live, {"code": "NEW_ONE"}]})]) as server:
        env = {"OUTREPLY_BASE_URL": server.url}
        shown = json.loads(cli_logged_out.run("errors", "media_in_use", "--json", env=env).out)
        assert cli_logged_out.run("errors", "new_one", env=env).code == 0
    assert shown[0].items() >= live.items()
    assert shown[0]["status"] == 409
    assert shown[0]["fix"] == "Cancel the post first, then delete the media."


_NEW = {"brand_new": {"deep": [1, None]}}
_PAGE = {"id": "p1", "platform": "mastodon", "name": "A", "username": "a", **_NEW}


@pytest.mark.parametrize(
    ("words", "bodies"),
    [
        (("pages", "list"), [{"pages": [_PAGE]}]),
        (("pages", "show", "p1"), [{"pages": [_PAGE]}, {"page": _PAGE}]),
        (("brands", "list"), [{"data": [{"id": "b1", **_NEW}], "has_more": False}]),
        (("brands", "show", "b" * 24), [{"brand": {"id": "b1", "pages": [], **_NEW}}]),
        (("posts", "list"), [{"scheduled_posts": [{"id": "s1", **_NEW}]}]),
        (("posts", "show", "s1"), [{"scheduled_post": {"id": "s1", **_NEW}}]),
        (("posts", "list", "--published"), [{"published_posts": [{"id": "o1", **_NEW}]}]),
        (("media", "list"), [{"media": [{"media_id": "m1", **_NEW}]}]),
        (("media", "show", "m1"), [{"media_id": "m1", **_NEW}]),
        (("webhooks", "list"), [{"webhooks": [{"id": "w1", **_NEW}]}]),
        (("webhooks", "show", "w1"), [{"webhook": {"id": "w1", **_NEW}}]),
    ],
)
def test_unknown_api_fields_are_kept(
    cli_logged_out: CommandLine, words: tuple[str, ...], bodies: list[object]
) -> None:
    script = [response(200, body) for body in bodies]
    with ScriptedServer([*script, *script]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        output = json.loads(cli_logged_out.run(*words, "--json", env=env).out)
        selected = cli_logged_out.run(
            *words, "-o", "jsonl", "--fields", "brand_new.deep.0", env=env
        )
    assert isinstance(output, list) == ("list" in words)
    item = output[0] if isinstance(output, list) else output
    assert item.items() >= _NEW.items()
    assert json.loads(selected.out) == {"brand_new.deep.0": 1}


def test_pages_list_filters_by_brand_and_platform(cli: CommandLine) -> None:
    brand = cli.run("brands", "list", "-q").out.split()[1]
    platforms = cli.run("pages", "list", "--brand", brand, "--fields", "platform").out.split()
    assert platforms == ["tiktok", "twitter", "youtube"]
    for name in ("twitter", "TW", "x"):
        words = ("--platform", name, "--brand", brand, "--fields", "username")
        assert cli.run("pages", "list", *words).out.split() == ["bluebird"]


def test_comments_list_since_omits_earlier_comments(cli: CommandLine) -> None:
    post = cli.run("posts", "list", "--published", "--page", "instagram:acme", "-q").out.strip()
    first, second = json.loads(cli.run("comments", "list", post, "--json").out)
    later = cli.run("comments", "list", post, "--since", first["created_at"], "--json")
    assert json.loads(later.out) == [second]


def test_sandbox_token_gets_a_note_about_its_limits(cli_logged_out: CommandLine) -> None:
    me = {"authenticated_as": {"email": "a@b.c"}, "api_key": {"prefix": "outreply_test_abc12"}}
    with ScriptedServer([response(200, me)]) as server:
        options = ("--base-url", server.url, "--insecure-storage")
        result = cli_logged_out.run(
            "auth", "login", "--with-token", *options, stdin="outreply_test_abc12345"
        )
        assert result.code == 0
        assert "read-only, 100 requests" in result.err
        assert "read-only, 100 requests" in cli_logged_out.run("auth", "status").err


@pytest.mark.parametrize(
    ("words", "list_key", "id_key"),
    [
        (("posts", "list"), "scheduled_posts", "id"),
        (("posts", "list", "--published"), "published_posts", "id"),
        (("media", "list"), "media", "media_id"),
    ],
)
def test_truncated_list_gets_a_warning(
    cli_logged_out: CommandLine, words: tuple[str, ...], list_key: str, id_key: str
) -> None:
    for count in (99, 100):
        body = {list_key: [{id_key: f"{number}"} for number in range(count)]}
        with ScriptedServer([response(200, body)]) as server:
            env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
            result = cli_logged_out.run(*words, "-o", "jsonl", env=env)
        assert len(result.out.splitlines()) == count
        assert ("there may be more" in result.err) == (count == 100)


@pytest.mark.parametrize(
    ("flags", "variables", "is_colored", "has_lines"),
    [
        ((), {}, True, True),
        (("--no-color",), {}, False, True),
        ((), {"NO_COLOR": "1"}, False, True),
        (("--plain",), {}, False, False),
        ((), {"TERM": "dumb"}, False, False),
    ],
)
def test_color_and_lines_depend_on_flags_and_variables(
    cli: CommandLine,
    flags: tuple[str, ...],
    variables: dict[str, str],
    *,
    is_colored: bool,
    has_lines: bool,
) -> None:
    environ = {**cli.environ, "TERM": "xterm", "COLUMNS": "120", **variables}
    with rich_environ(environ):
        stream = TerminalStream()
        context = Context(environ, stream, stream, stream, cli.clock)
        assert main(["pages", "list", *flags], context) == 0
    assert ("\x1b[" in stream.text()) == is_colored
    assert ("─" in stream.text()) == has_lines
