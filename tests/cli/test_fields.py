"""`--fields`: what is known, refused and printed."""

import json
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result
from tests.commands.receiver_process import run_receiver
from tests.request_count import count_requests
from tests.scripted_server import ScriptedServer, response

CALENDAR = "page,scheduled_at,message\nx:bluebird,2026-12-01 09:00,Hi\n"


def parse_error(result: Result) -> dict[str, str]:
    assert (result.code, result.out) == (2, "")
    error: dict[str, str] = json.loads(result.err.splitlines()[-1])["error"]
    return error


@pytest.fixture
def calendar(tmp_path: Path) -> str:
    path = tmp_path / "launch.csv"
    path.write_text(CALENDAR)
    return str(path)


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("posts", "schedule", "--page", "x:bluebird", "--at", "+2h", "-m", "Hi"), "message"),
        (("posts", "publish", "--page", "x:bluebird", "-m", "Hi", "--yes"), "message"),
        (("bulk", "schedule", "CALENDAR", "-o", "jsonl"), None),
        (("webhooks", "create", "--url", "http://127.0.0.1:9/"), None),
        (("comments", "reply", "c1", "-m", "Hi"), "message"),
    ],
)
def test_unknown_field_is_rejected_before_anything_is_sent(
    cli: CommandLine, emulator: EmulatorServer, calendar: str, words: tuple[str, ...], near: str
) -> None:
    words = tuple(calendar if word == "CALENDAR" else word for word in words)
    output = () if "-o" in words else ("--json",)
    error = parse_error(cli.run(*words, "--fields", "id,mesage", *output))
    assert error["message"] == "--fields: unknown field 'mesage'"
    assert near is None or error["hint"] == f"Did you mean: {near}"
    assert count_requests(emulator) == 0
    assert cli.run("pages", "list").code == 0
    assert count_requests(emulator) == 1


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("scheduledat", "Did you mean: scheduled_at"),
        ("metrics.like", "Did you mean: metrics.likes"),
        ("media.src", "Did you mean: media.0.src"),
        ("id.more", None),
    ],
)
def test_unknown_field_of_an_empty_list_is_rejected(
    cli: CommandLine, field: str, hint: str | None
) -> None:
    for format_ in ("json", "jsonl", "table", "csv"):
        result = cli.run("posts", "list", "--fields", field, "-o", format_)
        assert (result.code, result.out) == (2, ""), format_
        assert hint is None or hint in result.err


def test_unknown_field_of_streaming_command_is_rejected(cli: CommandLine) -> None:
    for command in (("comments", "watch"), ("quota", "watch"), ("serve-webhook",)):
        error = parse_error(cli.run(*command, "--fields", "nope", "-o", "jsonl"))
        assert error["message"] == "--fields: unknown field 'nope'"
    words = ("comments", "watch", "--count", "1", "--since", "1m", "-o", "jsonl")
    assert cli.run(*words, "--fields", "author.name").code == 0


@pytest.mark.parametrize("field", ["scheduled_at", "metrics.likes", "media.0.src", "link"])
def test_known_field_of_an_empty_list_is_accepted(cli: CommandLine, field: str) -> None:
    assert cli.run("posts", "list", "--fields", field, "--json").out == "[]\n"


def test_field_that_only_an_object_has_is_accepted(cli_logged_out: CommandLine) -> None:
    page = {"id": "p1", "platform": "x", "name": "A", "username": "a", "brand_new": 1}
    with ScriptedServer([response(200, {"pages": [page]})] * 2) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        words = ("pages", "list", "--json", "--fields")
        assert json.loads(cli_logged_out.run(*words, "brand_new", env=env).out) == [
            {"brand_new": 1}
        ]
        assert "brand_new" in parse_error(cli_logged_out.run(*words, "brandnew", env=env))["hint"]


def test_known_field_that_the_new_object_lacks_is_null(cli: CommandLine) -> None:
    words = ("posts", "schedule", "--page", "x:bluebird", "--at", "+2h", "-m", "Hi")
    result = cli.run(*words, "--fields", "link,message", "--json")
    assert json.loads(result.out) == [{"link": None, "message": "Hi"}]


def test_unknown_field_after_a_write_is_null_and_not_an_error(cli: CommandLine) -> None:
    words = ("api", "POST", "/webhooks", "-f", "url=http://127.0.0.1:9/", "--fields", "nope")
    events = ("-F", 'events=["post.published"]')
    result = cli.run(*words, *events, "--json")
    assert (result.code, json.loads(result.out)) == (0, {"nope": None})
    assert len(cli.run("webhooks", "list", "-q").out.split()) == 1
    assert parse_error(cli.run("api", "GET", "/webhooks", "--fields", "nope", "--json"))


def test_fields_of_a_bulk_report_depend_on_the_format(cli: CommandLine, calendar: str) -> None:
    words = ("bulk", "schedule", calendar, "--dry-run", "--fields")
    report = cli.run(*words, "summary.created,rows.0.status", "--json")
    assert json.loads(report.out) == {"summary.created": 1, "rows.0.status": "planned"}
    assert cli.run(*words, "line,status", "-o", "csv").out == "line,status\n2,planned\n"
    parse_error(cli.run(*words, "status", "--json"))
    parse_error(cli.run(*words, "summary.created", "-o", "jsonl"))


def test_fields_of_received_events_are_selected(cli_logged_out: CommandLine) -> None:
    fields = ("-o", "jsonl", "--fields", "event,data.post.id")
    with run_receiver(cli_logged_out, *fields, "--max-events", "1") as receiver:
        env = {"OUTREPLY_WEBHOOK_SECRET": "whsec_of_these_tests"}
        words = ("webhooks", "trigger", "post.published", "--to", receiver.url)
        assert cli_logged_out.run(*words, "--set", "data.post.id=p1", env=env).code == 0
        out = receiver.wait().out
    assert json.loads(out) == {"event": "post.published", "data.post.id": "p1"}
