"""`--print`: each printed request, run by its tool, does what the command does."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.request_builders import ApiRequest, FilePart, cancel_post, create_post
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.snippets import TOOLS, render
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png
from tests.snippets.tools import WORKFLOW, Tools, parse

REFERENCE = Path(__file__).parent.parent / "emulator" / "reference.txt"
BASE_URL = "https://api.outreply.com/api/v1"
HOSTILE = (
    "It's \"9\" o'clock $HOME `id` $(id) \\ \\n !! %d {{ x }} {{{y}}} ${z} </script>\n--yes\t\r"
    '\x1b[31mred\u202e שלום \u200f é 👩‍🚀 \u2028 "__proto__":'
)
AT = ("--at", "2026-12-24 18:00")
IMAGE = "https://cdn.example.com/a.jpg?x='1'"
TIKTOK = '{"privacy_level": "PUBLIC", "__proto__": {"a": [null, true]}, "{{": "\'`"}'
SCHEDULED = {
    "all fields": ("--page", "facebook:acme", "-m", HOSTILE, "--first-comment", HOSTILE,
                   "--link", "https://acme.com/?a=1&b=$x", "--media", IMAGE),
    "media only": ("--page", "instagram:acme", "--media", IMAGE),
    "settings": ("--page", "tiktok:bluebirdcoffee", "--media", IMAGE, "--tiktok", TIKTOK),
    "two pages": ("--page", "facebook:acme", "--page", "x:bluebird", "-m", HOSTILE),
}  # fmt: skip
# Fields whose values differ for each post.
OWN = {"id", "created_at", "remote_id", "permalink", "published_at", "updated_at"}


@pytest.fixture
def tools(tmp_path: Path, emulator: EmulatorServer) -> Tools:
    return Tools(tmp_path, emulator.token)


def print_request(cli: CommandLine, tool: str, *words: str) -> str:
    ran = cli.run(*words, "--print", tool)
    assert ran.code == 0, ran.err
    assert cli.environ["OUTREPLY_API_KEY"] not in ran.out
    assert "Nothing was sent." in ran.err
    return ran.out


def run(cli: CommandLine, *words: str) -> Result:
    ran = cli.run(*words)
    assert ran.code == 0, ran.err
    return ran


def content(post: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in post.items() if name not in OWN}


def keys(text: str) -> list[str]:
    return re.findall(r"outreply-[0-9a-f]{48}", text)


def list_scheduled(client: Client) -> list[dict[str, Any]]:
    posts = [client.scheduled_post(str(post["id"])) for post in client.scheduled_posts().items]
    return sorted((dict(post) for post in posts), key=lambda post: str(post["page_id"]))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", SCHEDULED)
def test_printed_schedule_makes_the_posts_of_the_command(
    cli: CommandLine, client: Client, tools: Tools, name: str, tool: str
) -> None:
    words = ("posts", "schedule", *AT, *SCHEDULED[name])
    text = print_request(cli, tool, *words)
    assert list_scheduled(client) == []
    # The key of a request makes one post of two runs.
    for _ in range(2 if name == "two pages" else 1):
        tools.run(tool, text)
        by_tool = list_scheduled(client)
        assert len(by_tool) == words.count("--page")
    for post in by_tool:
        client.cancel(str(post["id"]))
    run(cli, *words)
    assert list(map(content, by_tool)) == list(map(content, list_scheduled(client)))
    if HOSTILE in words:
        assert {post["message"] for post in by_tool} == {HOSTILE}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("is_first", [True, False])
def test_schedule_with_key_is_one_post(
    cli: CommandLine, client: Client, tools: Tools, tool: str, is_first: bool
) -> None:
    """With --key, the command and its printed request make one post, in both orders."""
    # Double braces are escaped for Make and Zapier, and the emulator compares bytes.
    message = HOSTILE.replace("{", "(") if tool in {"make", "zapier"} else HOSTILE
    words = ("posts", "schedule", *AT, "--page", "facebook:acme", "-m", message, "--key", "k")
    text = print_request(cli, tool, *words)
    if is_first:
        run(cli, *words)
        again = print_request(cli, tool, *words)
        assert keys(again) == keys(text) != []
    tools.run(tool, text)
    run(cli, *words)
    assert len(list_scheduled(client)) == 1


@pytest.mark.parametrize("tool", TOOLS)
def test_publish_needs_no_yes(
    cli: CommandLine, client: Client, tools: Tools, tool: str, emulator_clock: ManualClock
) -> None:
    words = ("posts", "publish", "--page", "facebook:acme", "-m", HOSTILE)
    tools.run(tool, print_request(cli, tool, *words))
    emulator_clock.advance(3600)
    run(cli, *words, "--yes")
    first, second, *_ = client.published_posts().items
    assert content(first) == content(second)
    assert first["message"] == HOSTILE


@pytest.mark.parametrize("tool", TOOLS)
def test_printed_next_slot_with_key_and_the_command_make_one_post(
    cli: CommandLine, client: Client, tools: Tools, tool: str
) -> None:
    run(cli, "slots", "set", "facebook:acme", "daily 09:00")
    words = ("posts", "schedule", "--page", "facebook:acme", "--at", "next-slot", "-m", "Hi",
             "--key", "k")  # fmt: skip
    tools.run(tool, print_request(cli, tool, *words))
    (post,) = list_scheduled(client)
    assert post["scheduled_at"] == "2026-11-24T08:00:00.000Z"
    run(cli, *words)
    assert list_scheduled(client) == [post]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("has_entry", [True, False])
def test_printed_edit_and_reschedule_do_what_the_commands_do(
    cli: CommandLine, client: Client, tools: Tools, tool: str, has_entry: bool
) -> None:
    key = ("--key", "k") if has_entry else ()
    schedule = ("posts", "schedule", *AT, "--page", "facebook:acme", "-m", "Old", *key)
    changes: tuple[tuple[str, ...], ...] = (
        ("edit", "-m", HOSTILE.replace("{", "(")), ("reschedule", "--at", "2026-12-25 18:00"),
    )  # fmt: skip
    results = []
    for is_printed in (True, False):
        run(cli, *schedule)
        for verb, *options in changes:
            (old,) = list_scheduled(client)
            words = ("posts", verb, str(old["id"]), *options)
            yes = ("--yes",) if verb == "edit" else ()
            if is_printed:
                text = print_request(cli, tool, *words)
                assert list_scheduled(client) == [old]
                tools.run(tool, text)
                # Run again, the requests have no other effect.
                tools.run(tool, text)
            else:
                run(cli, *words, *yes)
        (post,) = list_scheduled(client)
        results.append(content(post))
        client.cancel(str(post["id"]))
        key = ("--key", "k2") if has_entry else ()
        schedule = ("posts", "schedule", *AT, "--page", "facebook:acme", "-m", "Old", *key)
    assert results[0] == results[1]


@pytest.mark.parametrize("tool", TOOLS)
def test_printed_edit_after_its_command_changes_nothing(
    cli: CommandLine, client: Client, tools: Tools, tool: str
) -> None:
    """The printed requests have the keys of the command, so that both make one post."""
    new = ("posts", "schedule", *AT, "--page", "facebook:acme", "-m", "Old", "--key", "k", "-q")
    post_id = run(cli, *new).out.strip()
    text = print_request(cli, tool, "posts", "edit", post_id, "-m", "New")
    run(cli, "posts", "edit", post_id, "-m", "New", "--yes")
    before = list_scheduled(client)
    tools.run(tool, text)
    assert list_scheduled(client) == before


@pytest.mark.parametrize("tool", TOOLS)
def test_printed_cancel_cancels_every_post(
    cli: CommandLine, client: Client, tools: Tools, tool: str
) -> None:
    pages = ("--page", "facebook:acme", "--page", "x:bluebird")
    ids = run(cli, "posts", "schedule", *AT, *pages, "-m", "x", "-q").out.split()
    text = print_request(cli, tool, "posts", "cancel", *ids)
    assert len(list_scheduled(client)) == 2
    tools.run(tool, text)
    assert list_scheduled(client) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_printed_retry_and_the_command_publish_once(
    *,
    cli: CommandLine,
    client: Client,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    tools: Tools,
    tool: str,
) -> None:
    schedule = ("posts", "schedule", "--page", "facebook:acme", "--at", "+1h", "-m", "Sale")
    post_id = run(cli, *schedule, "--key", "k", "-q").out.strip()
    database = emulator.state.connection
    database.execute("UPDATE pages SET expired = 1 WHERE platform = 'facebook'")
    emulator_clock.advance(7200)
    run(cli, "posts", "list")
    database.execute("UPDATE pages SET expired = 0 WHERE platform = 'facebook'")
    text = print_request(cli, tool, "posts", "retry", post_id)
    tools.run(tool, text)
    again = cli.run("posts", "retry", post_id, "--yes")
    assert (again.code, "may have been sent again already" in again.err) == (1, True)
    assert [post["message"] for post in client.published_posts().items].count("Sale") == 1


def add_comment(emulator: EmulatorServer, client: Client) -> str:
    (post, *_) = client.published_posts().items
    emulator.handle.request("comment", post_id=str(post["id"]), message="Open today?")
    comments = client.comments(str(post["id"])).items
    return next(str(item["id"]) for item in comments if item["message"] == "Open today?")


def replies(client: Client, comment_id: str) -> list[str]:
    posts = client.published_posts().items
    comments = [item for post in posts for item in client.comments(str(post["id"])).items]
    return [str(item["message"]) for item in comments if item.get("parent_id") == comment_id]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("is_first", [True, False])
def test_printed_reply_and_the_command_reply_once(
    *,
    cli: CommandLine,
    client: Client,
    emulator: EmulatorServer,
    tools: Tools,
    tool: str,
    is_first: bool,
) -> None:
    comment_id = add_comment(emulator, client)
    message = HOSTILE.replace("{{", "(")
    words = ("comments", "reply", comment_id, "-m", message)
    text = print_request(cli, tool, *words)
    assert replies(client, comment_id) == []
    steps: list[Callable[[], object]] = [
        lambda: tools.run(tool, text), lambda: run(cli, *words, "--yes"),
    ]  # fmt: skip
    for step in steps if is_first else reversed(steps):
        step()
    assert replies(client, comment_id) == [message]


@pytest.mark.parametrize("tool", ["curl", "python", "node"])
@pytest.mark.parametrize("name", ["hero.png", 'it\'s "a" $b; c,d\\e.png', "é ☕.png"])
def test_printed_upload_makes_the_media_of_the_command(
    *,
    cli: CommandLine,
    client: Client,
    tools: Tools,
    tool: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tools.directory)
    Path(name).write_bytes(png())
    text = print_request(cli, tool, "media", "upload", name)
    assert client.media().items == []
    tools.run(tool, text)
    run(cli, "media", "upload", name)
    by_tool, by_command = client.media().items
    names = ("size_bytes", "type", "mime_type")
    assert [by_tool[key] for key in names] == [by_command[key] for key in names]  # type: ignore[literal-required]


def test_upload_refuses_what_cannot_be_printed(cli: CommandLine, tmp_path: Path) -> None:
    picture = tmp_path / "hero.png"
    picture.write_bytes(png())
    stdin = cli.run("media", "upload", "-", "--print", "curl")
    assert (stdin.code, "stdin" in stdin.err) == (2, True)
    for tool in ("n8n", "make", "zapier"):
        ran = cli.run("media", "upload", str(picture), "--print", tool)
        assert (ran.code, ran.out) == (2, "")
        assert "outreply media upload" in ran.err
    broken = tmp_path / "text.png"
    broken.write_text("not a picture")
    assert cli.run("media", "upload", str(broken), "--print", "curl").code == 2
    odd = tmp_path / "a\nb.png"
    odd.write_bytes(png())
    assert cli.run("media", "upload", str(odd), "--print", "curl").code == 2


def test_local_files_must_be_uploaded_first(
    cli: CommandLine, client: Client, tools: Tools, tmp_path: Path
) -> None:
    picture = tmp_path / "her'o.png"
    picture.write_bytes(png())
    words = ("posts", "schedule", *AT, "--page", "instagram:acme", "--media", str(picture))
    refused = cli.run(*words, "--print", "curl")
    assert (refused.code, refused.out) == (2, "")
    # The hint is the way out.
    line = next(line for line in refused.err.splitlines() if "Run: outreply" in line)
    command = line.partition("Run: outreply ")[2].rpartition("; then")[0]
    run(cli, *shlex.split(command))
    tools.run("python", print_request(cli, "python", *words))
    (post,) = list_scheduled(client)
    assert len(post["media"]) == 1
    post_id = str(post["id"])
    picture.write_bytes(png(b"another"))
    assert cli.run("posts", "edit", post_id, "--media", str(picture), "--print", "curl").code == 2
    run(cli, "media", "upload", str(picture), "-q")
    tools.run("curl", print_request(cli, "curl", "posts", "edit", post_id, "--media", str(picture)))
    assert [item["src"] for item in list_scheduled(client)[0]["media"]] != [
        item["src"] for item in post["media"]
    ]


@pytest.mark.parametrize("tool", TOOLS)
def test_printed_requests_for_other_endpoints_do_what_the_commands_do(
    cli: CommandLine, client: Client, tools: Tools, tool: str, tmp_path: Path
) -> None:
    url = "http://127.0.0.1:9/hooks?a='1'"
    create = ("webhooks", "create", "--url", url, "--events", "post.failed")
    tools.run(tool, print_request(cli, tool, *create))
    (hook,) = client.webhooks().items
    assert (hook["url"], hook["events"]) == (url, ["post.failed"])
    tools.run(tool, print_request(cli, tool, "webhooks", "delete", str(hook["id"])))
    assert client.webhooks().items == []
    (tmp_path / "a.png").write_bytes(png())
    media_id = run(cli, "media", "upload", str(tmp_path / "a.png"), "-q").out.strip()
    tools.run(tool, print_request(cli, tool, "media", "delete", media_id))
    assert client.media().items == []
    (page,) = client.pages(platform="facebook").items
    fields = ("-f", f"page_id={page['id']}", "-f", f"message={HOSTILE}")
    api = ("api", "POST", "/posts/publish", *fields, "-H", "Idempotency-Key: one")
    for extra in ((), ("-H", "X-Trace: =1 {{a}}")):
        tools.run(tool, print_request(cli, tool, *api, *extra))
    newest = [post["message"] for post in client.published_posts().items]
    assert newest.count(HOSTILE) == 1
    text = print_request(cli, tool, "api", "GET", "/me?b=1", "-f", "a=$x [{}] & 'y'")
    tools.run(tool, text)
    assert cli.run("api", "GET", "/pages", "--paginate", "--print", tool).code == 2


@pytest.mark.parametrize("tool", TOOLS)
def test_sends_and_records_nothing(
    cli: CommandLine, emulator: EmulatorServer, client: Client, tool: str
) -> None:
    comment_id = add_comment(emulator, client)
    commands = (
        ("posts", "schedule", *AT, "--page", "facebook:acme", "-m", "x", "--key", "a"),
        ("posts", "publish", "--page", "facebook:acme", "-m", "x", "--key", "a"),
        ("comments", "reply", comment_id, "-m", "x"),
        ("webhooks", "create", "--url", "https://example.com/"),
    )
    for words in commands:
        ran = cli.run(*words, "--print", tool, "-v")
        assert ran.code == 0, ran.err
        requests = re.findall(r"^(\w+) /api/v1", ran.err, re.MULTILINE)
        assert set(requests) <= {"GET"}
    entries = run(cli, "store", "log", "--json").out
    assert json.loads(entries) == []


def test_exit_2_for_other_formats_unknown_tools_and_bad_texts(cli: CommandLine) -> None:
    words = ("posts", "schedule", *AT, "--page", "facebook:acme", "-m")
    for options in (("--json",), ("-o", "yaml"), ("-q",), ("--fields", "id")):
        ran = cli.run(*words, "x", "--print", "curl", *options)
        assert (ran.code, ran.out) == (2, "")
    unknown = cli.run(*words, "x", "--print", "crul")
    assert unknown.code == 2
    assert "curl" in unknown.err
    for text in ("a\0b", f"Key: {cli.environ['OUTREPLY_API_KEY']}", " "):
        ran = cli.run(*words, text, "--print", "curl")
        assert (ran.code, ran.out) == (2, "")
        assert cli.environ["OUTREPLY_API_KEY"] not in ran.err
    secret = ("-H", f"X-Key: {cli.environ['OUTREPLY_API_KEY']}")
    ran = cli.run("api", "POST", "/posts/publish", *secret, "--print", "curl")
    assert (ran.code, ran.out) == (2, "")


def test_terminal_gets_no_control_characters(cli: CommandLine, client: Client) -> None:
    words = ("posts", "schedule", *AT, "--page", "facebook:acme", "-m", "a\x1b[2J\u202eb\u200f")
    for tool in TOOLS:
        child = cli.at_terminal(*words, "--print", tool, columns=400)
        child.expect("Nothing was sent")
        shown = str(child.before)
        child.close()
        assert not {"\x1b", "\u202e", "\u200f"} & set(re.sub(r"\x1b\[[0-9;?]*[a-z]", "", shown))
        assert "202e" in shown


def test_n8n_workflow_has_documented_fields() -> None:
    requests = [
        create_post({"page_id": "1", "message": HOSTILE}, "k"),
        cancel_post("1", "k"),
        ApiRequest("GET", "/pages", query={"platform": "x"}, headers={"x-a": "=}} {{ 1 }}"}),
    ]
    workflow = json.loads(render("n8n", requests, BASE_URL))
    jsonschema.validate(workflow, WORKFLOW)
    sent = list(parse("n8n", json.dumps(workflow)))
    assert [item.method for item in sent] == ["POST", "DELETE", "GET"]
    assert sent[0].headers == {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert json.loads(sent[0].body or "") == requests[0].body
    assert sent[1].body is None
    assert sent[2].url == f"{BASE_URL}/pages?platform=x"
    assert sent[2].headers["x-a"] == "=}} {{ 1 }}"


def test_make_and_zapier_settings_match_the_reference() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    request = create_post({"page_id": "6711", "scheduled_at": "2026-05-01T09:00:00Z"}, "k")
    make = render("make", [request], BASE_URL).splitlines()
    zapier = render("zapier", [request], BASE_URL).splitlines()
    assert make == [
        "Module: HTTP > Make a request",
        f"URL: {BASE_URL}/posts/schedule",
        "Method: POST",
        "Headers:",
        "  Authorization: Bearer {{connection.outreply_token}}",
        "  Idempotency-Key: k",
        "  Content-Type: application/json",
        "Body type: Raw",
        "Content type: JSON (application/json)",
        "Request content:",
        '{"page_id":"6711","scheduled_at":"2026-05-01T09:00:00Z"}',
    ]
    for words in ("HTTP > Make a request", f"URL: {BASE_URL}/posts/schedule", "Method: POST",
                  make[4].strip(), make[6].strip(), "Body type: Raw", "JSON"):  # fmt: skip
        assert words in reference
    for words in (zapier[0], "Method: POST", zapier[2], zapier[3], "Bearer outreply_live_..."):
        assert words in reference
        assert any(words in line for line in zapier)


def test_sdk_is_used_where_it_takes_the_request() -> None:
    post = {"page_id": "1", "message": "x", "scheduled_at": "2026-05-01T09:00:00Z"}
    expected = {
        "client.posts.schedule(": create_post(post, "k"),
        "client.posts.publish(": create_post({"page_id": "1", "media_urls": ["x"]}),
        "client.posts.cancel_scheduled('1')": cancel_post("1"),
        "client.media.upload(": ApiRequest("POST", "/media/upload",
                                           file=FilePart("a.png", "upload.png", "image/png")),
    }  # fmt: skip
    for call, request in expected.items():
        assert call in render("python", [request], BASE_URL)
        assert "base_url" not in render("python", [request], BASE_URL)
        assert "fetch(" not in render("node", [request], BASE_URL)
    others = [
        create_post({**post, "media_urls": ["x"]}),
        cancel_post("1", "k"),
        create_post({**post, "link": None}),
        ApiRequest("POST", "/media/upload", {"a": 1}),
        ApiRequest("DELETE", "/media/"),
        ApiRequest("POST", "/posts/schedule", ["x"]),
    ]
    for request in others:
        assert "client." not in render("python", [request], BASE_URL)
