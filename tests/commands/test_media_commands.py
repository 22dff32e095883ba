"""The commands of `outreply media`, against the emulator."""

import json
import os
from contextlib import chdir
from pathlib import Path
from typing import Any

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import MEGABYTE
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.faulty_proxy import FAULTS, Fault, FaultyProxy
from tests.media.sample_files import WHOLE, jpeg, mp4, png
from tests.reliability.proxy import Request, Response, RuleProxy, lagging_lists, outage
from tests.scripted_server import ScriptedServer, response

ONE_COPY = [fault for fault in FAULTS if fault.forward < 2 and not fault.hang]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A directory with a picture, a video, a text file and a subdirectory with a picture."""
    directory = tmp_path / "pictures"
    (directory / "more").mkdir(parents=True)
    (directory / "a.png").write_bytes(png())
    (directory / "b.mp4").write_bytes(mp4())
    (directory / "notes.txt").write_text("shopping")
    (directory / ".hidden.png").write_bytes(png(b"hidden"))
    (directory / "more" / "c.jpg").write_bytes(jpeg())
    return directory


def upload(cli: CommandLine, *words: str) -> list[dict[str, Any]]:
    ran = cli.run("media", "upload", *words, "--json")
    assert ran.code == 0, ran.err
    return list(json.loads(ran.out))


def test_upload_detects_types_from_content(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    for number, content in enumerate(WHOLE.values()):
        (tmp_path / f"{number}.txt").write_bytes(content)
    files = [str(tmp_path / f"{number}.txt") for number in range(len(WHOLE))]
    results = upload(cli, *files)
    assert [result["file"] for result in results] == files
    assert [result["mime_type"] for result in results] == list(WHOLE)
    assert {tuple(result) for result in results} == {
        ("file", "status", "media_id", "size_bytes", "mime_type", "sha256", "error")
    }
    assert {item["media_id"] for item in client.media().items} == {r["media_id"] for r in results}


def test_upload_of_a_directory_skips_other_files_and_subdirectories(
    cli: CommandLine, pictures: Path
) -> None:
    names = [Path(result["file"]).name for result in upload(cli, str(pictures))]
    assert names == ["a.png", "b.mp4"]
    names = [Path(result["file"]).name for result in upload(cli, str(pictures), "--recursive")]
    assert names == ["a.png", "b.mp4", "c.jpg"]
    ran = cli.run("media", "upload", str(pictures))
    assert "Skipped, not an image or video: " in ran.err
    assert "notes.txt" in ran.err
    empty = cli.run("media", "upload", str(pictures / "more" / ".."), "--json")
    assert empty.code == 0
    (pictures / "more" / "c.jpg").unlink()
    assert cli.run("media", "upload", str(pictures / "more")).code == 2


def test_upload_reads_a_file_from_stdin(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    words = f"{' '.join(cli.words('media', 'upload', '-', '-q'))} < {tmp_path / 'a.png'}"
    child = pexpect.spawn("/bin/sh", ["-c", words], env=cli.environ, encoding="utf-8")
    child.expect(pexpect.EOF)
    assert str(child.before).split()[0] == client.media().items[0]["media_id"]
    assert cli.run("media", "upload", "-", stdin="no picture").code == 2
    assert cli.run("media", "upload", "-", stdin="").code == 2


def test_stdin_above_the_size_limit_is_rejected(cli: CommandLine, emulator: EmulatorServer) -> None:
    emulator.state.connection.execute("UPDATE users SET tier = 'free'")
    ran = cli.run("media", "upload", "-", stdin="x" * (25 * MEGABYTE + 1))
    assert ran.code == 2
    assert "larger than the 25.0 MB limit" in ran.err


def test_skip_existing_uploads_only_new_content(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    first, copy, other = (tmp_path / name for name in ("a.png", "copy.png", "other.png"))
    first.write_bytes(png(b"one"))
    copy.write_bytes(png(b"one"))
    other.write_bytes(png(b"two"))
    (made,) = upload(cli, str(first))
    assert made["status"] == "uploaded"
    results = upload(cli, str(copy), str(other), str(first), "--skip-existing")
    assert [result["status"] for result in results] == ["skipped", "uploaded", "skipped"]
    assert results[0]["media_id"] == results[2]["media_id"] == made["media_id"]
    assert len(client.media().items) == 2
    # Without the option a copy is made; deleted content is uploaded again.
    assert upload(cli, str(first))[0]["media_id"] != made["media_id"]
    for item in client.media().items:
        client.delete_media(item["media_id"])
    assert upload(cli, str(first), "--skip-existing")[0]["status"] == "uploaded"


@pytest.mark.parametrize("seconds", [5, 40])
def test_file_is_uploaded_once_while_list_is_late(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path, seconds: int
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png())
    with RuleProxy(emulator.app) as proxy:
        proxy.response_filters.append(lagging_lists(cli.clock, 20))
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        (made,) = upload(cli, str(file))
        cli.clock.advance(seconds)
        (again,) = upload(cli, str(file), "--skip-existing")
        words = ("--page", "instagram:acme", "--at", "+1h", "--media", str(file))
        assert cli.run("posts", "schedule", *words).code == 0
    assert (again["status"], again["media_id"]) == ("skipped", made["media_id"])
    assert len(client.media().items) == 1


def test_file_that_was_just_deleted_is_uploaded_again(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png())
    with RuleProxy(emulator.app) as proxy:
        proxy.response_filters.append(lagging_lists(cli.clock, 20))
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        (made,) = upload(cli, str(file))
        assert cli.run("media", "delete", made["media_id"], "--yes").code == 0
        assert upload(cli, str(file), "--skip-existing")[0]["status"] == "uploaded"
    assert len(client.media().items) == 1


def test_skip_existing_uploads_equal_files_of_a_batch_once(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(png(str(number // 3).encode()))
    files = [str(tmp_path / f"{number}.png") for number in range(6)]
    results = upload(cli, *files, "--skip-existing", "--concurrency", "6")
    assert [result["status"] for result in results].count("uploaded") == 2
    assert len({result["media_id"] for result in results}) == 2
    assert len({result["media_id"] for result in results[:3]}) == 1
    assert len(client.media().items) == 2


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/media/upload", {"quota": 3.7}), ("/account", {"user": {"id": "\ud800"}})],
)
def test_upload_ignores_invalid_values_of_the_server(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, path: str, fields: dict[str, Any]
) -> None:
    def apply(request: Request, response: Response) -> Response:
        if request.path != path:
            return response
        return response.with_json({**response.json, **fields})

    (tmp_path / "a.png").write_bytes(png())
    with RuleProxy(emulator.app) as proxy:
        proxy.response_filters.append(apply)
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        assert upload(cli, str(tmp_path / "a.png"))[0]["status"] == "uploaded"


@pytest.mark.parametrize("fault", ONE_COPY, ids=lambda fault: fault.name)
def test_upload_faults_leave_one_copy(
    cli: CommandLine, client: Client, tmp_path: Path, emulator: EmulatorServer, fault: Fault
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    with FaultyProxy(emulator.port, fault, every=2, writes=1) as proxy:
        env = {"OUTREPLY_BASE_URL": proxy.url}
        ran = cli.run("media", "upload", str(tmp_path / "a.png"), "-q", env=env)
    assert ran.code == 0, ran.err
    assert [item["media_id"] for item in client.media().items] == ran.out.split()


def test_similar_files_with_lost_responses_are_uploaded_once(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.png" for number in range(8)]
    for number, file in enumerate(files):
        file.write_bytes(png(str(number).encode()))
    lost = next(fault for fault in FAULTS if fault.name == "cut after the server commits")
    with FaultyProxy(emulator.port, lost) as proxy:
        ran = cli.run("media", "upload", *map(str, files), "--json", "--concurrency", "4",
                      env={"OUTREPLY_BASE_URL": proxy.url})  # fmt: skip
    assert ran.code == 0, ran.err
    rows = emulator.state.connection.execute(
        "SELECT id, sha256 FROM media WHERE deleted_at IS NULL"
    )
    stored = {row["id"]: row["sha256"] for row in rows}
    assert {result["media_id"]: result["sha256"] for result in json.loads(ran.out)} == stored
    assert len(stored) == 8


def test_killed_upload_is_found_by_next_run(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    silent = next(fault for fault in FAULTS if fault.hang)
    words = ("media", "upload", str(tmp_path / "a.png"))
    with FaultyProxy(emulator.port, silent) as proxy:
        child = cli.at_terminal(*words, env={"OUTREPLY_BASE_URL": proxy.url})
        for _ in range(400):
            if client.media().items:
                break
            child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.05)
        child.kill(9)
        child.wait()
        proxy.fault = None
        ran = cli.run(*words, "-q", env={"OUTREPLY_BASE_URL": proxy.url})
    assert ran.code == 0, ran.err
    assert [item["media_id"] for item in client.media().items] == ran.out.split()


@pytest.mark.parametrize("name", ["-", "FILE"])
def test_upload_with_lost_response_is_found_by_next_run(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    words = ("media", "upload", name.replace("FILE", str(tmp_path / "a.png")), "-q")
    with RuleProxy(emulator.app) as proxy:
        proxy.on("POST", "/media/upload", outage)
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        assert cli.run(*words, "--max-wait", "5s", stdin=png()).code == 7
        cli.clock.advance(60)
        proxy.is_down = False
        proxy.rules.clear()
        ran = cli.run(*words, stdin=png())
    assert ran.code == 0, ran.err
    assert [item["media_id"] for item in client.media().items] == ran.out.split()


def test_upload_without_read_scope_is_not_resent(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    emulator.state.connection.execute("""UPDATE tokens SET scopes = '["write:media"]'""")
    (tmp_path / "a.png").write_bytes(png())
    assert cli.run("media", "upload", str(tmp_path / "a.png")).code == 0
    lost = next(fault for fault in FAULTS if fault.name == "cut after the server commits")
    with FaultyProxy(emulator.port, lost) as proxy:
        env = {"OUTREPLY_BASE_URL": proxy.url}
        assert cli.run("media", "upload", str(tmp_path / "a.png"), env=env).code == 7
        assert proxy.writes == 1


def test_limits_are_checked_before_upload(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    names = []
    for number in range(5):
        names.append(str(tmp_path / f"{number}.mp4"))
        with Path(names[-1]).open("wb") as stream:
            stream.write(b"\x00\x00\x00\x18ftypmp42" + bytes(12))
            stream.truncate(24 * MEGABYTE + number)
    (tmp_path / "large.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(26 * MEGABYTE))
    ran = cli.run("media", "upload", *names, str(tmp_path / "large.mp4"), "--json")
    assert ran.code == 3
    results = json.loads(ran.out)
    assert [result["status"] for result in results] == ["uploaded"] * 4 + ["failed"] * 2
    assert "exceeds the 4.0 MB of storage left" in results[4]["error"]["message"]
    assert "26.0 MB is too large; the limit is 25.0 MB" in results[5]["error"]["message"]
    assert "Storage left: 4.0 MB." in ran.err
    assert db.execute("SELECT count(*) FROM media").fetchone()[0] == 4


def test_fatal_error_stops_batch(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    emulator.state.connection.execute("""UPDATE tokens SET scopes = '["read:media"]'""")
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(png(str(number).encode()))
    ran = cli.run("media", "upload", *(str(tmp_path / f"{n}.png") for n in range(9)), "--json")
    assert ran.code == 4
    assert len(json.loads(ran.out)) == 9
    assert json.loads(ran.err.splitlines()[-1])["error"]["code"] == "MISSING_SCOPE"


def test_progress_bars_on_terminal_only(cli: CommandLine, tmp_path: Path) -> None:
    names = ("first.mp4", "second\x1b[2J.mp4")
    for name in names:
        with (tmp_path / name).open("wb") as stream:
            stream.write(b"\x00\x00\x00\x18ftypmp42" + bytes(12) + os.urandom(30 * MEGABYTE))
    ran = cli.spawn("media", "upload", *(str(tmp_path / name) for name in names))
    assert ran.code == 0
    assert "\x1b" not in ran.out + ran.err
    assert "Total" not in ran.out + ran.err
    here = {"NO_COLOR": "1", "PYTHONPATH": str(Path.cwd())}
    with chdir(tmp_path):
        child = cli.at_terminal("media", "upload", *names, env=here, columns=100)
    child.expect("Total of 2")
    child.expect(pexpect.EOF)
    text = str(child.before)
    child.close()
    assert child.exitstatus == 0
    assert "first.mp4" in text
    assert r"second\x1b[2J.mp4" in text
    assert "second\x1b[2J" not in text
    assert "Storage left" in text


def test_list_sorts_media_and_shows_their_posts(
    cli: CommandLine, client: Client, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    ids = {}
    for name, content in (("b", mp4()), ("a", png()), ("c", jpeg())):
        (tmp_path / name).write_bytes(content)
        ids[name] = upload(cli, str(tmp_path / name))[0]["media_id"]
        emulator_clock.advance(7200)
    (page,) = client.pages(platform="instagram").items
    post = client.schedule(
        {"page_id": page["id"], "scheduled_at": "2026-12-01T09:00:00Z", "media_ids": [ids["a"]]}
    ).post

    def list_names(*words: str) -> list[str]:
        ran = cli.run("media", "list", "-q", *words)
        assert ran.code == 0, ran.err
        return [name for media_id in ran.out.split() for name in ids if ids[name] == media_id]

    assert list_names("--sort", "age") == ["b", "a", "c"]
    assert list_names("--sort", "size") == ["b", "c", "a"]
    assert list_names("--sort", "post")[0] == "a"
    assert sorted(list_names("--unused")) == ["b", "c"]
    shown = cli.run("media", "list").out
    assert f"{ids['a']}\timage/png\t{len(png())} bytes\t4h\t{post['id']}" in shown
    assert cli.run("media", "list", "--sort", "color").code == 2
    details = cli.run("media", "show", ids["a"]).out
    assert f"post\t{post['id']}" in details
    assert "Mon 23 Nov 2026 15:00 CET (14:00 UTC), 4h ago" in details


def test_show_falls_back_to_list(cli: CommandLine) -> None:
    item = {"media_id": "m1", "size_bytes": 3, "mime_type": "image/png", "filename": "a.png"}
    missing = response(404, {"error": "No route", "code": "NOT_FOUND"})
    with ScriptedServer([missing, response(200, {"media": [item]})]) as server:
        ran = cli.run("media", "show", "m1", "--json", env={"OUTREPLY_BASE_URL": server.url})
    assert json.loads(ran.out) == item
    assert cli.run("media", "show", "m1").code == 5


def test_delete_used_media_names_post(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    ids = []
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(str(number).encode()))
        ids.append(upload(cli, str(tmp_path / f"{number}.png"))[0]["media_id"])
    (page,) = client.pages(platform="instagram").items
    post = client.schedule(
        {"page_id": page["id"], "scheduled_at": "2026-12-01T09:00:00Z", "media_ids": [ids[0]]}
    ).post
    assert cli.run("media", "delete", *ids).code == 2
    refused = cli.run("media", "delete", ids[0], "--yes")
    assert refused.code == 1
    assert post["id"] in refused.err
    assert f"outreply posts cancel {post['id']}" in refused.err
    some = cli.run("media", "delete", *ids, "--yes", "--json")
    assert some.code == 3
    assert [item["media_id"] for item in json.loads(some.out)] == ids[1:]
    assert "MEDIA_IN_USE" in some.err
    assert cli.run("media", "delete", ids[1], "--yes").code == 5
    assert cli.run("posts", "cancel", post["id"]).code == 0
    assert cli.run("media", "delete", ids[0], "--yes").code == 0
    assert client.media().items == []


def test_delete_is_not_done_because_a_list_ends_before_the_media(cli: CommandLine) -> None:
    failed = response(500, {"error": "Failed", "code": "SERVER_ERROR"})
    listing = response(200, {"media": [{"media_id": f"m{number}"} for number in range(100)]})
    done = response(200, {"success": True, "media_id": "old"})
    with ScriptedServer([failed, listing, done]) as server:
        ran = cli.run("media", "delete", "old", "-y", env={"OUTREPLY_BASE_URL": server.url})
        assert ran.code == 0, ran.err
        assert [request.method for request in server.received] == ["DELETE", "GET", "DELETE"]


def test_delete_looks_up_post_of_used_media(cli: CommandLine) -> None:
    in_use = response(409, {"error": "Media is attached", "code": "MEDIA_IN_USE"})
    item = response(200, {"media": {"media_id": "m1", "scheduled_post_id": "p1"}})
    with ScriptedServer([in_use, item]) as server:
        ran = cli.run("media", "delete", "m1", "-y", env={"OUTREPLY_BASE_URL": server.url})
    assert "M1 is attached to the scheduled post p1" in ran.err.replace("m1", "M1")
    assert "outreply posts cancel p1" in ran.err


def test_prune_deletes_only_unused_media_of_the_given_age(
    cli: CommandLine, client: Client, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    ids = []
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(str(number).encode()))
        ids.append(upload(cli, str(tmp_path / f"{number}.png"))[0]["media_id"])
        emulator_clock.advance(86_400)
    (page,) = client.pages(platform="instagram").items
    client.schedule(
        {"page_id": page["id"], "scheduled_at": "2026-12-03T09:00:00Z", "media_ids": [ids[0]]}
    )
    preview = cli.run("media", "prune", "--dry-run", "-q")
    assert sorted(preview.out.split()) == sorted(ids[1:])
    refused = cli.run("media", "prune")
    assert refused.code == 2
    assert ids[1] in refused.err
    assert len(client.media().items) == 3
    ran = cli.run("media", "prune", "--older-than", "36h", "--yes")
    assert ran.out == f"Deleted {ids[1]}\n"
    assert cli.run("media", "prune", "--yes", "-q").out.split() == [ids[2]]
    assert "Nothing to delete" in cli.run("media", "prune", "--yes").err
    assert [item["media_id"] for item in client.media().items] == [ids[0]]


def test_prune_keeps_media_that_post_has_by_address(
    cli: CommandLine, tmp_path: Path, emulator_clock: ManualClock
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    upload(cli, str(tmp_path / "a.png"))
    (item,) = json.loads(cli.run("media", "list", "--json").out)
    url = f"https://api.outreply.com/assets/media/posts/uploads/{item['filename']}"
    words = ("posts", "schedule", "--page", "facebook:acme", "--at", "+1h", "--media", url)
    assert cli.run(*words, "--key", "hero").code == 0
    assert cli.run("media", "list", "--unused", "-q").out == ""
    assert cli.run("media", "prune", "--yes", "-q").out == ""
    emulator_clock.advance(7200)
    assert cli.run("media", "prune", "--yes", "-q").out == f"{item['media_id']}\n"


def test_prune_keeps_media_of_unknown_use(cli: CommandLine) -> None:
    listing = response(200, {"media": [{"media_id": "m1", "created_at": "2020-01-01T00:00:00Z"}]})
    with ScriptedServer([listing]) as server:
        ran = cli.run("media", "prune", "--yes", env={"OUTREPLY_BASE_URL": server.url})
        assert ran.code == 0
        assert [request.method for request in server.received] == ["GET"]
