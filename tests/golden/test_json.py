"""The JSON of every command keeps its shape: fields may be added, but not removed or retyped.

Commands are also run with `-q`, and without `--yes` where they ask.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from outreply_cli.cli.reference import SCHEMAS_PATH
from outreply_cli.cli.tree import Command
from outreply_cli.emulator.daemon import STATE_FILE
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result, command_tree
from tests.commands.receiver_process import SECRET, ReceiverProcess, run_receiver
from tests.golden.shapes import (
    Shape,
    find_breaking_changes,
    infer_shape,
    merge_shapes,
    shape_from_json,
    shape_to_json,
    shape_to_schema,
)
from tests.golden.update import UPDATE_GOLDEN, update_text
from tests.media.sample_files import jpeg, png

GOLDEN = Path(__file__).parent / "json"
# Prints what the command that it runs prints.
PASS_THROUGH = {"emulator exec"}
TERMINAL_ONLY = {"comments triage"}
# Commands that run on, and print one object per line.
STREAMING = {"comments watch", "quota watch", "serve-webhook"}
# Commands that return the same when repeated.
READ_COMMANDS = {
    "api", "auth list", "auth status", "brands list", "brands show", "bulk status", "comments list",
    "emulator deliveries", "emulator fault list", "emulator openapi", "errors", "media list",
    "media show", "pages list", "pages show", "posts calendar", "posts list", "posts show",
    "posts wait", "quota check", "quota forecast", "quota show", "webhooks events",
    "webhooks history", "webhooks list", "webhooks show",
}  # fmt: skip
ID_FIELDS = ("id", "media_id", "number", "code", "name", "event")
# Levels of the OpenAPI document and the command tree that are inspected.
MAX_DEPTHS = {"emulator openapi": 2, "help": 4}
CALENDAR = (
    "key,page,scheduled_at,message\n"
    "a,x:bluebird,2026-12-01 09:00,One\nb,linkedin:acme-co,2026-12-01 09:00,Two\n"
)
JSON_COMMANDS = [
    command for command in command_tree().walk()
    if not command.commands and any("--json" in option.flags for option in command.options)
]  # fmt: skip


@dataclass
class Recorder:
    """Runs commands and records the shapes of their JSON.

    Attributes:
        shapes: Shapes of the JSON output, by command.
        quiet: Output with `-q` next to the JSON value, by command.
        unconfirmed: Results without `--yes`, by command.
    """

    cli: CommandLine
    shapes: dict[str, list[Shape]] = field(default_factory=lambda: defaultdict(list))
    quiet: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    unconfirmed: dict[str, Result] = field(default_factory=dict)

    def run(self, command: str, *words: str, stdin: str = "", code: int = 0) -> str:
        if "--yes" in words:
            without_yes = [word for word in words if word != "--yes"]
            self.unconfirmed[command] = self.cli.run(*command.split(), *without_yes)
        # A minute later, so that no rate limit is reached.
        self.cli.clock.advance(61)
        result = self.cli.run(*command.split(), *words, stdin=stdin)
        assert result.code == code, f"{command} {words}: {result.err}"
        return result.out

    def record(self, command: str, *words: str, stdin: str = "", code: int = 0) -> Any:
        """Run a command with `--json` and record its shape."""
        out = self.run(command, *words, "--json", stdin=stdin, code=code)
        value = self.record_output(command, out)
        if command in READ_COMMANDS:
            self.quiet[command].append((self.run(command, *words, "-q"), value))
        return value

    def record_output(self, command: str, out: str) -> Any:
        value = json.loads(out)
        self.shapes[command].append(infer_shape(value, MAX_DEPTHS.get(command, 20)))
        return value

    def record_lines(self, command: str, *words: str) -> None:
        """Run a command with `-o jsonl` and record the shape of each line."""
        for line in self.run(command, *words, "-o", "jsonl").splitlines():
            self.record_output(command, line)


@contextmanager
def start_emulator(cli: CommandLine) -> Iterator[EmulatorServer]:
    """An emulator in this process that the `emulator` commands find."""
    directory = cli.home / "state" / "emulator"
    directory.mkdir(parents=True)
    with EmulatorServer(directory / STATE_FILE, cli.clock) as server:
        server.handle.save(directory)
        cli.environ["OUTREPLY_API_KEY"] = server.token
        cli.environ["OUTREPLY_BASE_URL"] = server.base_url
        cli.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
        yield server


def record_account_commands(recorder: Recorder, server: EmulatorServer) -> None:
    login = ("--base-url", server.base_url, "--insecure-storage", "--profile", "work")
    recorder.record("auth login", "--with-token", *login, stdin=server.token)
    recorder.record("auth status")
    recorder.record("auth status", "-p", "work")
    recorder.record("auth list")
    recorder.record("auth token")
    recorder.record("auth switch", "work")
    recorder.record("auth logout", "-p", "work")
    for brand in recorder.record("brands list"):
        recorder.record("brands show", brand["id"])
    for page in recorder.record("pages list"):
        recorder.record("pages show", page["id"])
    recorder.record("quota show")
    recorder.record("quota check")
    recorder.record_lines("quota watch", "--count", "1")
    recorder.record("quota forecast")
    recorder.record("errors")
    recorder.record("errors", "RATE_LIMITED")
    recorder.record("api", "GET", "/me")
    recorder.record("doctor")
    recorder.record("demo")
    recorder.record("completion", "bash")
    recorder.record("examples")
    recorder.record("examples", "crontab")
    recorder.record("help")
    recorder.record("help", "posts", "list")


def record_post_commands(recorder: Recorder, folder: Path) -> None:
    picture = folder / "hero.jpg"
    picture.write_bytes(jpeg())
    new = ("--at", "+2d", "-m", "Hi")
    recorder.record("posts schedule", "--page", "x:bluebird", *new, "--dry-run")
    comment = ("--page", "instagram:acme", "--first-comment", "Yes", "--media", str(picture))
    (first,) = recorder.record("posts schedule", *comment, *new)
    both = ("--page", "facebook:acme", "--page", "x:bluebird")
    second, third = recorder.record("posts schedule", *both, *new)
    recorder.record("posts publish", "--page", "x:bluebird", "-m", "Now", "--yes")
    recorder.record("posts list")
    recorder.record("posts show", first["id"])
    recorder.record("posts reschedule", first["id"], "--at", "+4d")
    recorder.record("posts cancel", second["id"])
    recorder.record("posts calendar", "--month")
    recorder.record("posts export")
    recorder.record("posts export", "--ics", str(folder / "posts.ics"))
    recorder.record("emulator advance", "3d")
    recorder.record("posts wait", third["id"])
    recorder.record("posts list", "--all")
    recorder.record("posts list", "--published")
    for post in recorder.run("posts list", "--published", "-q").split():
        recorder.record("posts show", post)


def record_failed_posts(recorder: Recorder, server: EmulatorServer) -> None:
    words = ("--page", "facebook:acme", "--at", "+2h", "-m", "Fails", "--key", "f", "-q")
    failed_id = recorder.run("posts schedule", *words).strip()
    recorder.run("posts schedule", "--page", "facebook:acme", "--at", "+2d", "-m", "Waits")
    server.state.connection.execute("UPDATE pages SET expired = 1 WHERE platform = 'facebook'")
    recorder.run("emulator advance", "3h")
    recorder.record("pages check", code=1)
    recorder.record("posts list", "--failed")
    recorder.record("status")
    server.state.connection.execute("UPDATE pages SET expired = 0")
    recorder.record("pages check")
    recorder.record("posts retry", failed_id, "--dry-run", "--yes")
    recorder.record("posts retry", failed_id, "--yes")
    recorder.record("status")


def record_media_commands(recorder: Recorder, folder: Path) -> None:
    picture, text = folder / "new.png", folder / "notes.jpg"
    picture.write_bytes(png(b"new"))
    text.write_text("no picture")
    uploads = recorder.record("media upload", str(picture), str(text), code=3)
    media_id = uploads[0]["media_id"]
    recorder.record("media list")
    recorder.record("media show", media_id)
    recorder.record("media delete", media_id, "--yes")
    recorder.run("media upload", str(picture))
    recorder.record("media prune", "--yes")


def record_bulk_commands(recorder: Recorder, folder: Path) -> None:
    calendar, plan = folder / "launch.csv", folder / "launch.plan"
    calendar.write_text(CALENDAR)
    recorder.record("bulk schedule", str(calendar), "--dry-run")
    recorder.record("bulk plan", str(calendar), "-o", str(plan))
    recorder.record("bulk apply", str(plan))
    recorder.record("bulk status", str(calendar))
    recorder.record("bulk template")
    recorder.record("bulk export")
    recorder.record("bulk export", "--file", str(folder / "now.csv"))
    edited = CALENDAR.replace("One", "Another")
    calendar.write_text(f"{edited}c,x:bluebird,2026-12-02 09:00,Three\n")
    recorder.record("bulk status", str(calendar))
    fault = ("status:400", "--method", "POST", "--path", "/posts/schedule", "--times", "1")
    recorder.record("emulator fault add", *fault)
    recorder.record("bulk schedule", str(calendar), code=3)
    recorder.record("bulk schedule", str(calendar))
    (recorder.cli.home / "state" / "journal.db").unlink()
    recorder.record("bulk reconcile", str(calendar), "--dry-run")
    calendar.write_text(calendar.read_text().replace("Three", "Three!"))
    recorder.record("bulk reconcile", str(calendar), code=3)
    recorder.cli.run("bulk", "reconcile", str(calendar), "--yes")
    # As if the response to one row had been lost.
    journal = recorder.cli.home / "state" / "journal.db"
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("UPDATE entries SET state = 'sent', sent_at = 1 WHERE row LIKE 'key:a@%'")
    recorder.record("store status")
    recorder.record("bulk cancel", str(calendar), "--yes")


def record_comment_commands(recorder: Recorder) -> None:
    for post in recorder.run("posts list", "--published", "-q").split():
        comments = recorder.run("comments list", post, "--json")
        if comments.strip() != "[]":
            break
    recorder.record("comments inbox", "--days", "30")
    recorder.record("comments reply", json.loads(comments)[0]["id"], "-m", "Come by")
    recorder.record("comments list", post)
    recorder.record("emulator add-comment", post, "-m", "When?")
    recorder.record_lines("comments watch", "--count", "1", "--since", "1h")


def record_webhook_commands(recorder: Recorder, receiver: ReceiverProcess) -> None:
    recorder.record("webhooks events")
    recorder.record("webhooks events", "post.published")
    hook = recorder.record("webhooks create", "--url", receiver.url)["id"]
    recorder.record("webhooks list")
    recorder.record("webhooks show", hook)
    body = '{"event": "post.published", "data": {}}'
    signature = recorder.record("webhooks sign", stdin=body)["signature"]
    recorder.record("webhooks verify", "--signature", signature, stdin=body)
    recorder.record("webhooks trigger", "post.published", "--to", receiver.url)
    recorder.record("webhooks check", receiver.url)
    recorder.record("webhooks history")
    delivery = recorder.run("webhooks history", "-q").split()[0]
    recorder.record("webhooks replay", delivery, "--to", receiver.url)
    recorder.run("posts schedule", "--page", "x:bluebird", "--at", "+1h", "-m", "Soon")
    recorder.record("emulator advance", "2h")
    recorder.record("emulator deliveries")
    recorder.record("emulator rotate-secret", hook)
    recorder.record("emulator enable-webhook", hook)
    recorder.record("webhooks delete", hook, "--yes")
    for line in receiver.stop().out.splitlines():
        recorder.record_output("serve-webhook", line)


def record_emulator_commands(recorder: Recorder, folder: Path) -> None:
    recorder.record("emulator status")
    recorder.record("emulator token")
    recorder.record("emulator token", "--scopes", "read:posts", "--expires-in", "1h")
    recorder.record("emulator openapi")
    recorder.record("emulator seed", "--export")
    recorder.record("emulator fault add", "garbage", "--path", "/nowhere")
    recorder.record("emulator fault list")
    recorder.record("emulator fault clear")
    snapshot = str(folder / "before.db")
    recorder.record("emulator snapshot save", snapshot)
    recorder.record("emulator snapshot load", snapshot, "--yes")
    recorder.record("emulator freeze")
    recorder.record("emulator unfreeze")
    recorder.record("emulator reset", "--yes")
    state = ("--json", "--state", str(folder / "other"))
    for verb, words in (("start", ("--port", "0", *state)), ("stop", state)):
        result = recorder.cli.spawn("emulator", verb, *words)
        assert result.code == 0, result.err
        recorder.record_output(f"emulator {verb}", result.out)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    folder = tmp_path_factory.mktemp("golden")
    cli = CommandLine(folder / "home", ManualClock())
    recorder = Recorder(cli)
    with start_emulator(cli) as server, run_receiver(cli, "-o", "jsonl") as receiver:
        record_account_commands(recorder, server)
        record_post_commands(recorder, folder)
        record_failed_posts(recorder, server)
        record_media_commands(recorder, folder)
        record_bulk_commands(recorder, folder)
        record_comment_commands(recorder)
        record_webhook_commands(recorder, receiver)
        record_emulator_commands(recorder, folder)
    return recorder


def test_json_shapes_are_unchanged(recorder: Recorder) -> None:
    problems = []
    for command, shapes in sorted(recorder.shapes.items()):
        current = merge_shapes(shapes)
        assert current is not None
        path = GOLDEN / f"{command.replace(' ', '-')}.json"
        pinned = shape_from_json(json.loads(path.read_text())) if path.exists() else None
        if pinned is None:
            changes = [f"{path.name} is missing"]
        else:
            changes = list(find_breaking_changes(pinned, current))
        # What other runs have seen is kept, such as values that are null at times.
        merged = current if changes else merge_shapes([current, *([pinned] if pinned else [])])
        update_text(path, json.dumps(shape_to_json(merged or current), indent=2) + "\n")
        problems += [] if UPDATE_GOLDEN else [f"{command}: {change}" for change in changes]
    assert problems == []


def test_every_json_command_is_covered(recorder: Recorder) -> None:
    names = {" ".join(command.path) for command in JSON_COMMANDS}
    assert names == {*recorder.shapes, *PASS_THROUGH, *TERMINAL_ONLY}
    files = {f"{name.replace(' ', '-')}.json" for name in recorder.shapes}
    for path in GOLDEN.iterdir():
        if UPDATE_GOLDEN and path.name not in files:
            path.unlink()
    assert {path.name for path in GOLDEN.iterdir()} == files


def test_schemas_are_current(recorder: Recorder, cli: CommandLine) -> None:
    """`outreply help --json` describes results by schemas generated from the shapes."""
    assert recorder.shapes
    schemas = {
        path.stem: shape_to_schema(shape_from_json(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted(GOLDEN.iterdir())
    }
    text = "".join(
        f"{',' if number else '{'}\n{json.dumps(name)}: {json.dumps(schema)}"
        for number, (name, schema) in enumerate(schemas.items())
    )
    update_text(SCHEMAS_PATH, f"{text}\n}}\n")
    assert json.loads(SCHEMAS_PATH.read_text(encoding="utf-8")) == schemas
    tree = json.loads(cli.run("help", "pages", "list", "--json").out)
    jsonschema.Draft202012Validator.check_schema(tree["result"])
    pages = json.loads(cli.run("pages", "list", "--json").out)
    jsonschema.validate(pages, tree["result"])


def get_ids(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    names = [next((name for name in ID_FIELDS if name in item), "") for item in items]
    ids = [item.get(name) for item, name in zip(items, names, strict=True)]
    return [str(item_id) for item_id in ids if item_id is not None]


def test_quiet_prints_only_ids(recorder: Recorder) -> None:
    assert recorder.quiet.keys() == READ_COMMANDS
    for command, runs in recorder.quiet.items():
        for out, value in runs:
            assert out.splitlines() in ([], get_ids(value)), command
    assert recorder.quiet["pages list"][0][0].count("\n") == 6


def test_confirmation_without_terminal_names_yes_flag(recorder: Recorder) -> None:
    asking = {"posts publish", "posts retry", "media delete", "media prune", "bulk cancel",
              "webhooks delete", "emulator reset", "emulator snapshot load"}  # fmt: skip
    assert recorder.unconfirmed.keys() == asking
    for command, result in recorder.unconfirmed.items():
        assert result.code == 2, command
        assert "--yes" in result.err


def parse_error(err: str) -> dict[str, Any]:
    """Parse the error object on stderr and check its keys."""
    error = json.loads(err)["error"]
    assert list(error) == [
        "code", "message", "status", "hint", "request_id", "retry_after_seconds", "details",
    ]  # fmt: skip
    return dict(error)


@pytest.mark.parametrize("flags", [("--json",), ("-o", "jsonl")])
def test_usage_errors_as_json(cli_logged_out: CommandLine, flags: tuple[str, ...]) -> None:
    for command in JSON_COMMANDS:
        if "-o" in flags and command.path == ("bulk", "plan"):
            # Its -o is the plan file.
            continue
        result = cli_logged_out.run(*command.path, "--nonsense", *flags)
        assert (result.code, result.out) == (2, ""), command.full_name
        assert parse_error(result.err)["code"] == "USAGE"


@pytest.mark.parametrize("flags", [("--json",), ("-o", "json")])
@pytest.mark.parametrize("name", sorted(STREAMING))
def test_streaming_commands_refuse_json(
    cli: CommandLine, name: str, flags: tuple[str, ...]
) -> None:
    result = cli.run(*name.split(), *flags, env={"OUTREPLY_WEBHOOK_SECRET": SECRET})
    assert (result.code, result.out) == (2, "")
    assert "-o jsonl" in parse_error(result.err)["hint"]


def required_words(command: Command) -> list[str]:
    """Values for all required parameters."""
    options = [option for option in command.options if option.is_required]
    words = [word for option in options for word in (option.flags[0], "1h")]
    return words + ["x" for argument in command.arguments if argument.is_required]


def test_errors_as_json(cli_logged_out: CommandLine) -> None:
    for command in JSON_COMMANDS:
        if not any("--profile" in option.flags for option in command.options):
            continue
        if command.path[0] in {"doctor", "errors"} or command.path[1:] == ("list",):
            continue
        words = (*command.path, *required_words(command))
        result = cli_logged_out.run(*words, "--json")
        assert result.code != 0, command.full_name
        assert result.out == "", command.full_name
        assert parse_error(result.err)["message"]
        text_result = cli_logged_out.run(*words)
        if command.full_name.removeprefix("outreply ") not in STREAMING:
            assert text_result.code == result.code
        assert text_result.code != 0
        assert "Error: " in text_result.err
        assert len(text_result.err.splitlines()) <= 3, command.full_name
