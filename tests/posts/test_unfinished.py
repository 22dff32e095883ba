"""Commands that find what an earlier one left open, or data that they cannot use."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import JOURNAL_FILE
from tests.command_line import CommandLine
from tests.media.sample_files import png
from tests.reliability.proxy import Request, Response, RuleProxy, lose_request, refuse

PAGE = ("--page", "facebook:acme")
AT = ("--at", "2026-12-24 18:00")
KEYED = ("posts", "schedule", *PAGE, *AT, "-m", "Hello", "--key", "k")
DOWN = refuse(503, {"error": "down", "code": "INTERNAL_ERROR"})


@pytest.fixture
def proxy(cli: CommandLine, emulator: EmulatorServer) -> Iterator[RuleProxy]:
    """The server of all commands of a test."""
    with RuleProxy(emulator.app) as proxy:
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        yield proxy


def without_time(_: Request, response: Response) -> Response:
    """Filter of a server that returns no valid time for the keyed post."""
    return response.with_json(
        json.loads(response.body.replace(b"2026-12-24T17:00:00.000Z", b"soon"))
    )


def list_texts(cli: CommandLine) -> list[str]:
    posts = json.loads(cli.run("posts", "list", *PAGE, "--json").out)
    return sorted(post["message"] for post in posts)


def test_post_whose_cancellation_is_unknown_is_not_changed(
    cli: CommandLine, proxy: RuleProxy
) -> None:
    post_id = cli.run(*KEYED, "-q").out.strip()
    proxy.on("DELETE", "/posts/*", DOWN)
    assert cli.run("posts", "cancel", post_id).code == 7
    before = list_texts(cli)
    again = cli.run(*KEYED)
    assert again.code == 1
    assert "The outcome of an earlier request with this --key is unknown" in again.err
    moved = cli.run("posts", "reschedule", post_id, "--at", "2026-12-26 18:00")
    assert moved.code == 1
    assert "An earlier command (posts --key k) is unfinished" in moved.err
    assert f"The outcome of an earlier change of post {post_id} is unknown" in moved.err
    assert list_texts(cli) == before
    proxy.recover()
    assert cli.run("posts", "cancel", post_id).code == 0
    assert list_texts(cli) == []


def test_post_that_was_never_sent_is_only_reported(cli: CommandLine, proxy: RuleProxy) -> None:
    proxy.on("POST", "/posts/schedule", lose_request)
    assert cli.run(*KEYED).code == 7
    proxy.recover()
    cli.clock.advance(600)
    other = cli.run("posts", "schedule", *PAGE, "--at", "2026-12-25 18:00", "-m", "Other")
    assert other.code == 0, other.err
    assert "The post of an earlier command (posts --key k) was not sent." in other.err
    assert list_texts(cli) == ["Other"]
    assert cli.run(*KEYED).code == 0
    assert list_texts(cli) == ["Hello", "Other"]


def test_print_needs_uploaded_media(cli: CommandLine, proxy: RuleProxy, tmp_path: Path) -> None:
    picture = tmp_path / "hero.png"
    picture.write_bytes(png(b"hero"))
    words = ("posts", "schedule", *PAGE, *AT, "--media", str(picture), "--print", "curl")
    ran = cli.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert f"{picture} is not uploaded yet" in ran.err
    assert f"Run: outreply media upload {picture}; then" in ran.err
    media_id = cli.run("media", "upload", str(picture), "-q").out.strip()
    assert media_id in cli.run(*words).out
    assert len(proxy.writes()) == 1


def test_slots_that_cannot_be_used_are_an_error(cli: CommandLine, proxy: RuleProxy) -> None:
    assert cli.run("slots", "set", PAGE[1], "daily 09:00").code == 0
    with closing(sqlite3.connect(cli.home / "state" / JOURNAL_FILE)) as db, db:
        db.execute("UPDATE slot_schedules SET timezone = 'Mars/Olympus'")
    next_slot = ("posts", "schedule", *PAGE, "--at", "next-slot", "-m", "Hi")
    for words in (next_slot, ("slots", "preview", PAGE[1])):
        ran = cli.run(*words)
        assert ran.code == 1
        assert "The stored slots 'daily 09:00' (Mars/Olympus) cannot be used" in ran.err
        assert "Set them again with: outreply slots set" in ran.err
    assert not proxy.writes()


@pytest.mark.parametrize(
    "words", [("reschedule", "--at", "2026-12-26 18:00"), ("edit", "-m", "New", "--yes")]
)
def test_post_without_a_valid_time_is_left_alone(
    cli: CommandLine, proxy: RuleProxy, words: tuple[str, ...]
) -> None:
    post_id = cli.run(*KEYED, "-q").out.strip()
    proxy.response_filters.append(without_time)
    ran = cli.run("posts", words[0], post_id, *words[1:])
    assert ran.code == 1
    assert f"Post {post_id} has no valid time" in ran.err
    assert len(proxy.writes()) == 1


def test_export_names_post_without_a_valid_time(cli: CommandLine, proxy: RuleProxy) -> None:
    post_id = cli.run(*KEYED, "-q").out.strip()
    proxy.response_filters.append(without_time)
    ran = cli.run("posts", "export")
    assert ran.code == 3
    assert f"The export is incomplete: post {post_id} has no valid time" in ran.err
    assert "Hello" not in ran.out


def test_print_shows_the_request_of_a_post_with_the_key(cli: CommandLine, proxy: RuleProxy) -> None:
    new = cli.run(*KEYED, "--print", "curl")
    assert (new.code, proxy.writes()) == (0, []), new.err
    assert cli.run(*KEYED).code == 0
    again = cli.run(*KEYED[:6], "-m", "Another", "--key", "k", "--print", "curl")
    assert again.out == new.out
    assert "A post with this --key already exists; this is its request." in again.err
    assert len(proxy.writes()) == 1
