"""IDs abbreviated to a unique prefix."""

import json
from contextlib import closing
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.commands.test_failed_posts import expire, schedule_with_key
from tests.media.sample_files import jpeg

FIRST, SECOND = "68a1b2c3d4e5f60718293a01", "68a1b2c3d4e5f60718293b02"
OTHER = "77a1b2c3d4e5f60718293c03"


def run_json(cli: CommandLine, *words: str) -> Any:
    ran = cli.run(*words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def set_id(emulator: EmulatorServer, table: str, old: str, new: str) -> None:
    with emulator.state.transaction() as db:
        db.execute(f"UPDATE {table} SET id = ? WHERE id = ?", (new, old))  # noqa: S608 - constant


@pytest.fixture
def scheduled(cli: CommandLine, emulator: EmulatorServer) -> list[str]:
    """The IDs of three scheduled posts, of which two share a prefix."""
    for number, post_id in enumerate((FIRST, SECOND, OTHER), 1):
        words = ("--page", "instagram:acme", "--at", f"+{number}d", "-m", f"Post {number}", "-q")
        made = cli.run("posts", "schedule", *words).out.strip()
        set_id(emulator, "posts", made, post_id)
    return [FIRST, SECOND, OTHER]


def scheduled_ids(client: Client) -> list[str]:
    return [str(post["id"]) for post in client.scheduled_posts().items]


def test_post_is_found_by_short_id(cli: CommandLine, scheduled: list[str], client: Client) -> None:
    assert run_json(cli, "posts", "show", "77a1b2")["id"] == OTHER
    assert run_json(cli, "posts", "show", "68a1b2c3d4e5f60718293a")["id"] == FIRST
    moved = run_json(cli, "posts", "reschedule", "77a1b2", "--at", "+5d")
    assert OTHER not in scheduled_ids(client)
    cancelled = run_json(cli, "posts", "cancel", str(moved["id"])[:10])
    assert [item["id"] for item in cancelled] == [moved["id"]]
    assert sorted(scheduled_ids(client)) == scheduled[:2]
    published = run_json(cli, "posts", "list", "--published")[0]["id"]
    assert run_json(cli, "posts", "show", published[:12])["id"] == published
    assert run_json(cli, "posts", "wait", published[:12])["id"] == published


def test_short_id_may_be_given_twice(
    cli: CommandLine, scheduled: list[str], client: Client
) -> None:
    ran = cli.run("posts", "cancel", OTHER, "77a1b2", "77a1b2c")
    assert (ran.code, ran.out.count("Cancelled")) == (0, 1)
    assert sorted(scheduled_ids(client)) == scheduled[:2]


@pytest.mark.parametrize("words", [["show"], ["cancel"], ["wait"], ["reschedule", "--at", "+9d"]])
def test_ambiguous_post_id_lists_candidates(
    cli: CommandLine, scheduled: list[str], client: Client, words: list[str]
) -> None:
    ran = cli.run("posts", words[0], "68a1b2c3", *words[1:])
    assert (ran.code, ran.out) == (2, "")
    assert f"{FIRST} (Post 1), {SECOND} (Post 2)" in ran.err
    assert len(ran.err.splitlines()) <= 3
    error = json.loads(cli.run("posts", words[0], "68a1b2c3", *words[1:], "--json").err)["error"]
    assert error["code"] == "AMBIGUOUS_ID"
    assert error["details"] == {"candidates": [FIRST, SECOND]}
    assert sorted(scheduled_ids(client)) == scheduled


def test_one_ambiguous_id_of_several_changes_nothing(
    cli: CommandLine, scheduled: list[str], client: Client
) -> None:
    assert cli.run("posts", "cancel", OTHER, "68a1b2").code == 2
    assert sorted(scheduled_ids(client)) == scheduled


@pytest.mark.parametrize("word", ["99a1b2c3", "77a1b", "a1b2c3d4"])
def test_unmatched_prefix_is_not_found(
    cli: CommandLine, scheduled: list[str], client: Client, word: str
) -> None:
    for words in (["show", word], ["cancel", word], ["reschedule", word, "--at", "+9d"]):
        assert cli.run("posts", *words).code == 5
    assert sorted(scheduled_ids(client)) == scheduled


def test_cancel_reaches_scheduled_posts_only(cli: CommandLine, scheduled: list[str]) -> None:
    assert scheduled
    published = run_json(cli, "posts", "list", "--published")[0]["id"]
    assert cli.run("posts", "cancel", published[:12]).code == 5


def test_exact_id_wins_over_prefix(
    cli: CommandLine, emulator: EmulatorServer, scheduled: list[str], client: Client
) -> None:
    set_id(emulator, "posts", FIRST, "68a1b2c3")
    assert run_json(cli, "posts", "show", "68a1b2c3")["message"] == "Post 1"
    assert cli.run("posts", "cancel", "68a1b2c3").code == 0
    assert sorted(scheduled_ids(client)) == scheduled[1:]


def test_full_id_needs_no_lookup(cli: CommandLine, scheduled: list[str]) -> None:
    def requests(*words: str) -> list[str]:
        lines = cli.run(*words, "-v", "--json").err.splitlines()
        return [" ".join(line.split()[:2]) for line in lines if "/api/v1/" in line]

    assert requests("posts", "show", FIRST) == [f"GET /api/v1/posts/scheduled/{FIRST}"]
    page = run_json(cli, "pages", "list")[0]
    brand = page["brand_id"]
    assert requests("brands", "show", brand) == [f"GET /api/v1/brands/{brand}"]
    cancelled = requests("posts", "cancel", scheduled[1])
    assert not any("limit=" in request for request in cancelled)
    missing = "65f0c0ffee65f0c0ffee0001"
    assert requests("webhooks", "show", missing) == [f"GET /api/v1/webhooks/{missing}"]
    assert requests("media", "delete", missing, "--yes") == [f"DELETE /api/v1/media/{missing}"]


def test_short_id_with_truncated_list_is_rejected(
    cli: CommandLine, emulator: EmulatorServer, client: Client
) -> None:
    page = run_json(cli, "pages", "show", "instagram:acme")["id"]
    at = client.now().timestamp() + 86_400
    with emulator.state.transaction() as db:
        for number in range(100):
            db.execute(
                "INSERT INTO posts (id, page_id, status, created_at, scheduled_at, message, media) "
                "VALUES (?, ?, 'scheduled', 0, ?, 'x', '[]')",
                (f"{number:02}aaaa0000aaaa0000aaaa0000", page, at + 60 * number),
            )
    ran = cli.run("posts", "cancel", "05aaaa00")
    assert (ran.code, ran.out) == (2, "")
    assert "may also match posts that the API does not list" in ran.err
    assert "Use the full ID" in ran.err
    assert cli.run("posts", "cancel", "05aaaa0000aaaa0000aaaa0000").code == 0


def test_token_without_read_scope_requires_full_id(
    cli: CommandLine, emulator: EmulatorServer, scheduled: list[str], client: Client
) -> None:
    before = cli.environ["OUTREPLY_API_KEY"]
    token = emulator.handle.request("token", scopes=["write:posts"])["token"]
    cli.environ["OUTREPLY_API_KEY"] = token
    assert cli.run("posts", "cancel", "77a1b2").code == 5
    ran = cli.run("posts", "cancel", OTHER)
    assert (ran.code, ran.out) == (0, f"Cancelled {OTHER}\n"), ran.err
    cli.environ["OUTREPLY_API_KEY"] = before
    assert sorted(scheduled_ids(client)) == scheduled[:2]


def test_media_is_found_by_short_id(
    cli: CommandLine, emulator: EmulatorServer, client: Client
) -> None:
    picture = cli.home / "hero.jpg"
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(jpeg())
    set_id(emulator, "media", cli.run("media", "upload", str(picture), "-q").out.strip(), FIRST)
    assert run_json(cli, "media", "show", "68a1b2")["media_id"] == FIRST
    words = ("--page", "instagram:acme", "--at", "+1d", "-m", "Hi", "--media", "media:68a1b2")
    (body,) = run_json(cli, "posts", "schedule", *words, "--dry-run")
    assert body["media_ids"] == [FIRST]
    unconfirmed = cli.run("media", "delete", "68a1b2")
    assert (unconfirmed.code, FIRST in unconfirmed.err) == (2, True)
    assert cli.run("media", "delete", "68a1b2", "--yes").code == 0
    assert client.media().items == []


def test_webhook_is_found_by_short_id(
    cli: CommandLine, emulator: EmulatorServer, client: Client
) -> None:
    ids = []
    for number, hook_id in enumerate((FIRST, SECOND)):
        hook = client.create_webhook(f"http://127.0.0.1:1/{number}", ["post.failed"])
        set_id(emulator, "hooks", str(hook["id"]), hook_id)
        ids.append(hook_id)
    assert cli.run("webhooks", "show", "68a1b2").code == 2
    assert cli.run("webhooks", "delete", "68a1b2", "--yes").code == 2
    assert run_json(cli, "webhooks", "show", FIRST[:-1])["id"] == FIRST
    unconfirmed = cli.run("webhooks", "delete", FIRST[:22])
    assert f"Delete webhook {FIRST}?" in unconfirmed.err
    assert cli.run("webhooks", "delete", FIRST[:22], "--yes").code == 0
    assert [hook["id"] for hook in client.webhooks().items] == [SECOND]


def test_delivery_is_found_by_short_id(cli: CommandLine) -> None:
    path = cli.home / "state" / DELIVERIES_FILE
    path.parent.mkdir(parents=True)
    with closing(DeliveryStore(path)) as store:
        store.store([
            IncomingDelivery(f"evt_{post_id}", 1.0, "post.failed", is_verified=True, reason=None,
                             status=200, headers=[], body=b"{}")
            for post_id in (FIRST, SECOND, FIRST)
        ])  # fmt: skip
        assert store.find(f"evt_{FIRST[:22]}").number == 1
        assert store.find("2").id == f"evt_{SECOND}"
    to = ("--to", "127.0.0.1:9")
    ran = cli.run("webhooks", "replay", "evt_68", *to)
    assert ran.code == 2
    assert f"evt_{FIRST} (post.failed), evt_{SECOND} (post.failed)" in ran.err
    assert cli.run("webhooks", "replay", "evt_99", *to).code == 5
    assert cli.run("webhooks", "replay", "evt_6", *to).code == 5


def test_brand_is_found_by_short_id_or_name(cli: CommandLine, emulator: EmulatorServer) -> None:
    acme, bluebird = run_json(cli, "brands", "list")
    assert run_json(cli, "brands", "show", acme["id"][:8])["id"] == acme["id"]
    assert run_json(cli, "brands", "show", "Acme Co.")["id"] == acme["id"]
    pages = run_json(cli, "pages", "list", "--brand", "Bluebird Coffee")
    assert {page["brand_id"] for page in pages} == {bluebird["id"]}
    assert run_json(cli, "pages", "list", "--brand", bluebird["id"][:8]) == pages
    assert cli.run("brands", "show", "Acme").code == 5
    emulator.state.connection.execute("UPDATE brands SET name = 'Acme Co.'")
    ran = cli.run("brands", "show", "Acme Co.")
    assert ran.code == 2
    assert acme["id"] in ran.err
    assert bluebird["id"] in ran.err


@pytest.mark.parametrize(
    "name",
    ["Acme International Marketing Group", "123456789012345", "Café " * 20 + "Ltd", "c0ffee" * 3],
)
def test_brand_is_found_by_a_name_like_an_id(
    cli: CommandLine, emulator: EmulatorServer, name: str
) -> None:
    brand = run_json(cli, "brands", "list")[0]
    emulator.state.connection.execute(
        "UPDATE brands SET name = ? WHERE id = ?", (name, brand["id"])
    )
    assert run_json(cli, "brands", "show", name)["id"] == brand["id"]
    pages = run_json(cli, "pages", "list", "--brand", name)
    assert {page["brand_id"] for page in pages} == {brand["id"]}
    assert cli.run("slots", "set", f"brand:{name}", "mon 09:00").code == 0
    assert cli.run("brands", "show", name + "x").code == 5


@pytest.mark.parametrize("name", ["X: Bluebird News", "twitter:news", "Instagram: A"])
def test_page_is_found_by_a_name_like_an_alias(
    cli: CommandLine, emulator: EmulatorServer, name: str
) -> None:
    page = run_json(cli, "pages", "show", "x:bluebird")
    emulator.state.connection.execute("UPDATE pages SET name = ? WHERE id = ?", (name, page["id"]))
    assert run_json(cli, "pages", "show", name)["id"] == page["id"]
    # A user name comes first.
    emulator.state.connection.execute(
        "UPDATE pages SET name = 'instagram:acme' WHERE id = ?", (page["id"],)
    )
    assert run_json(cli, "pages", "show", "instagram:acme")["id"] != page["id"]
    assert cli.run("pages", "show", "x:unknown").code == 5


def test_page_is_found_by_short_id(cli: CommandLine, emulator: EmulatorServer) -> None:
    page = run_json(cli, "pages", "show", "instagram:acme")
    assert run_json(cli, "pages", "show", page["id"][:8])["id"] == page["id"]
    emulator.state.connection.execute(
        "UPDATE pages SET id = 'abcdef' || substr(id, 7) WHERE platform IN ('tiktok', 'twitter')"
    )
    ran = cli.run("pages", "show", "abcdef")
    assert ran.code == 2
    assert "tiktok:bluebirdcoffee" in ran.err
    assert cli.run("pages", "show", page["id"][:5]).code == 5


def test_comment_is_found_by_short_id(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    post = run_json(cli, "posts", "list", "--published")[0]["id"]
    for new_id in (f"c_{FIRST}", f"c_{SECOND}"):
        comment = emulator.handle.request(
            "comment", post_id=post, message="Open?", name="Jane Doe", username="jane.doe"
        )
        set_id(emulator, "comments", str(comment["id"]), new_id)
    assert run_json(cli, "comments", "list", post[:12]) == run_json(cli, "comments", "list", post)
    # One comment was seen on this machine, the other one elsewhere.
    reply = ("-m", "Yes", "--yes")
    for word in ("c_68a1b2", "c_68a1b2c3d4e5f60718293"):
        ran = cli.run("comments", "reply", word, *reply)
        assert ran.code == 2, ran.err
        assert f"c_{SECOND} (Open?)" in ran.err
    sent = run_json(cli, "comments", "reply", f"c_{SECOND[:22]}", *reply)
    assert sent["parent_id"] == f"c_{SECOND}"
    # Older than what the inbox lists: known from an earlier list only.
    emulator_clock.advance(90 * 86_400)
    sent = run_json(cli, "comments", "reply", f"c_{FIRST[:22]}", *reply)
    assert sent["parent_id"] == f"c_{FIRST}"
    assert cli.run("comments", "reply", "c_99a1b2", *reply).code == 5


def test_failed_post_by_short_id_is_retried_once(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, client: Client
) -> None:
    posts = [schedule_with_key(cli, "One"), schedule_with_key(cli, "Two", at="+90m")]
    expire(emulator)
    emulator_clock.advance(3 * 3600)
    cli.run("posts", "list")
    expire(emulator, expired=False)
    retry = ("posts", "retry", posts[0][:20], "--yes")
    assert cli.run(*retry).code == 0
    again = cli.run(*retry)
    assert (again.code, "already exists" in again.err) == (0, True), again.err
    messages = [post["message"] for post in client.published_posts().items]
    assert (messages.count("One"), messages.count("Two")) == (1, 0)
