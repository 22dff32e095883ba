"""`outreply status`, `pages check`, `posts list --failed` and `posts retry`, on the emulator."""

import json
import re
import shlex
import signal
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.storage.postgres import PostgresDatabase
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore
from outreply_cli.webhooks.team_store import TeamDeliveryStore
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.commands.team_machines import make_machine
from tests.commands.test_quota_commands import set_used
from tests.postgres import open_migrated
from tests.reliability.proxy import RuleProxy, lose_response, refuse
from tests.request_count import count_requests

FACEBOOK = ("--page", "facebook:acme")


def expire(emulator: EmulatorServer, *, expired: bool = True) -> None:
    emulator.state.connection.execute(
        "UPDATE pages SET expired = ? WHERE platform = 'facebook'", (expired,)
    )


def schedule_with_key(cli: CommandLine, text: str, *, at: str = "+1h") -> str:
    words = ("posts", "schedule", *FACEBOOK, "--at", at, "-m", text, "--key", text, "-q")
    return cli.run(*words).out.strip()


@pytest.fixture
def failed_id(cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock) -> str:
    """ID of a post that failed because its page had expired, and is connected again."""
    post_id = schedule_with_key(cli, "Sale today")
    expire(emulator)
    emulator_clock.advance(timedelta(hours=2).total_seconds())
    cli.run("posts", "list")
    expire(emulator, expired=False)
    return post_id


def list_failed(cli: CommandLine, *options: str) -> list[dict[str, Any]]:
    ran = cli.run("posts", "list", "--failed", "--json", *options)
    assert ran.code == 0, ran.err
    posts: list[dict[str, Any]] = json.loads(ran.out)
    return posts


def list_published_texts(client: Client) -> list[str]:
    return [str(post["message"]) for post in client.published_posts().items]


def test_failed_post_of_journal_is_listed(cli: CommandLine, failed_id: str) -> None:
    (post,) = list_failed(cli)
    assert (post["id"], post["status"], post["message"]) == (failed_id, "failed", "Sale today")
    assert "error" in post
    assert list_failed(cli, "--page", "instagram:acme") == []
    assert list_failed(cli, "--since", "1h") == []
    assert cli.run("posts", "list", "--failed", "-q").out == f"{failed_id}\n"
    assert cli.run("posts", "list", "--failed", "--all").code == 2


def test_posts_of_other_brands_are_left_out(
    cli: CommandLine, emulator: EmulatorServer, failed_id: str, emulator_clock: ManualClock
) -> None:
    """The journal is that of all tokens; this one may use another brand only."""
    schedule_with_key(cli, "Another sale")
    emulator_clock.advance(timedelta(hours=2).total_seconds())
    token = emulator.handle.request("token", name="coffee", brands=["Bluebird Coffee"])["token"]
    cli.environ["OUTREPLY_API_KEY"] = token
    assert list_failed(cli) == []


def test_published_and_cancelled_posts_are_not_failed(
    cli: CommandLine, emulator_clock: ManualClock
) -> None:
    schedule_with_key(cli, "Fine")
    cancelled = schedule_with_key(cli, "Cancelled", at="+3h")
    cli.run("posts", "cancel", cancelled)
    emulator_clock.advance(timedelta(hours=4).total_seconds())
    assert list_failed(cli) == []


def make_event(
    cli: CommandLine, post: dict[str, Any], *, is_verified: bool = True
) -> IncomingDelivery:
    body = json.dumps({"event": "post.failed", "data": {"post": post}}).encode()
    return IncomingDelivery(
        id=str(post.get("id")), received_at=cli.clock.now().timestamp(),
        event="post.failed", is_verified=is_verified, reason=None, status=200,
        headers=[], body=body,
    )  # fmt: skip


def store_event(cli: CommandLine, post: dict[str, Any], *, is_verified: bool = True) -> None:
    state_dir = Path(cli.environ["OUTREPLY_STATE_DIR"])
    state_dir.mkdir(parents=True, exist_ok=True)
    with closing(DeliveryStore(state_dir / DELIVERIES_FILE)) as store:
        store.store([make_event(cli, post, is_verified=is_verified)])


def test_published_posts_cost_no_reads(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    def count_reads() -> int:
        before = count_requests(emulator)
        assert list_failed(cli) == []
        return count_requests(emulator) - before

    words = ("posts", "publish", "--page", "facebook:acme", "--yes", "-m", "Hi", "--key")
    assert cli.run(*words, "0").code == 0
    emulator_clock.advance(3600)
    reads = count_reads()
    for key in "12":
        assert cli.run(*words, key).code == 0
    emulator_clock.advance(3600)
    assert count_reads() == reads


def test_failed_post_of_event_is_listed(cli: CommandLine, failed_id: str) -> None:
    journal = Path(cli.environ["OUTREPLY_STATE_DIR"]) / "journal.db"
    journal.unlink()
    assert list_failed(cli) == []
    store_event(cli, {"id": failed_id, "error": "the page has expired"}, is_verified=False)
    assert list_failed(cli) == []
    store_event(cli, {"id": failed_id, "error": "the page has expired"})
    store_event(cli, {"id": "of another account"})
    store_event(cli, {})
    (post,) = list_failed(cli)
    assert (post["id"], post["error"]) == (failed_id, "the page has expired")


def test_failed_post_of_event_that_the_team_received_is_listed(
    cli: CommandLine, failed_id: str, postgres_url: str
) -> None:
    open_migrated(postgres_url).close()
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    assert list_failed(cli) == []
    with closing(TeamDeliveryStore(PostgresDatabase(postgres_url), SystemClock())) as store:
        store.store([make_event(cli, {"id": failed_id, "error": "the page has expired"})])
    (post,) = list_failed(cli)
    assert (post["id"], post["error"]) == (failed_id, "the page has expired")


def test_retry_sends_once(cli: CommandLine, client: Client, failed_id: str) -> None:
    first = cli.run("posts", "retry", failed_id, "--yes", "--json")
    assert first.code == 0, first.err
    (post,) = json.loads(first.out)
    second = cli.run("posts", "retry", failed_id, "--yes", "--json")
    assert json.loads(second.out)[0]["id"] == post["id"]
    assert "already exists; nothing was sent" in second.err
    later = cli.run("posts", "retry", failed_id, "--at", "+2h", "--json", "--yes")
    assert "already exists; nothing was sent" in later.err
    assert list_published_texts(client).count("Sale today") == 1
    assert not [post for post in client.scheduled_posts().items if post["message"] == "Sale today"]
    assert list_failed(cli) == []


def test_rejected_retry_advises_a_new_post(
    cli: CommandLine, emulator: EmulatorServer, failed_id: str
) -> None:
    error = {"error": "Facebook requires an image", "code": "PLATFORM_REJECTED"}
    with RuleProxy(emulator.app) as proxy:
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        proxy.on("POST", "/posts/publish", refuse(422, error))
        ran = cli.run("posts", "retry", failed_id, "--yes")
    assert ran.code == 1
    assert "Facebook requires an image" in ran.err
    assert "Create a new one with: outreply posts publish" in ran.err
    assert "Change the post" not in ran.err


def test_wait_for_a_failed_post_names_where_the_reason_is(cli: CommandLine, failed_id: str) -> None:
    ran = cli.run("posts", "wait", failed_id)
    assert f"Post {failed_id} failed" in ran.err
    assert "see: outreply posts list --failed" in ran.err


def test_interrupted_retry_says_what_was_sent(
    cli: CommandLine, client: Client, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    ids = [schedule_with_key(cli, f"Sale {n}", at=f"+{n}h") for n in (1, 2, 3)]
    expire(emulator)
    emulator_clock.advance(timedelta(hours=4).total_seconds())
    cli.run("posts", "list")
    expire(emulator, expired=False)
    words = ("posts", "retry", *ids, "--yes", "--json")

    def list_texts() -> list[str]:
        return sorted(text for text in list_published_texts(client) if text.startswith("Sale"))

    main = threading.main_thread().ident
    assert main is not None
    with RuleProxy(emulator.app) as proxy:
        interrupt = lose_response(lambda: signal.pthread_kill(main, signal.SIGINT))
        proxy.on("POST", "/posts/*", interrupt, numbers=[2])
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        ran, sent = cli.run(*words), list_texts()
        again = cli.run(*words)
    assert (ran.code, sent) == (130, ["Sale 1", "Sale 2"]), ran.err
    assert [post["message"] for post in json.loads(ran.out)] == ["Sale 1"]
    error = json.loads(ran.err.splitlines()[-1])["error"]
    assert f"post {ids[1]} may have been sent again, and those after it were" in error["message"]
    assert error["hint"] == "Run the same command again: no post is sent twice."
    assert again.code == 0, again.err
    assert [post["message"] for post in json.loads(again.out)] == ["Sale 1", "Sale 2", "Sale 3"]
    assert list_texts() == ["Sale 1", "Sale 2", "Sale 3"]


@pytest.mark.parametrize("options", [(), ("--at", "+3d")], ids=["published", "scheduled"])
@pytest.mark.parametrize("other_token", [False, True], ids=["same token", "other token"])
def test_retry_on_another_machine_sends_nothing(
    cli: CommandLine,
    emulator: EmulatorServer,
    failed_id: str,
    options: tuple[str, ...],
    other_token: bool,
) -> None:
    assert cli.run("posts", "retry", failed_id, "--yes", *options).code == 0
    other = make_machine(cli, "other")
    if other_token:
        token = emulator.handle.request("token", name="second")["token"]
        other.environ["OUTREPLY_API_KEY"] = str(token)
    else:
        # The server has forgotten the key.
        cli.clock.advance(25 * 3600)
    before = list_live(emulator)
    ran = other.run("posts", "retry", failed_id, "--yes")
    assert ran.code == 1
    assert "the failed post may have been sent again already" in ran.err
    assert "To send it anyway, use: outreply posts publish --page" in ran.err
    assert list_live(emulator) == before
    assert cli.run("posts", "retry", failed_id, "--yes").code == 0
    assert list_live(emulator) == before


def test_held_retry_at_a_time_advises_the_same_time(
    cli: CommandLine, emulator: EmulatorServer, failed_id: str
) -> None:
    assert cli.run("posts", "retry", failed_id, "--yes").code == 0
    ran = make_machine(cli, "other").run("posts", "retry", failed_id, "--yes", "--at", "+1d")
    assert ran.code == 1
    (command,) = re.findall(r"use: outreply (posts schedule --page \w+ --at \S+ .*)", ran.err)
    before = len(list_live(emulator))
    assert cli.run(*shlex.split(command)).code == 0
    assert len(list_live(emulator)) == before + 1


def test_retry_is_not_held_for_an_older_post_with_the_same_text(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    other = make_machine(cli, "other")
    failed_id = schedule_with_key(cli, "Sale today")
    words = ("--page", "facebook:acme", "-m", "Sale today", "--at", "+2d")
    assert other.run("posts", "schedule", *words).code == 0
    expire(emulator)
    emulator_clock.advance(7200)
    cli.run("posts", "list")
    expire(emulator, expired=False)
    assert cli.run("posts", "retry", failed_id, "--yes").code == 0


def list_live(emulator: EmulatorServer) -> list[str]:
    rows = emulator.state.connection.execute(
        "SELECT id FROM posts WHERE message = 'Sale today' AND status <> 'failed' ORDER BY id"
    )
    return [row["id"] for row in rows]


def test_retry_schedules_several_posts_at_the_same_time(
    cli: CommandLine, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [schedule_with_key(cli, f"Sale {n}", at=f"+{n}h") for n in (1, 2, 3)]
    expire(emulator)
    cli.clock.advance(timedelta(hours=4).total_seconds())
    cli.run("posts", "list")
    expire(emulator, expired=False)

    def wait(client: Client, post_id: str) -> list[object]:
        # As a rate limit does.
        cli.clock.advance(54)
        return []

    monkeypatch.setattr(Client, "attached_media", wait)
    emulator.state.connection.execute("UPDATE posts SET media = '[{\"src\": \"https://x.y/a.jpg\", "
                                      "\"type\": \"photo\"}]' WHERE status = 'failed'")  # fmt: skip
    ran = cli.run("posts", "retry", *ids, "--at", "+2h", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    assert len({post["scheduled_at"] for post in json.loads(ran.out)}) == 1
    assert len(json.loads(ran.out)) == len(ids)


def test_retry_schedules_the_post_at_the_given_time(
    cli: CommandLine, client: Client, failed_id: str
) -> None:
    ran = cli.run("posts", "retry", failed_id, "--at", "tomorrow 09:00", "--yes")
    assert ran.code == 0, ran.err
    (post,) = [post for post in client.scheduled_posts().items if post["message"] == "Sale today"]
    assert post["scheduled_at"].endswith("T08:00:00.000Z")


def test_retry_requires_confirmation(cli: CommandLine, client: Client, failed_id: str) -> None:
    ran = cli.run("posts", "retry", failed_id)
    assert ran.code == 2
    assert "Confirmation required" in ran.err
    assert "Sale today" in ran.err
    dry = cli.run("posts", "retry", failed_id, "--dry-run", "--json")
    assert [body["message"] for body in json.loads(dry.out)] == ["Sale today"]
    assert "Sale today" not in list_published_texts(client)


def test_retry_of_other_posts_is_rejected(
    cli: CommandLine, emulator: EmulatorServer, failed_id: str
) -> None:
    pending = schedule_with_key(cli, "Pending")
    ran = cli.run("posts", "retry", failed_id, pending, "--yes")
    assert ran.code == 2
    assert "has not failed: its status is scheduled" in ran.err
    assert cli.run("posts", "retry", "0" * 24, "--yes").code == 5
    past = cli.run("posts", "retry", failed_id, "--at", "2020-01-01 09:00", "--yes")
    assert past.code == 2
    expire(emulator)
    expired = cli.run("posts", "retry", failed_id, "--yes")
    assert expired.code == 2
    assert "facebook:acme has expired" in expired.err
    assert len(list_failed(cli)) == 1


def test_pages_check_lists_expired_pages_with_their_waiting_posts(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    ran = cli.run("pages", "check")
    assert (ran.code, ran.out) == (0, "")
    assert "All 6 pages are connected." in ran.err
    quiet = cli.run("pages", "check", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert cli.run("pages", "check", "--json").out == "[]\n"
    schedule_with_key(cli, "Waits", at="2026-12-24 18:00")
    expire(emulator)
    expired = cli.run("pages", "check", "--json")
    assert expired.code == 1
    (page,) = json.loads(expired.out)
    assert (page["page"], page["posts_waiting"]) == ("facebook:acme", 1)
    assert [post["message"] for post in page["posts"]] == ["Waits"]
    assert page["next_at"] == "2026-12-24T17:00:00Z"
    assert json.loads(expired.err)["error"]["code"] == "PAGES_EXPIRED"
    table = cli.run("pages", "check")
    assert "Thu 24 Dec 2026 18:00 CET (17:00 UTC)\tWaits" in table.out
    assert "Reconnect in the dashboard" in table.err


def test_pages_check_without_posts_scope_omits_the_posts(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    expire(emulator)
    emulator.state.connection.execute("""UPDATE tokens SET scopes = '["read:pages"]'""")
    (page,) = json.loads(cli.run("pages", "check", "--json").out)
    assert (page["posts_waiting"], page["next_at"], page["posts"]) == (None, None, None)
    assert cli.run("pages", "check").out.split() == ["facebook:acme"]


def test_status_shows_todays_posts_failures_and_unanswered_comments(
    cli: CommandLine, emulator: EmulatorServer, failed_id: str
) -> None:
    schedule_with_key(cli, "Tonight", at="today 20:00")
    schedule_with_key(cli, "Tomorrow", at="tomorrow 20:00")
    expire(emulator)
    ran = cli.run("status", "--json")
    assert ran.code == 0, ran.err
    status = json.loads(ran.out)
    assert "Tonight" in [post["message"] for post in status["today"]]
    assert "Tomorrow" not in [post["message"] for post in status["today"]]
    assert [post["id"] for post in status["failed"]] == [failed_id]
    assert [page["posts_waiting"] for page in status["expired_pages"]] == [2]
    assert sum(post["unanswered"] for post in status["unanswered_comments"]) > 0
    assert (status["limits"], status["unknown"], status["errors"]) == ([], [], {})


def test_status_shows_limits_running_short(cli: CommandLine, emulator: EmulatorServer) -> None:
    account = json.loads(cli.run("quota", "show", "--json").out)
    limit = account["quota"]["monthly"]["replies"]["limit"]
    set_used(emulator, "replies", limit - 1)
    (item,) = json.loads(cli.run("status", "--json").out)["limits"]
    assert (item["name"], item["remaining"]) == ("replies", 1)


def test_status_survives_missing_scopes(cli: CommandLine, emulator: EmulatorServer) -> None:
    emulator.state.connection.execute("""UPDATE tokens SET scopes = '["read:pages"]'""")
    ran = cli.run("status", "--json")
    assert ran.code == 0
    status = json.loads(ran.out)
    assert status["expired_pages"] == []
    assert status["errors"].keys() >= {"today", "unanswered_comments", "limits"}
    assert status["errors"]["today"]["code"] == "MISSING_SCOPE"
    assert "Warning: Unanswered comments" in ran.err
    cli.environ["OUTREPLY_API_KEY"] = "outreply_live_" + "0" * 48
    assert cli.run("status", "--json").code == 4


def test_status_in_a_pipe_names_the_section(cli: CommandLine, failed_id: str) -> None:
    lines = cli.run("status").out.splitlines()
    assert any(line.startswith("failed\t") and failed_id in line for line in lines)
    assert any(line.startswith("unanswered_comments\t") for line in lines)


def test_post_with_unknown_settings_does_not_hold_up_others(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, client: Client
) -> None:
    schedule_with_key(cli, "Sale today")
    (page_id,) = [page["id"] for page in client.pages(platform="tiktok").items]
    at = (emulator_clock.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    dance = client.schedule({"page_id": page_id, "message": "Dance", "scheduled_at": at,
                             "media_urls": ["https://example.com/a.mp4"]})  # fmt: skip
    emulator.state.connection.execute("UPDATE pages SET expired = 1")
    emulator_clock.advance(7_200)
    cli.run("posts", "list")
    emulator.state.connection.execute("UPDATE pages SET expired = 0")
    store_event(cli, {"id": dance.post["id"], "error": "x"})
    ids = cli.run("posts", "list", "--failed", "-q").out.split()
    assert len(ids) == 2
    for _ in range(2):
        ran = cli.run("posts", "retry", *ids, "--yes")
        assert (ran.code, "its TikTok settings would be lost" in ran.err) == (3, True), ran.err
        assert list_published_texts(client).count("Sale today") == 1
    assert "Dance" not in list_published_texts(client)
    assert cli.run("posts", "retry", str(dance.post["id"]), "--yes").code == 2
