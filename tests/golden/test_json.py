"""The JSON of every command keeps its shape: fields may be added, never taken away or retyped.

On the way each is asked with `-q` too, and without the `--yes` that it needs where nobody answers.
`UPDATE_GOLDEN=1 pytest tests/golden -n 0` writes down what is new.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.cli.tree import Command
from outreply_cli.emulator.daemon import STATE_FILE
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result, command_tree
from tests.commands.receiver_process import SECRET, Serving, serving
from tests.golden.shapes import Shape, broken_promises, joined, read, shape_of, written
from tests.media.sample_files import jpeg, png

GOLDEN = Path(__file__).parent / "json"
# Their result is a document, the same in every format.
DOCUMENTS = {
    "auth token", "bulk export", "bulk template", "emulator exec", "emulator seed", "posts export",
    "webhooks sign",
}  # fmt: skip
# They tell what they did on stderr, and have no result.
SILENT = {
    "auth login", "auth logout", "auth switch", "bulk plan", "emulator fault clear",
    "emulator snapshot save", "emulator stop", "webhooks delete",
}  # fmt: skip
AT_A_TERMINAL = {"comments triage"}
# Asked twice they answer the same.
READS = {
    "api", "auth list", "auth status", "brands list", "brands show", "bulk status", "comments list",
    "emulator deliveries", "emulator fault list", "emulator openapi", "errors", "media list",
    "media show", "pages list", "pages show", "posts calendar", "posts list", "posts show",
    "posts wait", "quota check", "quota forecast", "quota show", "webhooks events",
    "webhooks history", "webhooks list", "webhooks show",
}  # fmt: skip
# What their objects are known by.
IDENTITIES = ("id", "media_id", "number", "code", "name", "event")
# What they show below this depth is the API's own description of itself.
DEPTHS = {"emulator openapi": 2}
CALENDAR = (
    "key,page,scheduled_at,message\n"
    "a,x:bluebird,2026-12-01 09:00,One\nb,linkedin:acme-co,2026-12-01 09:00,Two\n"
)
WITH_JSON = [
    each for each in command_tree().walk()
    if not each.commands and any("--json" in option.flags for option in each.options)
]  # fmt: skip


@dataclass
class Looks:
    """What commands put on stdout for programs."""

    cli: CommandLine
    shapes: dict[str, list[Shape]] = field(default_factory=lambda: defaultdict(list))
    silent: set[str] = field(default_factory=set)
    quiet: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    unasked: dict[str, Result] = field(default_factory=dict)

    def ran(self, command: str, *words: str, stdin: str = "", code: int = 0) -> str:
        if "--yes" in words:
            unsaid = [word for word in words if word != "--yes"]
            self.unasked[command] = self.cli.run(*command.split(), *unsaid)
        # Each in a minute of its own, so that no limit is reached.
        self.cli.clock.advance(61)
        ran = self.cli.run(*command.split(), *words, stdin=stdin)
        assert ran.code == code, f"{command} {words}: {ran.err}"
        return ran.out

    def see(self, command: str, *words: str, stdin: str = "", code: int = 0) -> Any:
        """Run a command with `--json`, and remember its shape."""
        value = self.keep(command, self.ran(command, *words, "--json", stdin=stdin, code=code))
        if command in READS:
            self.quiet[command].append((self.ran(command, *words, "-q"), value))
        return value

    def keep(self, command: str, out: str) -> Any:
        value = json.loads(out)
        self.shapes[command].append(shape_of(value, DEPTHS.get(command, 20)))
        return value

    def hush(self, command: str, *words: str, stdin: str = "") -> None:
        """Run a command that has no result."""
        assert self.ran(command, *words, "--json", stdin=stdin) == ""
        self.silent.add(command)


@contextmanager
def emulated(cli: CommandLine) -> Iterator[EmulatorServer]:
    """An emulator in this process, found by the commands that steer one."""
    directory = cli.home / "state" / "emulator"
    directory.mkdir(parents=True)
    with EmulatorServer(directory / STATE_FILE, cli.clock) as server:
        server.running.save(directory)
        cli.environ["OUTREPLY_API_KEY"] = server.token
        cli.environ["OUTREPLY_BASE_URL"] = server.base_url
        cli.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
        yield server


def look_at_the_account(looks: Looks, server: EmulatorServer) -> None:
    where = ("--base-url", server.base_url, "--insecure-storage", "--profile", "work")
    looks.hush("auth login", "--with-token", *where, stdin=server.token)
    looks.see("auth status")
    looks.see("auth status", "-p", "work")
    looks.see("auth list")
    looks.hush("auth switch", "work")
    looks.hush("auth logout", "-p", "work")
    for brand in looks.see("brands list"):
        looks.see("brands show", brand["id"])
    for page in looks.see("pages list"):
        looks.see("pages show", page["id"])
    looks.see("quota show")
    looks.see("quota check")
    looks.see("quota watch", "--max", "1")
    looks.see("quota forecast")
    looks.see("errors")
    looks.see("errors", "RATE_LIMITED")
    looks.see("api", "GET", "/me")
    looks.see("doctor")
    looks.see("demo")


def look_at_posts(looks: Looks, folder: Path) -> None:
    picture = folder / "hero.jpg"
    picture.write_bytes(jpeg())
    new = ("--at", "+2d", "-m", "Hi")
    looks.see("posts schedule", "--page", "x:bluebird", *new, "--dry-run")
    comment = ("--page", "instagram:acme", "--first-comment", "Yes", "--media", str(picture))
    first = looks.see("posts schedule", *comment, *new)["id"]
    both = ("--page", "facebook:acme", "--page", "x:bluebird")
    second, third = (each["id"] for each in looks.see("posts schedule", *both, *new))
    looks.see("posts publish", "--page", "x:bluebird", "-m", "Now", "--yes")
    looks.see("posts list")
    looks.see("posts show", first)
    looks.see("posts reschedule", first, "--at", "+4d")
    looks.see("posts cancel", second)
    looks.see("posts calendar", "--month")
    looks.see("emulator advance", "3d")
    looks.see("posts wait", third)
    looks.see("posts list", "--all")
    looks.see("posts list", "--published")
    for post in looks.ran("posts list", "--published", "-q").split():
        looks.see("posts show", post)


def look_at_media(looks: Looks, folder: Path) -> None:
    picture, text = folder / "new.png", folder / "notes.jpg"
    picture.write_bytes(png(b"new"))
    text.write_text("no picture")
    stored = looks.see("media upload", str(picture), str(text), code=3)[0]["media_id"]
    looks.see("media list")
    looks.see("media show", stored)
    looks.see("media delete", stored, "--yes")
    looks.ran("media upload", str(picture))
    looks.see("media prune", "--yes")


def look_at_calendars(looks: Looks, folder: Path) -> None:
    calendar, plan = folder / "launch.csv", folder / "launch.plan"
    calendar.write_text(CALENDAR)
    looks.see("bulk schedule", str(calendar), "--dry-run")
    looks.hush("bulk plan", str(calendar), "-o", str(plan))
    looks.see("bulk apply", str(plan))
    looks.see("bulk status", str(calendar))
    edited = CALENDAR.replace("One", "Another")
    calendar.write_text(f"{edited}c,x:bluebird,2026-12-02 09:00,Three\n")
    looks.see("bulk status", str(calendar))
    fault = ("status:400", "--method", "POST", "--path", "/posts/schedule", "--times", "1")
    looks.see("emulator fault add", *fault)
    looks.see("bulk schedule", str(calendar), code=3)
    looks.see("bulk schedule", str(calendar))
    looks.see("bulk cancel", str(calendar), "--yes")


def look_at_comments(looks: Looks) -> None:
    for post in looks.ran("posts list", "--published", "-q").split():
        comments = looks.ran("comments list", post, "--json")
        if comments.strip() != "[]":
            break
    looks.see("comments inbox", "--days", "30")
    looks.see("comments reply", json.loads(comments)[0]["id"], "-m", "Come by")
    looks.see("comments list", post)
    looks.see("emulator comment", post, "-m", "When?")
    looked = looks.ran("comments watch", "--max", "1", "--since", "1h", "-o", "jsonl")
    for line in looked.splitlines():
        looks.keep("comments watch", line)


def look_at_webhooks(looks: Looks, receiver: Serving) -> None:
    looks.see("webhooks events")
    looks.see("webhooks events", "post.published")
    hook = looks.see("webhooks create", "--url", receiver.url)["id"]
    looks.see("webhooks list")
    looks.see("webhooks show", hook)
    body = '{"event": "post.published", "data": {}}'
    signature = looks.ran("webhooks sign", stdin=body).strip()
    looks.see("webhooks verify", "--signature", signature, stdin=body)
    looks.see("webhooks trigger", "post.published", "--to", receiver.url)
    looks.see("webhooks check", receiver.url)
    looks.see("webhooks history")
    kept = looks.ran("webhooks history", "-q").split()[0]
    looks.see("webhooks replay", kept, "--to", receiver.url)
    post = ("--page", "x:bluebird", "--at", "+1h", "-m", "Soon")
    looks.ran("posts schedule", *post)
    looks.see("emulator advance", "2h")
    looks.see("emulator deliveries")
    looks.see("emulator rotate", hook)
    looks.see("emulator enable", hook)
    looks.hush("webhooks delete", hook, "--yes")
    for line in receiver.end().out.splitlines():
        looks.keep("serve-webhook", line)


def look_at_the_emulator(looks: Looks, folder: Path) -> None:
    looks.see("emulator status")
    looks.see("emulator token")
    looks.see("emulator token", "--scopes", "read:posts", "--expires-in", "1h")
    looks.see("emulator openapi")
    looks.see("emulator fault add", "garbage", "--path", "/nowhere")
    looks.see("emulator fault list")
    looks.hush("emulator fault clear")
    snapshot = str(folder / "before.db")
    looks.hush("emulator snapshot save", snapshot)
    looks.see("emulator snapshot load", snapshot, "--yes")
    looks.see("emulator freeze")
    looks.see("emulator unfreeze")
    looks.see("emulator reset", "--yes")
    other = ("--state", str(folder / "other"))
    started = looks.cli.spawn("emulator", "start", "--port", "0", "--json", *other)
    assert started.code == 0, started.err
    looks.keep("emulator start", started.out)
    stopped = looks.cli.spawn("emulator", "stop", "--json", *other)
    assert (stopped.code, stopped.out) == (0, "")
    looks.silent.add("emulator stop")


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Looks:
    folder = tmp_path_factory.mktemp("golden")
    cli = CommandLine(folder / "home", ManualClock())
    made = Looks(cli)
    with emulated(cli) as server, serving(cli, "-o", "jsonl") as receiver:
        look_at_the_account(made, server)
        look_at_posts(made, folder)
        look_at_media(made, folder)
        look_at_calendars(made, folder)
        look_at_comments(made)
        look_at_webhooks(made, receiver)
        look_at_the_emulator(made, folder)
    return made


def test_the_json_of_every_command_keeps_its_shape(looks: Looks) -> None:
    broken = []
    for command, shapes in sorted(looks.shapes.items()):
        seen = joined(shapes)
        assert seen is not None
        path = GOLDEN / f"{command.replace(' ', '-')}.json"
        pinned = read(json.loads(path.read_text())) if path.exists() else None
        if pinned is not None:
            broken += [f"{command}: {told}" for told in broken_promises(pinned, seen)]
        if os.environ.get("UPDATE_GOLDEN"):
            both = seen if pinned is None else joined([pinned, seen])
            path.write_text(json.dumps(written(both or seen), indent=2) + "\n")
        elif pinned is None:
            broken.append(f"{command}: there is no {path.name}")
    assert broken == []


def test_every_command_for_programs_is_looked_at(looks: Looks) -> None:
    names = {" ".join(each.path) for each in WITH_JSON}
    assert names == {*looks.shapes, *looks.silent, *DOCUMENTS, *AT_A_TERMINAL}
    assert looks.silent == SILENT
    assert {path.stem for path in GOLDEN.iterdir()} == {n.replace(" ", "-") for n in looks.shapes}


def identities_of(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    names = [next((name for name in IDENTITIES if name in item), "") for item in items]
    found = [item.get(name) for item, name in zip(items, names, strict=True)]
    return [str(identity) for identity in found if identity is not None]


def test_quiet_leaves_ids_alone_or_nothing(looks: Looks) -> None:
    assert looks.quiet.keys() == READS
    for command, seen in looks.quiet.items():
        for out, value in seen:
            assert out.splitlines() in ([], identities_of(value)), command
    assert looks.quiet["pages list"][0][0].count("\n") == 6


def test_where_nobody_can_be_asked_the_flag_that_answers_is_named(looks: Looks) -> None:
    asking = {"posts publish", "media delete", "media prune", "bulk cancel", "webhooks delete",
              "emulator reset", "emulator snapshot load"}  # fmt: skip
    assert looks.unasked.keys() == asking
    for command, ran in looks.unasked.items():
        assert ran.code == 2, command
        assert "--yes" in ran.err


def error_in(err: str) -> dict[str, Any]:
    """The one object on stderr, with the contract's keys."""
    error = json.loads(err)["error"]
    assert list(error) == [
        "code", "message", "status", "hint", "request_id", "retry_after_seconds", "details",
    ]  # fmt: skip
    return dict(error)


@pytest.mark.parametrize("flags", [("--json",), ("-o", "jsonl")])
def test_wrong_usage_is_json_on_stderr_and_nothing_on_stdout(
    cli_logged_out: CommandLine, flags: tuple[str, ...]
) -> None:
    for command in WITH_JSON:
        if "-o" in flags and command.path == ("bulk", "plan"):
            # There -o names the plan's file.
            continue
        ran = cli_logged_out.run(*command.path, "--nonsense", *flags)
        assert (ran.code, ran.out) == (2, ""), command.full_name
        assert error_in(ran.err)["code"] == "USAGE"


def required_words(command: Command) -> list[str]:
    """Something for everything that a command can't go without."""
    words = [word for one in command.options if one.is_required for word in (one.flags[0], "1h")]
    return words + ["x" for one in command.arguments if one.is_required]


def test_failures_are_json_on_stderr_and_nothing_on_stdout(cli_logged_out: CommandLine) -> None:
    for command in WITH_JSON:
        if not any("--profile" in option.flags for option in command.options):
            continue
        if command.path[0] in {"doctor", "errors"} or command.path[1:] == ("list",):
            continue
        ran = cli_logged_out.run(*command.path, *required_words(command), "--json")
        assert ran.code != 0, command.full_name
        assert ran.out == "", command.full_name
        assert error_in(ran.err)["message"]
        for_people = cli_logged_out.run(*command.path, *required_words(command))
        assert for_people.code == ran.code
        assert "Error: " in for_people.err
        assert len(for_people.err.splitlines()) <= 3, command.full_name
