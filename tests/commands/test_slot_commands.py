"""`slots list|set|clear|preview` and `posts schedule --at next-slot`."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import SCHEMA_VERSION, Journal
from outreply_cli.posts.sender import Sender
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.faulty_proxy import FAULTS, Fault, FaultyProxy
from tests.forks import run_forks
from tests.reliability.proxy import RuleProxy, lagging_lists, refuse
from tests.scripted_server import response

PAGE = "instagram:acme"
# Mon 23 Nov 2026 12:00 UTC is now.
TIMES = ("2026-11-23T16:30", "2026-11-24T08:00", "2026-11-24T16:30", "2026-11-25T08:00")


@pytest.fixture
def slots(cli: CommandLine, emulator: EmulatorServer) -> CommandLine:
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite'")
    assert cli.run("slots", "set", PAGE, "mon-fri 9am,17:30").code == 0
    return cli


def post(cli: CommandLine, text: str, *options: str, page: str = PAGE) -> Result:
    return cli.run(
        "posts", "schedule", "--page", page, "--at", "next-slot", "-m", text, "--json", *options
    )


def get_times(client: Client) -> dict[str, str]:
    posts = client.scheduled_posts().items
    return {str(item["message"]): str(item["scheduled_at"])[:16] for item in posts}


def preview(cli: CommandLine, *words: str) -> list[dict[str, Any]]:
    ran = cli.run("slots", "preview", *words, "--json")
    assert ran.code == 0, ran.err
    return list(json.loads(ran.out))


def test_slots_are_set_listed_and_cleared(slots: CommandLine, client: Client) -> None:
    (page,) = client.pages(platform="instagram").items
    ran = slots.run("slots", "set", "brand:Acme Co.", "sat 11:00", "--tz", "UTC", "--json")
    brand = {
        "id": page["brand_id"], "target": "brand", "name": "Acme Co.", "slots": "sat 11:00",
        "timezone": "UTC",
    }  # fmt: skip
    assert json.loads(ran.out) == brand
    own = {
        "id": page["id"], "target": "page", "name": PAGE, "slots": "mon-fri 09:00,17:30",
        "timezone": "Europe/Paris",
    }  # fmt: skip
    assert json.loads(slots.run("slots", "list", "--json").out) == [own, brand]
    assert slots.run("slots", "list", "-q").out == f"{page['id']}\n{page['brand_id']}\n"
    table = slots.run("slots", "list").out.splitlines()
    assert table[0] == f"{page['id']}\t{PAGE}\tmon-fri 09:00,17:30\tEurope/Paris"
    for output in ("jsonl", "yaml", "csv", "tsv"):
        listed = slots.run("slots", "list", "-o", output)
        assert (listed.code, "mon-fri 09:00,17:30" in listed.out) == (0, True)
    assert json.loads(slots.run("slots", "clear", PAGE, "--json").out) == own
    assert json.loads(slots.run("slots", "list", "--json").out) == [brand]
    again = slots.run("slots", "clear", PAGE)
    assert (again.code, "does not have its own slots" in again.err) == (5, True)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("set", PAGE, "someday 9am"), 2, "SLOTS: unknown day 'someday'"),
        (("set", PAGE, "mon 9am", "--tz", "Nowhere"), 2, "unknown time zone 'Nowhere'"),
        (("set", "instagram:missing", "mon 9am"), 5, "page not found"),
        (("set", "brand:Nobody", "mon 9am"), 5, "not found"),
        (("preview", "facebook:acme"), 2, "facebook:acme has no slots"),
        (("preview", "facebook:missing"), 5, "page not found"),
    ],
)
def test_invalid_arguments_are_an_error_that_says_why(
    slots: CommandLine, words: tuple[str, ...], code: int, text: str
) -> None:
    ran = slots.run("slots", *words)
    assert (ran.code, text.lower() in ran.err.lower()) == (code, True), ran.err


def test_list_and_preview_are_empty_without_slots(cli: CommandLine) -> None:
    assert cli.run("slots", "list", "--json").out == "[]\n"
    assert cli.run("slots", "preview", "--json").out == "[]\n"
    assert "outreply slots set" in cli.run("slots", "list").err


def test_next_slot_takes_free_slots_in_order(slots: CommandLine, client: Client) -> None:
    dry = post(slots, "One", "--dry-run")
    assert [item["scheduled_at"] for item in json.loads(dry.out)] == ["2026-11-23T16:30:00Z"]
    assert get_times(client) == {}
    for text in ("One", "Two", "Three"):
        assert post(slots, text).code == 0
    assert get_times(client) == dict(zip(("One", "Two", "Three"), TIMES, strict=False))


def test_each_page_has_its_own_next_slot(slots: CommandLine, client: Client) -> None:
    assert slots.run("slots", "set", "brand:Acme Co.", "daily 12:00").code == 0
    ran = post(slots, "Both", "--page", "facebook:acme")
    assert ran.code == 0, ran.err
    times = sorted(str(item["scheduled_at"])[:16] for item in client.scheduled_posts().items)
    assert times == [TIMES[0], "2026-11-24T11:00"]


def test_page_without_slots_is_an_error(slots: CommandLine, client: Client) -> None:
    ran = post(slots, "Both", "--page", "facebook:acme")
    assert ran.code == 2
    assert "outreply slots set facebook:acme" in ran.err
    assert get_times(client) == {}


def test_no_free_slot_is_an_error(slots: CommandLine, client: Client) -> None:
    assert slots.run("slots", "set", "facebook:acme", "mon 09:00").code == 0
    for number in range(11):
        ran = post(slots, f"{number}", page="facebook:acme")
    assert ran.code == 2
    assert "has no free slot within 75 days" in ran.err
    assert len(get_times(client)) == 10


def test_same_key_makes_no_second_post(slots: CommandLine, client: Client) -> None:
    first = json.loads(post(slots, "One", "--key", "k").out)
    assert post(slots, "Two").code == 0
    assert slots.run("slots", "clear", PAGE).code == 0
    second = post(slots, "One", "--key", "k")
    assert [item["id"] for item in json.loads(second.out)] == [first[0]["id"]]
    assert get_times(client) == {"One": TIMES[0], "Two": TIMES[1]}


def test_same_key_after_the_journal_was_lost(slots: CommandLine, client: Client) -> None:
    first = json.loads(post(slots, "One", "--key", "k").out)
    shutil.rmtree(slots.home / "state")
    assert slots.run("slots", "set", PAGE, "mon-fri 9am,17:30").code == 0
    second = json.loads(post(slots, "One", "--key", "k").out)
    assert second[0]["id"] == first[0]["id"]
    assert get_times(client) == {"One": TIMES[0]}


def test_same_key_after_the_journal_was_lost_and_the_post_was_moved(
    slots: CommandLine, client: Client, emulator_clock: ManualClock
) -> None:
    first = json.loads(post(slots, "One", "--key", "k").out)
    shutil.rmtree(slots.home / "state")
    assert slots.run("slots", "set", PAGE, "mon-fri 9am,17:30").code == 0
    moved = slots.run("posts", "reschedule", first[0]["id"], "--at", f"{TIMES[3]}Z")
    assert moved.code == 0, moved.err
    # The server has forgotten the key.
    emulator_clock.advance(25 * 3600)
    assert post(slots, "One", "--key", "k").code == 0
    (only,) = client.scheduled_posts().items
    assert str(only["scheduled_at"])[:16] == TIMES[3]


def test_freed_slot_is_offered_and_not_refilled(slots: CommandLine, client: Client) -> None:
    ids = [json.loads(post(slots, text).out)[0]["id"] for text in ("One", "Two")]
    assert slots.run("posts", "cancel", ids[0]).code == 0
    new = slots.run("posts", "reschedule", ids[1], "--at", "2026-12-01 10:00")
    assert new.code == 0
    shown = preview(slots, PAGE, "--limit", "3")
    assert [item["status"] for item in shown] == ["freed", "freed", "free"]
    assert shown[0]["id"] == ids[0]
    words = shown[0]["command"].split()
    assert words[1:-1] == [
        "posts", "schedule", "--page", PAGE, "--at", f"{TIMES[0]}:00Z",
    ]  # fmt: skip
    note = slots.run("slots", "preview", PAGE).err
    assert shown[0]["command"] in note
    assert post(slots, "Three").code == 0
    assert get_times(client)["Three"] == TIMES[2]
    taken = slots.run(*words[1:-1], "-m", "Four")
    assert taken.code == 0, taken.err
    assert [item["status"] for item in preview(slots, PAGE, "--limit", "3")] == [
        "filled", "freed", "filled",
    ]  # fmt: skip


def test_preview_shows_what_fills_the_slots(slots: CommandLine, client: Client) -> None:
    post(slots, "Mine")
    (page,) = client.pages(platform="instagram").items
    elsewhere = client.schedule(
        {"page_id": page["id"], "message": "Elsewhere", "scheduled_at": f"{TIMES[1]}:59Z"}
    )
    shown = preview(slots, PAGE, "--limit", "3")
    assert [(item["status"], item["detail"]) for item in shown] == [
        ("filled", "Mine"),
        ("filled", "Elsewhere"),
        ("free", None),
    ]
    assert shown[1]["id"] == elsewhere.post["id"]
    assert [item["scheduled_at"] for item in shown] == [f"{at}:00Z" for at in TIMES[:3]]
    assert len(preview(slots)) == 20
    table = slots.run("slots", "preview", PAGE, "--limit", "1").out
    assert table.startswith(f"Mon 23 Nov 2026 17:30 CET (16:30 UTC)\t{PAGE}\tfilled\t")


REFUSED = Fault("refused", 0, lambda _: response(400, {"error": "No", "code": "VALIDATION_ERROR"}))
LIMITED = next(fault for fault in FAULTS if fault.name == "429 without Retry-After")
LOST = next(fault for fault in FAULTS if fault.name == "cut before the server commits")


@pytest.fixture
def proxy(slots: CommandLine, emulator: EmulatorServer) -> Iterator[FaultyProxy]:
    """A proxy that the command line uses; an account belongs to its address."""
    with FaultyProxy(emulator.port) as proxy:
        slots.environ["OUTREPLY_BASE_URL"] = proxy.url
        assert slots.run("slots", "set", PAGE, "mon-fri 9am,17:30").code == 0
        yield proxy


@pytest.mark.parametrize(
    ("fault", "options", "status"),
    [
        (REFUSED, (), "free"),
        (REFUSED, ("--key", "k"), "free"),
        (LIMITED, (), "free"),
        # The same command again sends it.
        (LIMITED, ("--key", "k"), "claimed"),
    ],
)
def test_refused_post_releases_its_slot(
    slots: CommandLine, proxy: FaultyProxy, fault: Fault, options: tuple[str, ...], status: str
) -> None:
    proxy.fault = fault
    assert post(slots, "One", "--max-wait", "5s", *options).code != 0
    assert [item["status"] for item in preview(slots, PAGE, "--limit", "1")] == [status]


@pytest.mark.parametrize("fault", [REFUSED, LIMITED], ids=["refused", "planned"])
def test_same_key_after_an_old_journal_was_put_back(
    slots: CommandLine, proxy: FaultyProxy, fault: Fault, client: Client
) -> None:
    proxy.fault = fault
    words = ("One", "--key", "k", "--max-wait", "5s")
    assert post(slots, *words).code != 0
    backup = slots.run("store", "export").out
    proxy.fault = None
    assert post(slots, *words).code == 0
    # The server has forgotten the key, and the post is still scheduled.
    (sent,) = client.scheduled_posts().items
    later = slots.run("posts", "reschedule", sent["id"], "--at", "2026-12-24 18:00")
    assert later.code == 0, later.err
    shutil.rmtree(slots.home / "state")
    assert slots.run("store", "restore", "-", stdin=backup).code == 0
    slots.clock.advance(25 * 3600)
    assert post(slots, *words).code == 0
    (only,) = client.scheduled_posts().items
    assert str(only["scheduled_at"])[:16] == "2026-12-24T17:00"


def test_unknown_outcome_keeps_the_slot(
    slots: CommandLine, proxy: FaultyProxy, client: Client
) -> None:
    proxy.fault = LOST
    lost = post(slots, "One", "--key", "k", "--max-wait", "2s")
    assert lost.code == 7, lost.err
    proxy.fault = None
    (shown,) = preview(slots, PAGE, "--limit", "1")
    assert (shown["status"], shown["detail"]) == ("claimed", "by posts --key k")
    assert post(slots, "Two").code == 0
    assert post(slots, "One", "--key", "k").code == 0
    assert get_times(client) == {"One": TIMES[0], "Two": TIMES[1]}


def test_slot_of_a_killed_command_is_kept_only_with_a_key(
    slots: CommandLine,
    client: Client,
    emulator_clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(Sender, "send", die)
    for options in (("--key", "k"), ()):
        with pytest.raises(Killed):
            post(slots, "One", *options)
    monkeypatch.undo()
    assert get_times(client) == {}
    shown = preview(slots, PAGE, "--limit", "2")
    # Without a key, no later command sends it.
    assert [item["status"] for item in shown] == ["claimed", "freed"]
    assert shown[0]["detail"] == "by posts --key k"
    assert post(slots, "Two").code == 0
    assert post(slots, "One", "--key", "k").code == 0
    assert get_times(client) == {"One": TIMES[0], "Two": TIMES[2]}
    # A time that is over is chosen again.
    monkeypatch.setattr(Sender, "send", die)
    with pytest.raises(Killed):
        post(slots, "Late", "--key", "late")
    monkeypatch.undo()
    emulator_clock.advance(7 * 86_400)
    assert post(slots, "Late", "--key", "late").code == 0
    assert get_times(client) == {"Late": "2026-11-30T16:30"}


def test_eight_concurrent_commands_take_different_slots(
    slots: CommandLine, client: Client, tmp_path: Path
) -> None:
    command_lines = [
        ["posts", "schedule", "--page", PAGE, "--at", "next-slot", "-m", f"Post {n}",
         "--max-wait", "10m"]
        for n in range(8)
    ]  # fmt: skip
    for result in run_forks(slots, command_lines, tmp_path / "output", at_once=True):
        assert result.code == 0, result.err
    found = get_times(client)
    assert sorted(found) == [f"Post {n}" for n in range(8)]
    assert len(set(found.values())) == 8


def test_older_journal_is_upgraded(slots: CommandLine, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    Journal(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "DROP TABLE slot_schedules; DROP TABLE slot_claims; DROP INDEX entries_of_row; "
            "DROP TABLE events; DROP TABLE calendar_zones; "
            "PRAGMA user_version = 3"
        )
    journal = Journal(path)
    assert journal.slot_schedules(account_fingerprint(client)) == {}
    (version,) = journal.tables.tuples("PRAGMA user_version", ())
    assert version == (SCHEMA_VERSION,)
    assert journal.events() == []
    journal.close()


@pytest.mark.parametrize("key", [(), ("--key", "launch")], ids=["no key", "key"])
def test_post_refused_at_a_cap_does_not_try_another_slot(
    cli: CommandLine, emulator: EmulatorServer, key: tuple[str, ...]
) -> None:
    error = {"error": "This page reached its 50 publishes per 24 hours",
             "code": "PAGE_PUBLISH_GUARDRAIL", "retry_after_seconds": 3600}  # fmt: skip
    with RuleProxy(emulator.app) as proxy:
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        assert cli.run("slots", "set", "x:bluebird", "daily 05:30,06:30,09:00").code == 0
        proxy.on("POST", "/posts/schedule", refuse(429, error, Retry_After="3600"))
        words = ("posts", "schedule", "--page", "x:bluebird", "--at", "next-slot", "-m", "Hi", "-v")
        ran = cli.run(*words, *key)
    assert ran.code == 6
    assert ran.err.count("POST /api/v1/posts/schedule") == 1


@pytest.mark.parametrize("advance", [5, 60, 3_600], ids=["not listed yet", "listed", "later"])
def test_key_of_a_due_post_still_names_it(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, advance: float
) -> None:
    words = ("posts", "schedule", "--page", "x:bluebird", "--at", "next-slot", "-m", "Hi")
    with RuleProxy(emulator.app) as proxy:
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        proxy.response_filters.append(lagging_lists(emulator_clock, 20))
        assert cli.run("slots", "set", "x:bluebird", "daily 14:00", "--tz", "UTC").code == 0
        first = cli.run(*words, "--key", "k", "-q")
        assert first.code == 0, first.err
        emulator_clock.advance(2 * 3_600 + advance)
        again = cli.run(*words, "--key", "k", "-q")
        assert (again.code, again.out) == (0, first.out), again.err
        # As after its removal from the platform.
        emulator.state.connection.execute("DELETE FROM posts WHERE id = ?", (first.out.strip(),))
        assert cli.run(*words, "--key", "k", "-q").out == first.out


@pytest.mark.parametrize("key", [(), ("--key", "launch")], ids=["no key", "key"])
def test_next_slot_passes_refused_slots_if_the_list_is_truncated(
    cli: CommandLine, emulator: EmulatorServer, client: Client, key: tuple[str, ...]
) -> None:
    """Slots that look free are taken by posts that the API does not list."""
    (page_id,) = [page["id"] for page in client.pages(platform="twitter").items]
    first = (client.now() + timedelta(minutes=20)).timestamp()
    with emulator.state.transaction() as db:
        db.executemany(
            "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media) "
            "VALUES (?, ?, 'scheduled', ?, 0, 'other', '[]')",
            [(f"other{n}", page_id, first + 600 * n) for n in range(120)],
        )
    slots = ("slots", "set", "x:bluebird", "daily 05:30,06:30,09:00", "--tz", "UTC")
    assert cli.run(*slots).code == 0
    words = ("posts", "schedule", "--page", "x:bluebird", "--at", "next-slot", "--json")
    ran = cli.run(*words, "-m", "Hi", *key)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)[0]["scheduled_at"] == "2026-11-24T09:00:00.000Z"
    again = cli.run(*words, "-m", "Hi" if key else "Next", *key)
    assert again.code == 0, again.err
    expected = "2026-11-24T09:00:00.000Z" if key else "2026-11-25T05:30:00.000Z"
    assert json.loads(again.out)[0]["scheduled_at"] == expected
    assert "free slots may be taken" in cli.run("slots", "preview", "x:bluebird").err
