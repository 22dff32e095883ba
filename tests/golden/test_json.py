"""The JSON of every command keeps its shape: fields may be added, but not removed or retyped.

Commands are also run with `-q`, and without `--yes` where they prompt.
"""

import contextlib
import json
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from outreply_cli.cli.reference import SCHEMAS_PATH, result_schema
from outreply_cli.cli.tree import Command
from outreply_cli.commands.mcp.plan_store import PLANS_FILE, PlanState, PlanStore
from outreply_cli.commands.mcp.tool_specs import CommandCall
from outreply_cli.emulator.daemon import STATE_FILE
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.webhooks.models import Attempt, ForwardState, IncomingDelivery
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result, command_tree
from tests.commands.receiver_process import SECRET, ReceiverProcess, run_receiver
from tests.file_keyring import FileKeyring
from tests.golden.shapes import (
    Shape,
    find_breaking_changes,
    find_gaps,
    infer_shape,
    merge_shapes,
    shape_from_json,
    shape_to_json,
    shape_to_schema,
)
from tests.golden.update import UPDATE_GOLDEN, update_text
from tests.media.sample_files import jpeg, mp4, png
from tests.postgres import make_database, make_member, open_migrated
from tests.scripted_server import DROP, ScriptedServer

GOLDEN = Path(__file__).parent / "json"
# Prints what the command that it runs prints.
PASS_THROUGH = {"emulator exec"}
TERMINAL_ONLY = {"comments triage"}
# Streaming commands: one object per line.
STREAMING = {"comments watch", "quota watch", "serve-webhook"}
# Commands that return the same when repeated.
READ_COMMANDS = {
    "analytics best-times", "analytics show",
    "api", "auth list", "auth status", "brands list", "brands show", "bulk status", "comments list",
    "emulator audit", "emulator deliveries", "emulator fault list", "emulator tokens",
    "emulator openapi", "errors", "media list",
    "mcp plans", "media show", "pages list", "pages show", "posts calendar", "posts check",
    "posts list",
    "posts show", "posts wait", "slots list", "store log", "quota check", "quota forecast",
    "quota show",
    "webhooks events",
    "webhooks history", "webhooks list", "webhooks queue list", "webhooks show",
}  # fmt: skip
ID_FIELDS = ("id", "media_id", "number", "code", "name", "event")
# Levels of the OpenAPI document that are inspected.
MAX_DEPTHS = {"emulator openapi": 2}
# Prints whatever the API returns.
ANY_VALUE = {"api"}
# Commands whose rows have the same fields.
ROW_COMMANDS = {"bulk apply", "bulk cancel", "bulk plan", "bulk schedule"}
# Forms that a command's array never has.
IMPOSSIBLE = {
    # A fixed list.
    "demo": {"empty", "single"},
    "doctor": {"empty", "single"},
    "examples": {"empty", "single"},
    "quota forecast": {"empty", "single"},
    "webhooks check": {"empty", "single"},
    "webhooks events": {"empty", "single"},
    # An unknown code is an error.
    "errors": {"empty"},
    # A calendar without posts, and files without media, are errors.
    "bulk apply": {"empty"},
    "bulk plan": {"empty"},
    "bulk preview": {"empty"},
    "posts preview": {"empty"},
    "bulk schedule": {"empty"},
    "bulk status": {"empty"},
    "media upload": {"empty"},
    # One document for each format that was requested.
    "posts export": {"empty"},
    "analytics report": {"empty"},
    "webhooks queue skip": {"empty"},
    "webhooks trigger": {"empty", "plural"},
    # A collaborator without tokens is an error.
    "emulator edit-collaborator": {"empty"},
    # A missing post aborts the command.
    "posts retry": {"empty"},
}
TOKEN = "outreply_live_" + "golden" * 6
# Commands without `--fields`.
NO_FIELDS = {"help"}
CALENDAR = (
    "key,page,scheduled_at,message\n"
    "a,x:bluebird,2026-12-01 09:00,One\nb,linkedin:acme-co,2026-12-01 09:00,Two\n"
)
JSON_COMMANDS = [
    command for command in command_tree().walk()
    if not command.commands and any("--json" in option.flags for option in command.options)
]  # fmt: skip


@dataclass(frozen=True)
class RecordedRun:
    """A command line, its exit code and the value it printed, if any."""

    command: str
    words: tuple[str, ...]
    code: int
    value: Any = None

    @property
    def items(self) -> list[Any] | None:
        """Items of the output."""
        if isinstance(self.value, dict):
            rows: list[Any] | None = self.value.get("rows")
            return rows
        return self.value if isinstance(self.value, list) else None


@dataclass
class Recorder:
    """Runs commands and records their JSON.

    Attributes:
        runs: Runs that printed a value.
        failures: Runs that ended with an error.
        quiet: Output with `-q` next to the JSON value, by command.
        csv: Column names with `-o csv`, by command.
        unconfirmed: Results without `--yes`, by command.
    """

    cli: CommandLine
    runs: list[RecordedRun] = field(default_factory=list)
    failures: list[RecordedRun] = field(default_factory=list)
    quiet: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    csv: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unconfirmed: dict[str, Result] = field(default_factory=dict)

    def run(self, command: str, *words: str, stdin: str = "", code: int = 0) -> str:
        if "--yes" in words:
            without_yes = [word for word in words if word != "--yes"]
            self.unconfirmed[command] = self.cli.run(*command.split(), *without_yes)
        return self._run(command, *words, stdin=stdin, code=code).out

    def record(self, command: str, *words: str, stdin: str = "", code: int = 0) -> Any:
        """Run a command with `--json` and record the output, and the error if it has one."""
        # A new command has no schema yet.
        if command not in NO_FIELDS and (result_schema(command) or not UPDATE_GOLDEN):
            self.fail(command, *words, "--fields", "no_such", stdin=stdin, code=2)
        out = self.run(command, *words, "--json", stdin=stdin, code=code)
        value = self.record_output(command, out, *words, code=code)
        if code:
            self._record_error(self.cli.history[-1][1].err, command, *words, code=code)
        if command in READ_COMMANDS:
            self.quiet[command].append((self.run(command, *words, "-q"), value))
            if isinstance(value, list):
                header, *_ = self.run(command, *words, "-o", "csv").splitlines()
                self.csv[command] |= {*header.split(",")}
        return value

    def record_output(self, command: str, out: str, *words: str, code: int = 0) -> Any:
        value = json.loads(out)
        self.runs.append(RecordedRun(command, words, code, value))
        return value

    def record_lines(self, command: str, *words: str) -> None:
        """Run a command with `-o jsonl` and record each line."""
        fields = ("--fields", "no_such")
        self.fail(command, *words, *fields, code=2, output=("-o", "jsonl"))
        for line in self.run(command, *words, "-o", "jsonl").splitlines():
            self.record_output(command, line, *words)

    def fail(
        self,
        command: str,
        *words: str,
        code: int,
        stdin: str = "",
        output: tuple[str, ...] = ("--json",),
    ) -> dict[str, Any]:
        """Run a command that prints nothing but an error, and return the error."""
        result = self._run(command, *words, *output, stdin=stdin, code=code)
        assert result.out == "", f"{command} {words}"
        return self._record_error(result.err, command, *words, code=code)

    def _run(self, command: str, *words: str, stdin: str, code: int) -> Result:
        # A minute later, so that no rate limit is reached.
        self.cli.clock.advance(61)
        result = self.cli.run(*command.split(), *words, stdin=stdin)
        assert result.code == code, f"{command} {words}: {result.err}"
        return result

    def _record_error(self, err: str, command: str, *words: str, code: int) -> dict[str, Any]:
        error = parse_error(err.splitlines()[-1])
        self.failures.append(RecordedRun(command, words, code, error))
        return error


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
    options = ("--base-url", server.base_url, "--insecure-storage")
    recorder.record("auth list")
    recorder.record("auth login", "--with-token", *options, "-p", "work", stdin=server.token)
    recorder.record("auth list")
    expiring = recorder.record("emulator token", "--expires-in", "30d")["token"]
    agency = ("-p", "agency", "--tz", "Europe/Paris")
    recorder.record("auth login", "--with-token", *options, *agency, stdin=expiring)
    limited = recorder.record("emulator token", "--scopes", "read:posts", "--name", "Reader")
    recorder.run("auth login", "--with-token", *options, "-p", "reader", stdin=limited["token"])
    for profile in ("work", "agency", "reader"):
        recorder.record("auth status", "-p", profile)
    recorder.record("auth status")
    recorder.record("quota show", "-p", "agency")
    blind = recorder.record("emulator token", "--scopes", "read:account", "--name", "Blind")
    recorder.run("auth login", "--with-token", *options, "-p", "blind", stdin=blind["token"])
    recorder.record("quota show", "-p", "blind")
    recorder.record("api", "GET", "/me", "-p", "agency")
    recorder.record("auth token")
    recorder.record("auth switch", "work")
    recorder.record("auth logout", "-p", "reader")
    recorder.record("auth list")
    for command in ("auth status", "auth token", "auth logout", "pages list"):
        recorder.fail(command, "-p", "nope", code=5)
    recorder.fail("auth switch", "nope", code=5)
    recorder.fail("auth login", "--with-token", *options, code=4, stdin="outreply_live_wrong")
    for brand in recorder.record("brands list"):
        recorder.record("brands show", brand["id"])
    recorder.fail("brands show", "nope", code=5)
    for page in recorder.record("pages list"):
        recorder.record("pages show", page["id"])
    recorder.record("pages list", "--platform", "youtube")
    recorder.fail("pages list", "--brand", "nope", code=5)
    recorder.fail("pages show", "x:nope", code=5)
    record_quota_commands(recorder)
    recorder.record_lines("quota watch", "--count", "1", "-p", "agency")
    recorder.fail("quota check", "--min-publishes", "100000", code=6)


def record_tools(recorder: Recorder) -> None:
    recorder.record("errors")
    recorder.record("errors", "RATE_LIMITED")
    recorder.fail("errors", "NOPE", code=2)
    recorder.record("api", "GET", "/me")
    recorder.fail("api", "GET", "/media/nope", code=5)
    recorder.record("doctor")
    token = recorder.cli.environ["OUTREPLY_API_KEY"]
    recorder.cli.environ["OUTREPLY_API_KEY"] = "outreply_live_wrong"
    recorder.record("doctor", code=1)
    recorder.cli.environ["OUTREPLY_API_KEY"] = token
    recorder.record("demo")
    recorder.record("completion", "bash")
    recorder.fail("completion", "tcsh", code=2)
    recorder.record("examples")
    recorder.record("examples", "crontab")
    recorder.fail("examples", "nope", code=2)
    recorder.record("help")
    recorder.record("help", "posts", "show")
    recorder.record("help", "bulk", "template")
    recorder.fail("help", "nope", code=2)


def record_quota_commands(recorder: Recorder) -> None:
    recorder.record("quota show")
    recorder.record("quota check", "--warn-at", "1%")
    recorder.record_lines("quota watch", "--count", "1")
    recorder.record("quota forecast")


def record_analytics(recorder: Recorder) -> None:
    for command in ("analytics show", "analytics best-times"):
        recorder.record(command)
        recorder.fail(command, "x:nope", code=5)
    recorder.fail("analytics report", code=2)
    recorder.record("analytics collect", "--keep-reads", "1000000", code=6)
    fault = ("status:404", "--path", "/posts/published", "--times", "1")
    recorder.record("emulator fault add", *fault)
    recorder.record("analytics collect", code=3)
    recorder.record("analytics collect")
    for days in ("1d", "2d"):
        recorder.cli.run("emulator", "advance", days)
        recorder.record("analytics collect")
    recorder.record("analytics show", "--since", "1d", "--compare")
    recorder.record("analytics show", "instagram:acme", "--compare")
    (page,) = recorder.record("analytics show", "youtube:bluebirdathome", "--since", "1d")
    recorder.record("analytics show", "brand:Acme Co.", "--compare")
    recorder.record("analytics best-times")
    recorder.record("analytics report", "--html", "report.html")
    recorder.record("analytics report", page["id"], "--html", "-", "--csv", "-")


def record_checks(recorder: Recorder, clip: str) -> None:
    for checked in (("--platform", "facebook"), ("--platform", "x"), ("--page", "instagram:acme")):
        recorder.record("posts check", *checked, "-m", "Hi")
    recorder.record("posts check", "-m", "Hi", "--media", clip, "--media", "media:m1")
    recorder.fail("posts check", "--page", "x:nope", "-m", "Hi", code=5)
    recorder.record("posts preview", "--page", "instagram:acme", "-m", "Hi", "--media", clip)
    settings = ("--tiktok", '{"privacy_level": "SELF_ONLY"}')
    link = ("--link", "https://example.com/", "--media", "https://example.com/a.jpg")
    recorder.record("posts preview", "--platform", "tiktok", "--media", clip, *settings, *link)
    comment = ("--first-comment", "Yes", "--platform", "facebook", "--platform", "instagram")
    recorder.record("posts preview", "-m", "Hi", *comment)
    recorder.fail("posts preview", "--page", "x:nope", "-m", "Hi", code=5)


def record_post_commands(recorder: Recorder, folder: Path) -> None:
    picture, clip = folder / "hero.jpg", folder / "clip.mp4"
    picture.write_bytes(jpeg())
    clip.write_bytes(mp4())
    new = ("--at", "+2d", "-m", "Hi")
    both = ("--page", "facebook:acme", "--page", "x:bluebird")
    for pages in (("--page", "x:bluebird"), both):
        recorder.record("posts schedule", *pages, *new, "--dry-run")
        recorder.record("posts publish", *pages, "-m", "Hi", "--dry-run")
    record_checks(recorder, str(clip))
    comment = ("--page", "instagram:acme", "--first-comment", "Yes", "--media", str(picture))
    (first,) = recorder.record("posts schedule", *comment, *new)
    second, third = recorder.record("posts schedule", *both, *new)
    settings = ("--tiktok", '{"privacy_level": "SELF_ONLY"}')
    tiktok = ("--page", "tiktok:bluebirdcoffee", "--media", str(clip), *settings)
    (video,) = recorder.record("posts schedule", *tiktok, "--at", "+3d")
    link = ("--page", "linkedin:acme-co", "-m", "Read", "--link", "https://example.com/")
    (fourth,) = recorder.record("posts schedule", *link, "--at", "+3d")
    recorder.record("posts publish", "--page", "x:bluebird", "-m", "Now", "--yes")
    recorder.record("posts publish", *both, "-m", "Both", "--yes")
    for command, options in (("posts schedule", new), ("posts publish", ("-m", "Hi"))):
        recorder.fail(command, "--page", "x:nope", *options, "--dry-run", code=5)
    for path, command, option in (
        ("schedule", "posts schedule", "--at=+2d"),
        ("publish", "posts publish", "--yes"),
    ):
        add_fault(recorder, f"/posts/{path}", times=2)
        recorder.record(command, *both, "-m", "Hi again", option, code=3)
    recorder.record("posts list")
    recorder.record("posts list", "--limit", "1")
    for post in (first, fourth):
        recorder.record("posts show", post["id"])
    edited, second, third = record_edits(recorder, first, second, third)
    (video,) = recorder.record("posts edit", video["id"], "--clear", "tiktok", "--yes")
    recorder.record("posts edit", video["id"], *settings, "--yes")
    recorder.record("posts reschedule", edited["id"], "--at", "+4d")
    recorder.record("posts cancel", second["id"])
    recorder.record("posts cancel", "nope", "gone", code=3)
    recorder.fail("posts cancel", "nope", code=5)
    recorder.fail("posts show", "nope", code=5)
    recorder.fail("posts reschedule", "nope", "--at", "+4d", code=5)
    recorder.fail("posts wait", "nope", code=5)
    recorder.fail("posts wait", third["id"], "--timeout", "1m", code=124)
    for command in ("posts list", "posts calendar", "posts export", "bulk export"):
        recorder.fail(command, "--page", "x:nope", code=5)
    recorder.record("posts calendar", "--month")
    recorder.record("posts calendar", "--month", "--page", "linkedin:acme-co")
    recorder.record("posts export")
    ics, calendar = str(folder / "posts.ics"), str(folder / "posts.csv")
    recorder.record("posts export", "--ics", ics, "--csv", calendar)
    recorder.record("emulator advance", "3d")
    recorder.record("posts wait", third["id"])
    recorder.record("posts list", "--all")
    recorder.record("posts list", "--published")
    for post in recorder.run("posts list", "--published", "-q").split():
        recorder.record("posts show", post)
    post = recorder.record("posts schedule", "--page", "facebook:acme", *new)[0]["id"]
    another = recorder.record("posts schedule", "--page", "x:bluebird", *new)[0]["id"]
    recorder.record("posts cancel", post, another)


def record_edits(recorder: Recorder, first: Any, second: Any, third: Any) -> list[Any]:
    """Edit posts, and return those that replace them."""
    texts = ("--replace", "Hi=Hello", "--replace", "Yes=No")
    recorder.record("posts edit", first["id"], *texts, "--dry-run")
    (edited,) = recorder.record("posts edit", first["id"], *texts, "--yes")
    parts = ("--clear", "message", "--clear", "first-comment", "--link", "https://example.com/")
    urls = ("--media", "https://example.com/a.jpg")
    (edited,) = recorder.record("posts edit", edited["id"], *parts, *urls, "--yes")
    (edited,) = recorder.record("posts edit", edited["id"], "--undo", "--yes")
    ids = (second["id"], third["id"])
    others = recorder.record("posts edit", *ids, "-m", "Both", "--yes")
    recorder.record("posts edit", "--all", "--replace", "no such text=x")
    recorder.fail("posts edit", "nope", "-m", "Hi", code=5)
    return [edited, *others]


def record_slot_commands(recorder: Recorder) -> None:
    page = "linkedin:acme-co"
    for command in ("slots list", "slots preview"):
        recorder.record(command)
    for target in (page, "brand:Acme Co."):
        recorder.record("slots set", target, "daily 09:00")
        recorder.record("slots list")
    at_slot = ("--page", page, "--at", "next-slot", "-m", "Slot")
    (freed,) = recorder.record("posts schedule", *at_slot)
    (filled,) = recorder.record("posts schedule", *at_slot)
    recorder.run("posts cancel", freed["id"])
    for limit in ("1", "3"):
        recorder.record("slots preview", page, "--limit", limit)
    for target in (page, "brand:Acme Co."):
        recorder.record("slots clear", target)
    recorder.run("posts cancel", filled["id"])


def record_failed_posts(recorder: Recorder, server: EmulatorServer, folder: Path) -> None:
    recorder.record("posts list", "--failed")
    recorder.record("pages check")
    pages = ("--page", "facebook:acme", "--page", "instagram:acme")
    picture = ("--media", str(folder / "hero.jpg"))
    recorder.run("posts schedule", *pages, *picture, "--at", "+2h", "-m", "Fails", "--key", "fails")
    recorder.run("posts schedule", "--page", "facebook:acme", "--at", "+2d", "-m", "Waits")
    expire = "UPDATE pages SET expired = 1 WHERE platform = ?"
    for platform in ("facebook", "instagram"):
        server.state.connection.execute(expire, (platform,))
        recorder.record("pages check", code=1)
    recorder.run("emulator advance", "3h")
    first, second, *_ = (post["id"] for post in recorder.record("posts list", "--failed"))
    recorder.record("status")
    server.state.connection.execute("UPDATE pages SET expired = 0")
    recorder.record("pages check")
    for posts in ((first,), (first, second)):
        recorder.record("posts retry", *posts, "--dry-run", "--yes")
        recorder.record("posts retry", *posts, "--yes")
    recorder.fail("posts retry", "nope", "--yes", code=5)
    recorder.record("status")


def record_media_commands(recorder: Recorder, folder: Path) -> None:
    pictures = [folder / f"{number}.png" for number in range(5)]
    for number, picture in enumerate(pictures):
        picture.write_bytes(png(b"new" * number))
    text = folder / "notes.jpg"
    text.write_text("no picture")
    paths = [str(picture) for picture in pictures]
    uploads = recorder.record("media upload", paths[0], str(text), code=3)
    recorder.record("media upload", paths[1])
    recorder.record("media upload", paths[0], paths[1], "--skip-existing")
    recorder.record("media upload", str(text), code=2)
    media_id = uploads[0]["media_id"]
    recorder.record("media list")
    recorder.record("media show", media_id)
    recorder.fail("media show", "nope", code=5)
    recorder.record("media delete", media_id, "--yes")
    recorder.record("media delete", "nope", "gone", "--yes", code=3)
    recorder.fail("media delete", "nope", "--yes", code=5)
    recorder.record("media prune", "--dry-run")
    recorder.record("media prune", "--yes")
    recorder.record("media prune", "--dry-run")
    recorder.record("media prune", "--yes")
    recorder.run("media upload", paths[4])
    recorder.record("media list", "--unused")
    uploads = recorder.record("media upload", *paths[2:4])
    recorder.record("media prune", "--dry-run")
    recorder.record("media delete", *(upload["media_id"] for upload in uploads), "--yes")
    recorder.run("media upload", *paths[2:4])
    recorder.record("media prune", "--yes")


def record_bulk_commands(recorder: Recorder, folder: Path) -> None:
    calendar, plan = folder / "launch.csv", folder / "launch.plan"
    single = folder / "single.csv"
    single.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-05 09:00,Alone\n")
    calendar.write_text(CALENDAR)
    unknown = folder / "unknown.csv"
    unknown.write_text(CALENDAR.replace("bluebird", "nope"))
    recorder.fail("bulk schedule", str(unknown), code=2)
    for command in ("bulk schedule", "bulk status", "bulk reconcile"):
        recorder.fail(command, "missing.csv", code=2)
    recorder.fail("bulk plan", "missing.csv", "-o", str(plan), code=2)
    recorder.fail("bulk apply", "missing.plan", code=2)
    recorder.fail("bulk cancel", "missing.csv", "--yes", code=2)
    recorder.record("bulk schedule", str(calendar), "--dry-run")
    recorder.record("bulk status", str(calendar))
    recorder.record("bulk plan", str(single), "-o", str(plan))
    recorder.record("bulk apply", str(plan))
    recorder.record("bulk plan", str(calendar), "-o", str(plan))
    add_fault(recorder, "/posts/schedule")
    recorder.record("bulk apply", str(plan), code=3)
    recorder.record("bulk apply", str(plan))
    recorder.record("bulk status", str(calendar))
    recorder.record("bulk status", str(single))
    recorder.record("bulk template")
    recorder.record("bulk template", "xlsx", "--file", str(folder / "plan.xlsx"))
    recorder.record("bulk schema")
    warned = folder / "warned.csv"
    warned.write_text("page,scheduled_at,message\nfacebook:acme,tomorrow 9:00,Hi\n")
    recorder.record("bulk check", str(calendar))
    recorder.record("bulk check", str(warned))
    warned.write_text(warned.read_text() + "facebook:acme,tomorrow 10:00,Hi\n")
    recorder.record("bulk check", str(warned))
    rich = folder / "rich.csv"
    rich.write_text(
        "page,scheduled_at,message,media_urls,media_ids,first_comment,link,tiktok_settings\n"
        "instagram:acme,,,https://example.com/a.jpg,m1,Yes,https://example.com/,\n"
        "instagram:acme,,Words only,,,,,\n"
        "tiktok:bluebirdcoffee,,,https://example.com/a.mp4,,,,"
        '"{""privacy_level"": ""SELF_ONLY""}"\n'
    )
    for previewed in (calendar, single, rich):
        recorder.record("bulk preview", str(previewed))
    approval = str(folder / "all.approval.json")
    recorder.record("bulk approve", str(calendar), "--file", approval, "--all", "--yes")
    recorder.record("bulk schedule", str(calendar), "--approved", approval, "--dry-run")
    for command in ("bulk preview", "bulk approve"):
        recorder.fail(command, "missing.csv", code=2)
    recorder.record("bulk convert", str(calendar))
    recorder.fail("bulk convert", "missing.csv", code=2)
    recorder.record("bulk export")
    recorder.record("bulk export", "--file", str(folder / "now.csv"))
    edited = CALENDAR.replace("One", "Another")
    calendar.write_text(f"{edited}c,x:bluebird,2026-12-02 09:00,Three\n")
    recorder.record("bulk status", str(calendar))
    add_fault(recorder, "/posts/schedule")
    recorder.record("bulk schedule", str(calendar), code=3)
    recorder.record("bulk schedule", str(calendar))
    recorder.record("bulk schedule", str(single))
    recorder.record("bulk reconcile", str(calendar))


def record_ambiguous_rows(recorder: Recorder, folder: Path) -> None:
    calendar, single = folder / "launch.csv", folder / "single.csv"
    (recorder.cli.home / "state" / "journal.db").unlink()
    recorder.record("store log")
    recorder.record("bulk reconcile", str(calendar), "--dry-run")
    recorder.record("bulk reconcile", str(single), "--dry-run")
    recorder.cli.run("bulk", "reconcile", str(single), "--yes")
    calendar.write_text(calendar.read_text().replace("Three", "Three!"))
    recorder.record("bulk reconcile", str(calendar), code=3)
    recorder.cli.run("bulk", "reconcile", str(calendar), "--yes")
    recorder.record("store status")
    lose_responses(recorder, "key:a@%")
    recorder.record("store status")
    recorder.record("status")
    recorder.record("bulk status", str(calendar))
    recorder.record("bulk schedule", str(calendar), "--dry-run")
    recorder.record("bulk cancel", str(calendar), "--yes")
    recorder.record("bulk cancel", str(calendar), "--yes")
    recorder.record("bulk cancel", str(single), "--yes")
    calendar.write_text(CALENDAR.replace("2026-12-01", "2026-12-08"))
    recorder.run("bulk schedule", str(calendar), "--name", "lost")
    lose_responses(recorder, "%")
    recorder.record("store status")


def record_store_commands(recorder: Recorder, folder: Path, store_url: str) -> None:
    add_fault(recorder, "/posts/schedule")
    refused = ("--page", "x:bluebird", "--at", "in 3d", "-m", "Refused", "--key", "refused")
    recorder.fail("posts schedule", *refused, code=1)
    photo = ("--page", "instagram:acme", "--at", "in 3d", "--media", "https://example.com/a.jpg")
    recorder.run("posts schedule", *photo, "--key", "photo")
    recorder.record("store log")
    recorder.record("store log", "--limit", "1")
    recorder.fail("store log", "--page", "x:nope", code=5)
    backup = folder / "backup.jsonl"
    recorder.record("store export", "--file", str(backup))
    recorder.record("store export")
    recorder.fail("store export", "--file", str(folder), code=2)
    recorder.record("store restore", str(backup))
    recorder.fail("store restore", "missing.jsonl", code=2)
    recorder.fail("store migrate", code=2)
    recorder.fail("store move", code=2)
    recorder.fail("store logout", code=2)
    recorder.cli.environ["OUTREPLY_STORE_URL"] = store_url
    recorder.record("store migrate")
    recorder.record("store move")
    with closing(open_migrated(store_url)) as journal, journal.lock("a", "name:x", wait=0):
        recorder.record("store status")
    recorder.cli.environ["OUTREPLY_STORE_URL"], password = make_member(store_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setattr("outreply_cli.accounts.keyring._backend", FileKeyring)
        recorder.record("store login", "--with-password", stdin=password)
        recorder.record("store logout")
        recorder.fail("store login", "--with-password", stdin="wrong", code=1)
    del recorder.cli.environ["OUTREPLY_STORE_URL"]


def add_fault(recorder: Recorder, path: str, times: int = 1) -> None:
    options = ("--method", "POST", "--path", path, "--times", str(times))
    recorder.record("emulator fault add", "status:400", *options)


def lose_responses(recorder: Recorder, rows: str) -> None:
    """Make it look as if the responses to these rows had been lost."""
    journal = recorder.cli.home / "state" / "journal.db"
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("UPDATE entries SET state = 'sent', sent_at = 1 WHERE row LIKE ?", (rows,))


def record_comment_commands(recorder: Recorder) -> None:
    for post in recorder.run("posts list", "--published", "-q").split():
        comments = recorder.run("comments list", post, "--json")
        if comments.strip() != "[]":
            break
    recorder.record("comments inbox", "--days", "30", "--all")
    recorder.record("comments reply", json.loads(comments)[0]["id"], "-m", "Come", "--dry-run")
    reply = recorder.record("comments reply", json.loads(comments)[0]["id"], "-m", "Come by")
    recorder.record("comments reply", reply["parent_id"], "-m", "Come back", "--dry-run")
    recorder.record("comments reply", "c_99", "-m", "Come by", "--dry-run")
    recorder.fail("comments reply", "nope", "-m", "Come by", "--yes", code=5)
    recorder.record("comments list", post)
    recorder.record("comments list", post, "--contains", reply["message"])
    recorder.record("comments list", post, "--contains", "nothing like it")
    recorder.fail("comments list", "nope", code=5)
    recorder.fail("comments list", "https://example.com/p/nope", code=5)
    recorder.run("comments inbox", "--days", "30")
    recorder.record("comments inbox", "--days", "30")
    recorder.record("emulator add-comment", post, "-m", "When?")
    recorder.fail("emulator add-comment", "nope", "-m", "When?", code=5)
    recorder.record("comments inbox", "--since", "10m")
    recorder.record("emulator add-comment", post, "-m", "Who?")
    recorder.record_lines("comments watch", "--count", "1", "--since", "1h")


def record_webhook_commands(
    recorder: Recorder, receiver: ReceiverProcess, forwarder: ReceiverProcess
) -> None:
    recorder.record("webhooks events")
    recorder.record("webhooks events", "post.published")
    recorder.fail("webhooks events", "post.nope", code=2)
    recorder.record("webhooks list")
    recorder.record("webhooks history")
    recorder.record("webhooks replay", "--since", "1h", "--to", receiver.url)
    hook = recorder.record("webhooks create", "--url", receiver.url)["id"]
    recorder.fail("webhooks create", "--url", "nope", code=2)
    recorder.record("webhooks list")
    recorder.record("webhooks create", "--url", receiver.url, "--events", "post.failed")
    recorder.record("webhooks list")
    recorder.record("webhooks show", hook)
    for command in ("webhooks show", "emulator rotate-secret", "emulator enable-webhook"):
        recorder.fail(command, "nope", code=5)
    recorder.fail("webhooks delete", "nope", "--yes", code=5)
    body = '{"event": "post.published", "data": {}}'
    signature = recorder.record("webhooks sign", stdin=body)["signature"]
    recorder.fail("webhooks sign", "--file", "missing.json", code=2)
    recorder.record("webhooks verify", "--signature", signature, stdin=body)
    recorder.fail("webhooks verify", "--signature", signature, stdin="{}", code=1)
    recorder.record("webhooks trigger", "post.published", "--to", forwarder.url)
    recorder.record("webhooks history", "--limit", "1")
    recorder.record("webhooks trigger", "post.failed", "--to", "127.0.0.1:9", code=7)
    recorder.fail("webhooks trigger", "post.nope", "--to", receiver.url, code=2)
    recorder.record("webhooks check", receiver.url)
    recorder.record("webhooks check", f"{receiver.url}nope", code=3)
    with ScriptedServer([DROP]) as server:
        recorder.record("webhooks check", server.url, code=3)
    recorder.fail("webhooks check", "127.0.0.1:9", code=7)
    # With the deliveries before those of `webhooks check`.
    recorder.record("webhooks history", "--limit", "200")
    first, second, *_ = recorder.run("webhooks history", "-q").split()
    recorder.record("webhooks replay", first, "--to", receiver.url)
    recorder.record("webhooks replay", first, second, "--to", "127.0.0.1:9", code=7)
    recorder.fail("webhooks replay", "#12345", "--to", receiver.url, code=5)
    record_queue(recorder)
    record_plans(recorder)
    recorder.record("emulator deliveries")
    recorder.run("webhooks create", "--url", "http://127.0.0.1:9/")
    recorder.run("posts schedule", "--page", "x:bluebird", "--at", "+1h", "-m", "Soon")
    recorder.run("posts schedule", "--page", "facebook:acme", "--at", "+1h", "-m", "Soon")
    recorder.record("emulator advance", "2h")
    recorder.record("emulator deliveries")
    recorder.record("emulator deliveries", "--limit", "1")
    recorder.record("emulator rotate-secret", hook)
    recorder.record("emulator enable-webhook", hook)
    recorder.record("webhooks delete", hook, "--yes")
    for process in (forwarder, receiver):
        for line in process.stop().out.splitlines():
            recorder.record_output("serve-webhook", line)
    recorder.fail("serve-webhook", "--fields", "no_such", code=2, output=("-o", "jsonl"))


def record_plans(recorder: Recorder) -> None:
    recorder.record("mcp plans")
    recorder.fail("mcp plans", "--limit", "0", code=2)
    path = Path(recorder.cli.environ["OUTREPLY_STATE_DIR"]) / PLANS_FILE
    now = recorder.cli.clock.now().timestamp()
    with closing(PlanStore(path)) as plans:
        calls = [
            CommandCall("posts cancel", ["posts", "cancel", "--json", "--", "1"]),
            CommandCall("bulk schedule", ["bulk", "schedule", "--json", "--", "-"], "key\n"),
        ]
        previews: list[Any] = [None, {"summary": {"created": 1}}]
        for call, preview in zip(calls, previews, strict=True):
            plan = plans.add(
                "account", "Alex Doe <alex@example.com>", call, preview=preview, pages=None, now=now
            )
            recorder.record("mcp plans")
        plans.decide(plan, PlanState.APPROVED, "root", now)
        plans.finish(plan, PlanState.DONE, {"exit_code": 0})
    recorder.record("mcp plans")


def record_queue(recorder: Recorder) -> None:
    queue = "webhooks queue"
    recorder.record(f"{queue} list", "--to", "localhost:9/nothing")
    recorder.record(f"{queue} clear", "--to", "localhost:9/nothing")
    recorder.record(f"{queue} retry", "--failed", "--to", "localhost:9/nothing")
    now = recorder.cli.clock.now().timestamp()
    path = Path(recorder.cli.environ["OUTREPLY_STATE_DIR"]) / DELIVERIES_FILE
    with closing(DeliveryStore(path)) as store:
        deliveries = [
            IncomingDelivery(
                f"evt_queued_{number}", now, "post.published", is_verified=True, reason=None,
                status=200, headers=[], body=b"{}", targets=["http://127.0.0.1:9/"],
            )
            for number in range(4)
        ]  # fmt: skip
        store.store(deliveries)
        first, second, third, last = (delivery.id for delivery in deliveries)
        lease = store.acquire_target("http://127.0.0.1:9/")
        assert lease is not None
        results = [DeliveryResult(None, "connection refused", 1.5), DeliveryResult(500, None, 1.5)]
        for queued, result in zip(store.queue()[:2], results, strict=True):
            attempt = Attempt("http://127.0.0.1:9/", now, result)
            store.record_forward(queued.forward, attempt, ForwardState.QUEUED, now + 5, lease)
        lease.release()
    recorder.record(f"{queue} list")
    recorder.record("webhooks history", "--limit", "4")
    recorder.record(f"{queue} skip", first)
    recorder.record(f"{queue} skip", second, third)
    recorder.fail(f"{queue} skip", second, code=5)
    recorder.fail(f"{queue} skip", code=2)
    recorder.record(f"{queue} list")
    recorder.record(f"{queue} list", "--failed")
    recorder.record(f"{queue} retry", first)
    recorder.record(f"{queue} retry", "--failed")
    recorder.fail(f"{queue} retry", "evt_none", code=5)
    recorder.fail(f"{queue} clear", code=2)
    recorder.record(f"{queue} skip", first)
    recorder.record(f"{queue} clear", "--yes")
    recorder.record(f"{queue} retry", last)
    recorder.record(f"{queue} clear", "--yes")


def record_tokens(recorder: Recorder) -> None:
    recorder.record("emulator audit")
    recorder.record("emulator tokens")
    sam = ("--collaborator", "sam", "--brands", "Acme Co.")
    local = ("--allow-ip", "127.0.0.1,192.0.2.0/24")
    token = recorder.record("emulator token", "--name", "One", *sam, *local)["token"]
    recorder.record("emulator audit")
    recorder.record("emulator edit-collaborator", "sam", "downgrade")
    recorder.record("emulator edit-collaborator", "sam", "restore")
    recorder.record("emulator token", "--name", "Two", "--expires-in", "30d", *sam)
    environ = recorder.cli.environ
    previous, environ["OUTREPLY_API_KEY"] = environ["OUTREPLY_API_KEY"], token
    recorder.record("pages list")
    recorder.record("emulator edit-token", "One", "--scopes", "read:account")
    recorder.fail("pages list", code=4)
    recorder.record("emulator edit-token", "One", "--allow-ip", "192.0.2.0/24")
    recorder.fail("pages list", code=4)
    environ["OUTREPLY_API_KEY"] = previous
    recorder.record("emulator edit-token", "Two", "--allow-ip", "any", "--expire")
    recorder.record("emulator rotate-token", "Two")
    recorder.record("emulator tokens")
    recorder.record("emulator revoke-token", "One")
    recorder.record("emulator revoke-token", "Two")
    recorder.record("emulator edit-collaborator", "sam", "remove")
    recorder.record("emulator audit")
    recorder.record("emulator audit", "--denied")
    for command in ("edit-token", "rotate-token", "revoke-token"):
        options = ("--expire",) if command == "edit-token" else ()
        recorder.fail(f"emulator {command}", "nope", *options, code=5)
    recorder.fail("emulator edit-token", "One", "--expires-in", "900d", code=2)
    recorder.fail("emulator edit-collaborator", "nope", "remove", code=5)
    recorder.run("emulator seed", write_empty_seed(recorder), "--yes")
    recorder.record("emulator tokens")
    recorder.run("emulator reset", "--yes")


def write_empty_seed(recorder: Recorder) -> str:
    path = recorder.cli.home / "empty.yaml"
    path.write_text("accounts: []\n")
    return str(path)


def record_emulator_commands(recorder: Recorder, folder: Path) -> None:
    recorder.record("emulator status")
    recorder.record("emulator token")
    recorder.record("emulator openapi")
    recorder.record("emulator seed", "--export")
    recorder.record("emulator fault clear")
    recorder.record("emulator fault list")
    recorder.record("emulator fault add", "garbage", "--path", "/nowhere")
    recorder.record("emulator fault list")
    recorder.record("emulator fault add", "delay:2", "--path", "/nowhere")
    recorder.record("emulator fault list")
    recorder.fail("emulator fault add", "nope", code=2)
    recorder.fail("emulator fault clear", "99", code=5)
    recorder.record("emulator fault clear")
    snapshot = str(folder / "before.db")
    recorder.record("emulator snapshot save", snapshot)
    recorder.record("emulator snapshot load", snapshot, "--yes")
    recorder.fail("emulator snapshot load", "missing.db", "--yes", code=2)
    recorder.record("emulator freeze")
    recorder.record("emulator unfreeze")
    recorder.record("emulator reset", "--yes")
    record_tokens(recorder)
    for command, words in (
        ("status", ()), ("stop", ()), ("token", ()), ("freeze", ()), ("unfreeze", ()),
        ("reset", ("--yes",)), ("advance", ("1h",)), ("deliveries", ()), ("audit", ()),
        ("tokens", ()), ("edit-token", ("x", "--expire")), ("rotate-token", ("x",)),
        ("revoke-token", ("x",)), ("edit-collaborator", ("x", "remove")), ("fault list", ()),
        ("fault add", ("garbage",)), ("seed", ("--export",)), ("snapshot save", (snapshot,)),
    ):  # fmt: skip
        recorder.fail(f"emulator {command}", *words, "--state", str(folder / "none"), code=1)
    state = ("--json", "--state", str(folder / "other"))
    for verb, options in (("start", ("--port", "0", *state)), ("stop", state)):
        result = recorder.cli.spawn("emulator", verb, *options)
        assert result.code == 0, result.err
        recorder.record_output(f"emulator {verb}", result.out)
    recorder.fail("emulator start", "--state", str(folder / "unused"), "--fields", "x", code=2)


def record_other_accounts(recorder: Recorder, folder: Path) -> None:
    """Accounts without pages and posts, and with posts in every state."""
    for name in ("empty", "varied"):
        seed = folder / f"{name}.yaml"
        shutil.copy(Path(__file__).parent / f"{name}_account.yaml", seed)
        recorder.record("emulator seed", str(seed), "--yes")
        recorder.cli.environ["OUTREPLY_API_KEY"] = TOKEN
        for brand in recorder.record("brands list"):
            recorder.record("brands show", brand["id"])
        for page in recorder.record("pages list"):
            recorder.record("pages show", page["id"])
        for media in recorder.record("media list"):
            recorder.record("media show", media["media_id"])
        for hook in recorder.record("webhooks list"):
            recorder.record("webhooks show", hook["id"])
        recorder.record("posts calendar", "--month")
        for post in recorder.record("posts list", "--all"):
            recorder.record("posts show", post["id"])
            if post["status"] == "published":
                recorder.record("comments list", post["id"])
        recorder.record("posts export")
        recorder.record("bulk export")
        recorder.record("comments inbox")
        recorder.record("status")
        recorder.record("analytics collect")
        recorder.record("analytics show")
        recorder.record("analytics best-times")
        record_quota_commands(recorder)
    seed = folder / "one_page.yaml"
    pages = "[{platform: x, username: one, followers: 5}]"
    brands = f"[{{name: One, pages: {pages}}}]"
    seed.write_text(f"accounts: [{{tokens: [{{token: {TOKEN}}}], brands: {brands}}}]\n")
    recorder.record("emulator seed", str(seed), "--yes")
    recorder.record("analytics collect")


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Recorder:
    folder = tmp_path_factory.mktemp("golden")
    cli = CommandLine(folder / "home", ManualClock())
    recorder = Recorder(cli)
    with (
        start_emulator(cli) as server,
        run_receiver(cli, "-o", "jsonl") as receiver,
        run_receiver(cli, "-o", "jsonl", "--forward-to", receiver.url) as forwarder,
    ):
        record_account_commands(recorder, server)
        record_tools(recorder)
        record_slot_commands(recorder)
        record_post_commands(recorder, folder)
        record_failed_posts(recorder, server, folder)
        record_media_commands(recorder, folder)
        record_bulk_commands(recorder, folder)
        record_ambiguous_rows(recorder, folder)
        with make_database(postgres_server) as store_url:
            record_store_commands(recorder, folder, store_url)
        record_comment_commands(recorder)
        record_webhook_commands(recorder, receiver, forwarder)
        with contextlib.chdir(folder):
            record_analytics(recorder)
        record_emulator_commands(recorder, folder)
        record_other_accounts(recorder, folder)
    return recorder


def golden_path(command: str) -> Path:
    return GOLDEN / f"{command.replace(' ', '-')}.json"


def current_shapes(recorder: Recorder) -> dict[str, Shape]:
    """The shape of everything that each command printed."""
    shapes: dict[str, Shape] = {}
    for run in recorder.runs:
        if run.command in ANY_VALUE:
            continue
        shape = infer_shape(run.value, MAX_DEPTHS.get(run.command, 20))
        known = shapes.get(run.command)
        shapes[run.command] = merge_shapes([shape, *([known] if known else [])]) or shape
    rows = merge_shapes(shapes[command].fields["rows"] for command in ROW_COMMANDS)
    assert rows is not None
    for command in ROW_COMMANDS:
        shapes[command].fields["rows"] = rows
    return shapes


def test_json_shapes_are_unchanged(recorder: Recorder) -> None:
    problems = []
    for command, current in sorted(current_shapes(recorder).items()):
        path = golden_path(command)
        pinned = shape_from_json(json.loads(path.read_text())) if path.exists() else None
        changes = [f"{path.name} is missing"]
        if pinned is not None:
            changes = list(find_breaking_changes(pinned, current))
        # Keep types seen in earlier runs, such as values that are sometimes null.
        known = [pinned] if pinned is not None and not changes else []
        merged = shape_to_json(merge_shapes([current, *known]) or current)
        if pinned is not None and not changes and merged != shape_to_json(pinned):
            changes = ["has fields or types that the golden file lacks"]
        update_text(path, json.dumps(merged, indent=2) + "\n")
        problems += [] if UPDATE_GOLDEN else [f"{command}: {change}" for change in changes]
    assert problems == []


def test_every_json_command_is_covered(recorder: Recorder) -> None:
    names = {" ".join(command.path) for command in JSON_COMMANDS} - {*PASS_THROUGH}
    covered = {run.command for run in recorder.runs}
    assert covered == names - TERMINAL_ONLY
    failed = {run.command for run in recorder.failures}
    assert names - failed <= TERMINAL_ONLY
    files = {golden_path(name).name for name in covered - ANY_VALUE}
    for path in GOLDEN.iterdir():
        if UPDATE_GOLDEN and path.name not in files:
            path.unlink()
    assert {path.name for path in GOLDEN.iterdir()} == files


def test_every_form_is_covered(recorder: Recorder) -> None:
    """Commands that print arrays: none, one and several; commands with --dry-run: that, too."""
    forms: dict[str, set[str]] = defaultdict(set)
    for run in recorder.runs:
        if run.items is not None and run.command not in STREAMING:
            form = {0: "empty", 1: "single"}.get(len(run.items), "plural")
            forms[run.command].add(form)
    missing = {
        command: wanted - found
        for command, found in forms.items()
        if (wanted := {"empty", "single", "plural"} - IMPOSSIBLE.get(command, set())) - found
    }
    assert missing == {}
    has_dry_run = {
        " ".join(command.path)
        for command in JSON_COMMANDS
        if any(option.name == "dry_run" for option in command.options)
    }
    assert {run.command for run in recorder.runs if "--dry-run" in run.words} == has_dry_run


def test_schemas_are_current(recorder: Recorder) -> None:
    """`outreply help --json` describes results by schemas generated from the shapes."""
    assert recorder.runs
    schemas = {
        path.stem: shape_to_schema(shape_from_json(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted(GOLDEN.iterdir())
    } | {name: {} for name in ANY_VALUE}
    text = "".join(
        f"{',' if number else '{'}\n{json.dumps(name)}: {json.dumps(schema)}"
        for number, (name, schema) in enumerate(sorted(schemas.items()))
    )
    update_text(SCHEMAS_PATH, f"{text}\n}}\n")
    assert json.loads(SCHEMAS_PATH.read_text(encoding="utf-8")) == schemas


def published_tree(cli: CommandLine) -> dict[str, dict[str, Any]]:
    """Every command of `outreply help --json`, by name."""

    def walk(entry: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        if not entry["commands"]:
            yield " ".join(path), entry
        for below in entry["commands"]:
            yield from walk(below, (*path, below["name"]))

    return dict(walk(json.loads(cli.run("help", "--json").out), ()))


def test_output_matches_published_schemas(recorder: Recorder, cli: CommandLine) -> None:
    checker = jsonschema.FormatChecker(formats=())
    checker.checks("date-time")(lambda text: not isinstance(text, str) or is_iso(text))
    commands = published_tree(cli)
    validators = {
        name: jsonschema.Draft202012Validator(entry["result"], format_checker=checker)
        for name, entry in commands.items()
        if entry["result"] is not None
    }
    for validator in validators.values():
        validator.check_schema(validator.schema)
    for run in recorder.runs:
        errors = [error.message for error in validators[run.command].iter_errors(run.value)]
        assert errors == [], f"{run.command} {run.words}"
    for run in recorder.runs + recorder.failures:
        assert run.code in commands[run.command]["exit_codes"], run


def is_iso(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


def test_schemas_name_every_type() -> None:
    """No schema says that a value is always null, or nothing about the items of an array."""
    found = [
        f"{path.stem}: {problem}"
        for path in sorted(GOLDEN.iterdir())
        for problem in find_gaps(shape_from_json(json.loads(path.read_text(encoding="utf-8"))))
    ]
    assert found == []


def test_schemas_notice_a_missing_or_renamed_field(recorder: Recorder, cli: CommandLine) -> None:
    commands = published_tree(cli)
    for run in recorder.runs:
        items = run.items if isinstance(run.value, list) else [run.value]
        if not items or run.command in {"help", "emulator openapi"}:
            continue
        schema = commands[run.command]["result"]
        if run.command in ANY_VALUE:
            continue
        schema = schema["items"] if isinstance(run.value, list) else schema
        for name in schema["required"]:
            renamed = {f"{key}_" if key == name else key: value for key, value in items[0].items()}
            assert not jsonschema.Draft202012Validator(schema).is_valid(renamed), run


def test_tree_has_the_documented_keys(cli: CommandLine) -> None:
    def check(entry: dict[str, Any]) -> None:
        assert entry.keys() >= {"name", "help", "options", "commands"}
        for option in entry["options"]:
            documented = {"name", "metavar", "help", "default", "required", "multiple"}
            assert option.keys() >= documented
        if not entry["commands"]:
            assert {"exit_codes", "scopes", "result"} <= entry.keys()
        for below in entry["commands"]:
            check(below)

    check(json.loads(cli.run("help", "--json").out))


def test_columns_are_fields_of_the_schema(recorder: Recorder) -> None:
    """What `-o csv` prints can be named with `--fields`, and exists in JSON."""
    for command, names in recorder.csv.items():
        schema = result_schema(command)
        assert schema is not None
        properties = schema["items"]["properties"]
        unknown = {name for name in names if name.split(".")[0] not in properties}
        assert unknown == set(), command


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
    prompting = {
        "posts publish", "posts edit", "posts retry", "media delete", "media prune",
        "bulk approve", "bulk cancel", "webhooks delete", "webhooks queue clear", "emulator reset",
        "emulator seed", "emulator snapshot load",
    }  # fmt: skip
    assert recorder.unconfirmed.keys() == prompting
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
def test_usage_errors_are_json_if_json_is_selected(
    cli_logged_out: CommandLine, flags: tuple[str, ...]
) -> None:
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


def test_errors_are_json_if_json_is_selected(cli_logged_out: CommandLine) -> None:
    for command in JSON_COMMANDS:
        if not any("--profile" in option.flags for option in command.options):
            continue
        if command.path[0] in {"doctor", "errors"} or command.path[1:] == ("list",):
            continue
        if command.path in {("bulk", "template"), ("store", "log")}:
            # An account only adds its pages to a workbook, or their names to a filter.
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
