"""Posts of the journal that were changed in the dashboard, then moved or edited here."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.media.sample_files import png

AT, ELSEWHERE, LATER = "2026-12-24T17:00:00Z", "2026-12-15T08:00:00Z", "2026-12-26T09:00:00Z"
WRONG, RIGHT = "https://example.com/wrong.jpg", "https://example.com/right.jpg"


def schedule(cli: CommandLine, *options: str) -> str:
    words = ("--page", "instagram:acme", "--at", AT, "-m", "Hello", "--key", "k", *options)
    ran = cli.run("posts", "schedule", *words, "-q")
    assert ran.code == 0, ran.err
    return ran.out.strip()


def change(emulator: EmulatorServer, post_id: str, field: str, value: Any) -> None:
    """Change a post as the dashboard does."""
    with emulator.state.transaction() as db:
        db.execute(f"UPDATE posts SET {field} = ? WHERE id = ?", (value, post_id))  # noqa: S608


def get_address(client: Client, post_id: str) -> str:
    (media,) = client.scheduled_post(post_id)["media"]
    return str(media["src"])


def get_only_post(client: Client) -> dict[str, Any]:
    (listed,) = client.scheduled_posts().items
    return dict(client.scheduled_post(str(listed["id"])))


def upload(cli: CommandLine, path: Path) -> str:
    path.write_bytes(png(path.name.encode()))
    return cli.run("media", "upload", str(path), "-q").out.strip()


# What is done to the post here.
CHANGES = pytest.mark.parametrize(
    "words",
    [("reschedule", "--at", LATER), ("edit", "--first-comment", "New", "--yes")],
    ids=["reschedule", "edit"],
)


def run_change(cli: CommandLine, post_id: str, words: tuple[str, ...]) -> None:
    ran = cli.run("posts", words[0], post_id, *words[1:])
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("is_printed", [False, True], ids=["sent", "printed"])
def test_text_is_kept_when_post_is_moved(
    cli: CommandLine, client: Client, emulator: EmulatorServer, is_printed: bool
) -> None:
    post_id = schedule(cli)
    change(emulator, post_id, "message", "Corrected")
    if is_printed:
        ran = cli.run("posts", "reschedule", post_id, "--at", LATER, "--print", "curl")
        assert "Corrected" in ran.out
        return
    run_change(cli, post_id, ("reschedule", "--at", LATER))
    post = get_only_post(client)
    assert (post["message"], post["scheduled_at"]) == ("Corrected", "2026-12-26T09:00:00.000Z")


@pytest.mark.parametrize(
    ("at", "is_moved"), [(AT, True), (ELSEWHERE, False)], ids=["back", "same time"]
)
def test_post_moved_elsewhere_is_moved_unless_it_is_there_already(
    cli: CommandLine, client: Client, emulator: EmulatorServer, at: str, is_moved: bool
) -> None:
    post_id = schedule(cli)
    change(emulator, post_id, "scheduled_at", 1797321600.0)
    assert str(get_only_post(client)["scheduled_at"]).startswith(ELSEWHERE[:-1])
    ran = cli.run("posts", "reschedule", post_id, "--at", at, "--json")
    assert ran.code == 0, ran.err
    post = get_only_post(client)
    assert str(post["scheduled_at"]).startswith(at[:-1])
    assert ("already exists; nothing was sent" in ran.err) is not is_moved
    assert (post["id"] != post_id) is is_moved
    assert json.loads(ran.out)["id"] == post["id"]


@CHANGES
def test_media_url_changed_elsewhere_is_kept(
    cli: CommandLine, client: Client, emulator: EmulatorServer, words: tuple[str, ...]
) -> None:
    post_id = schedule(cli, "--media", WRONG)
    change(emulator, post_id, "media", json.dumps([{"src": RIGHT, "type": "photo"}]))
    run_change(cli, post_id, words)
    assert get_address(client, str(get_only_post(client)["id"])) == RIGHT


@CHANGES
@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "not linked"])
def test_uploaded_media_changed_elsewhere_is_kept(
    cli: CommandLine,
    client: Client,
    emulator: EmulatorServer,
    tmp_path: Path,
    *,
    words: tuple[str, ...],
    is_linked: bool,
) -> None:
    wrong, right = (upload(cli, tmp_path / name) for name in ("wrong.png", "right.png"))
    post_id = schedule(cli, "--media", f"media:{wrong}")
    names = {item["media_id"]: str(item["filename"]) for item in client.media().items}
    address = get_address(client, post_id).replace(names[wrong], names[right])
    change(emulator, post_id, "media", json.dumps([{"src": address, "type": "photo"}]))
    if is_linked:
        emulator.state.connection.execute("UPDATE post_media SET media_id = ?", (right,))
    run_change(cli, post_id, words)
    new_id = str(get_only_post(client)["id"])
    assert get_address(client, new_id) == address
    (uploaded,) = client.attached_media(client.scheduled_post(new_id))
    assert uploaded["media_id"] == right


@CHANGES
@pytest.mark.parametrize("reason", ["no scope", "other addresses"])
def test_uploads_that_cannot_be_compared_are_kept(
    cli: CommandLine,
    client: Client,
    emulator: EmulatorServer,
    tmp_path: Path,
    *,
    words: tuple[str, ...],
    reason: str,
) -> None:
    media_id = upload(cli, tmp_path / "hero.png")
    post_id = schedule(cli, "--media", f"media:{media_id}")
    if reason == "no scope":
        scopes = ["read:posts", "write:posts", "read:pages", "read:account"]
        token = emulator.handle.request("token", name="narrow", scopes=scopes)["token"]
        cli.environ["OUTREPLY_API_KEY"] = str(token)
        assert cli.run("media", "list").code == 4
    else:
        media = [{"src": "https://cdn.example.com/1f3a", "type": "photo"}]
        change(emulator, post_id, "media", json.dumps(media))
    run_change(cli, post_id, words)
    (uploaded,) = client.attached_media(get_only_post(client))
    assert uploaded["media_id"] == media_id
    assert len(get_only_post(client)["media"]) == 1


@pytest.mark.parametrize("is_cancelled", [False, True])
@CHANGES
def test_key_of_a_post_changed_without_its_journal_finds_the_new_post(
    cli: CommandLine, client: Client, words: tuple[str, ...], is_cancelled: bool
) -> None:
    post_id = schedule(cli)
    shutil.rmtree(cli.home / "state")
    run_change(cli, post_id, words)
    new = get_only_post(client)
    if is_cancelled:
        assert cli.run("posts", "cancel", new["id"]).code == 0
    # The server has forgotten the key.
    cli.clock.advance(25 * 3600)
    same = schedule(cli)
    assert (same == new["id"]) != is_cancelled
    assert get_only_post(client)["id"] == same
    assert schedule(cli) == same
