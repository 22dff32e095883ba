"""`posts schedule` on a page that an earlier command listed: one request, and the same result."""

import json
import sqlite3
from contextlib import closing

import pytest

from outreply_cli.api.client import Client
from outreply_cli.completion.cache import FRESH_SECONDS
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.pages import page_alias
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.request_count import count_requests

AT = "2026-12-24 18:00"
PAGE = "facebook:acme"


def schedule(cli: CommandLine, *options: str, page: str = PAGE, at: str = AT) -> Result:
    words = ("--page", page, "--at", at, "-m", "Hello", "--json", *options)
    return cli.run("posts", "schedule", *words)


def change(emulator: EmulatorServer, sql: str, *values: str) -> None:
    with emulator.state.transaction() as db:
        db.execute(sql, values)


def list_scheduled(client: Client) -> list[tuple[str, str]]:
    posts = client.scheduled_posts().items
    return [(str(post["page_id"]), str(post.get("message"))) for post in posts]


@pytest.fixture
def page_id(cli: CommandLine, emulator: EmulatorServer) -> str:
    """The ID of the page, which the completion cache knows."""
    pages = json.loads(cli.run("pages", "list", "--json").out)
    change(emulator, "UPDATE tokens SET request_count = 0")
    change(emulator, "DELETE FROM posts WHERE status = 'scheduled'")
    return {page_alias(page): str(page["id"]) for page in pages}[PAGE]


@pytest.mark.parametrize("name", [PAGE, "FB:@Acme", "ID"])
def test_post_to_a_known_page_takes_one_request(
    cli: CommandLine, emulator: EmulatorServer, client: Client, page_id: str, name: str
) -> None:
    ran = schedule(cli, page=page_id if name == "ID" else name)
    assert (ran.code, count_requests(emulator)) == (0, 1)
    (post,) = json.loads(ran.out)
    assert post["scheduled_at"] == "2026-12-24T17:00:00.000Z"
    assert list_scheduled(client) == [(page_id, "Hello")]


def test_known_page_gets_the_table_and_rules_of_a_fetched_one(
    cli: CommandLine, emulator: EmulatorServer, page_id: str
) -> None:
    change(emulator, "UPDATE tokens SET request_count = 0")
    words = ("posts", "schedule", "--page", "x:bluebird", "-m", "x" * 300)
    known = cli.run(*words, "--at", AT)
    assert count_requests(emulator) == 1
    cli.clock.advance(FRESH_SECONDS)
    fetched = cli.run(*words, "--at", "2026-12-24 19:00")
    assert count_requests(emulator) == 3
    assert (known.code, known.err) == (fetched.code, fetched.err)
    assert "280" in known.err
    # Without their IDs and times.
    assert known.out.split("\t")[2:] == fetched.out.split("\t")[2:]


@pytest.mark.parametrize(
    ("words", "requests"),
    [
        # The current time, by the server's clock.
        (("--at", "+2h"), 2),
        (("--at", "tomorrow 09:00"), 2),
        # The brand of the page has the time zone.
        (("--tz", "brand"), 3),
        # The server confirms only what is sent.
        (("--dry-run",), 1),
        (("--print", "curl"), 1),
        (("--page", "instagram:acme"), 3),
    ],
)
def test_pages_are_fetched_when_more_than_the_id_is_needed(
    cli: CommandLine, emulator: EmulatorServer, page_id: str, words: tuple[str, ...], requests: int
) -> None:
    default = () if "--at" in words else ("--at", AT)
    ran = cli.run("posts", "schedule", "--page", PAGE, *default, "-m", "Hello", *words)
    assert (ran.code, count_requests(emulator)) == (0, requests), ran.err


@pytest.mark.parametrize("name", ["Acme Official", "nothing:acme", "facebook:acm"])
def test_other_names_are_looked_up(
    cli: CommandLine, emulator: EmulatorServer, page_id: str, name: str
) -> None:
    assert schedule(cli, page=name).code != 0
    assert count_requests(emulator) == 1


def test_old_list_is_read_again(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, page_id: str
) -> None:
    emulator_clock.advance(FRESH_SECONDS)
    assert schedule(cli).code == 0
    assert count_requests(emulator) == 2


def test_pages_of_another_token_are_unknown(
    cli: CommandLine, emulator: EmulatorServer, page_id: str
) -> None:
    cli.environ["OUTREPLY_BASE_URL"] = emulator.base_url.replace("127.0.0.1", "localhost")
    assert schedule(cli).code == 0
    assert count_requests(emulator) == 2


def test_expired_page_is_refused(
    cli: CommandLine, emulator: EmulatorServer, client: Client, page_id: str
) -> None:
    change(emulator, "UPDATE pages SET expired = 1 WHERE id = ?", page_id)
    cli.run("pages", "list")
    ran = schedule(cli)
    assert ran.code == 2
    assert "has expired" in ran.err
    assert list_scheduled(client) == []


def test_ambiguous_name_is_refused(
    cli: CommandLine, emulator: EmulatorServer, client: Client, page_id: str
) -> None:
    change(emulator, "UPDATE pages SET platform = 'facebook' WHERE platform = 'instagram'")
    cli.run("pages", "list")
    assert json.loads(schedule(cli).err)["error"]["code"] == "AMBIGUOUS_PAGE"
    assert list_scheduled(client) == []


@pytest.mark.parametrize("options", [(), ("--key", "launch")])
def test_page_that_was_connected_again_is_found(
    cli: CommandLine,
    emulator: EmulatorServer,
    client: Client,
    page_id: str,
    options: tuple[str, ...],
) -> None:
    change(emulator, "UPDATE pages SET id = 'again' WHERE id = ?", page_id)
    for _ in range(2 if options else 1):
        ran = schedule(cli, *options)
        assert ran.code == 0, ran.err
    assert list_scheduled(client) == [("again", "Hello")]


def test_page_that_is_gone_is_reported(
    cli: CommandLine, emulator: EmulatorServer, client: Client, page_id: str
) -> None:
    change(emulator, "DELETE FROM pages WHERE id = ?", page_id)
    ran = schedule(cli)
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (5, "UNKNOWN_PAGE")
    assert list_scheduled(client) == []


def test_refused_post_is_not_sent_again(
    cli: CommandLine, emulator: EmulatorServer, client: Client, page_id: str
) -> None:
    change(emulator, 'UPDATE tokens SET scopes = \'["read:pages", "read:posts"]\'')
    ran = schedule(cli)
    assert (ran.code, json.loads(ran.err)["error"]["code"]) == (4, "MISSING_SCOPE")
    # The post, and the list of pages.
    assert count_requests(emulator) == 2
    assert list_scheduled(client) == []


def read_keys(cli: CommandLine) -> list[str]:
    with closing(sqlite3.connect(cli.home / "state" / "journal.db")) as database:
        return [key for (key,) in database.execute("SELECT idempotency_key FROM entries")]


def test_key_of_a_post_does_not_depend_on_the_cache(
    cli: CommandLine, client: Client, page_id: str
) -> None:
    assert schedule(cli, "--key", "launch").code == 0
    known = read_keys(cli)
    (cli.home / "state" / "journal.db").unlink()
    cli.clock.advance(FRESH_SECONDS)
    assert schedule(cli, "--key", "launch").code == 0
    assert len(known) == 1
    assert read_keys(cli) == known
    assert list_scheduled(client) == [(page_id, "Hello")]
