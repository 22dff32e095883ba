"""Detection, upload and deduplication of local files."""

import json
import os
import re
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.media.files import MediaFileError, StorageLimits, inspect_and_hash
from tests.bulk.test_bulk_schedule import get_summary, row_without_key, write_csv
from tests.command_line import CommandLine
from tests.faulty_proxy import FAULTS, Fault, FaultyProxy
from tests.scripted_server import response

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 200
JPEG = b"\xff\xd8\xff\xe0" + b"\x01" * 300
MP4 = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100


def stored_media(emulator: EmulatorServer) -> list[tuple[str, int]]:
    rows = emulator.state.connection.execute(
        "SELECT mime_type, size_bytes FROM media WHERE deleted_at IS NULL ORDER BY number"
    )
    return [(row["mime_type"], row["size_bytes"]) for row in rows]


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (MP4, "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  " + b"\x00" * 8, "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01webm", "video/webm"),
    ],
)
def test_type_is_detected_from_content(tmp_path: Path, content: bytes, mime: str) -> None:
    path = tmp_path / "holiday.pdf"
    path.write_bytes(content)
    assert inspect_and_hash(path, StorageLimits()).mime == mime


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<html></html>", "web page"),
        (b"%PDF-1.4", "PDF"),
        (b"\x00\x00\x00\x18ftypheic", "HEIC"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x89PN", "not an image"),
    ],
)
def test_unsupported_type_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(MediaFileError, match=expected):
        inspect_and_hash(path, StorageLimits())


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path / "missing", tmp_path, loop, pipe, tmp_path / ("x" * 300)):
        with pytest.raises(MediaFileError):
            inspect_and_hash(path, StorageLimits())


def test_post_with_file_uploads_it_once(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    picture = tmp_path / "hero.png"
    picture.write_bytes(PNG)
    words = ("posts", "schedule", "--page", "instagram:acme", "--media", str(picture), "--json")
    first = cli.run(*words, "--at", "in 2h")
    assert first.code == 0, first.err
    post = client.scheduled_post(json.loads(first.out)[0]["id"])
    assert post["media"][0]["type"] == "photo"
    assert cli.run(*words, "--at", "in 3h", "-m", "Again").code == 0
    assert stored_media(emulator) == [("image/png", len(PNG))], "the same content is uploaded once"
    moved = cli.run("posts", "reschedule", post["id"], "--at", "in 5h", "--json")
    assert json.loads(moved.out)["media"] == post["media"]


def test_deleted_upload_is_looked_up_once(cli: CommandLine, tmp_path: Path) -> None:
    picture = tmp_path / "hero.png"
    picture.write_bytes(PNG)
    words = ("media", "upload", str(picture))
    media_id = cli.run(*words, "-q").out.strip()
    assert cli.run("media", "delete", media_id, "--yes").code == 0
    again = cli.run(*words, "-v")
    requests = re.findall(r" /api/v1(/media[^? ]*)", again.err)
    assert requests == ["/media", f"/media/{media_id}", "/media/upload"]


def test_rejected_post_deletes_its_uploads(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    picture = tmp_path / "hero.png"
    picture.write_bytes(PNG)
    (page,) = client.pages(platform="instagram").items
    client.schedule({"page_id": page["id"], "message": "x", "scheduled_at": "2026-11-23T15:00:00Z"})
    words = ("posts", "schedule", "--page", "instagram:acme", "--media", str(picture),
             "--at", "2026-11-23 16:00:30")  # fmt: skip
    assert cli.run(*words).code == 6
    assert stored_media(emulator) == []
    assert cli.run(*words, "--keep-media").code == 6
    assert stored_media(emulator) == [("image/png", len(PNG))]


def test_rejected_post_keeps_earlier_uploads(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    kept, new = tmp_path / "kept.png", tmp_path / "new.jpg"
    kept.write_bytes(PNG)
    new.write_bytes(JPEG)
    assert cli.run("media", "upload", str(kept)).code == 0
    (page,) = client.pages(platform="instagram").items
    client.schedule({"page_id": page["id"], "message": "x", "scheduled_at": "2026-11-23T15:00:00Z"})
    ran = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--at", "2026-11-23 16:00:30",
        "--media", str(kept), "--media", str(new),
    )  # fmt: skip
    assert ran.code == 6
    assert stored_media(emulator) == [("image/png", len(PNG))]


def test_rejected_second_file_deletes_first(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(JPEG)
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 2h",
             "--media", str(tmp_path / "a.png"), "--media", str(tmp_path / "b.jpg"))  # fmt: skip
    refusal = response(413, {"error": "Too large", "code": "FILE_TOO_LARGE"})
    refused = Fault("the second upload is too large", 0, lambda _: refusal)
    with FaultyProxy(emulator.port, refused, every=2) as proxy:
        env = {"OUTREPLY_BASE_URL": proxy.url}
        assert cli.run(*words, env=env).code == 6
        assert stored_media(emulator) == []
        proxy.writes = 0
        assert cli.run(*words, "--keep-media", env=env).code == 6
    assert stored_media(emulator) == [("image/png", len(PNG))]


def test_post_with_unknown_outcome_keeps_media(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    lost = next(fault for fault in FAULTS if fault.name == "cut before the server commits")

    class AfterTheUpload(FaultyProxy):
        def _next_fault(self, method: str) -> Fault | None:
            self.writes += method != "GET"
            return lost if method != "GET" and self.writes > 1 else None

    with AfterTheUpload(emulator.port) as proxy:
        ran = cli.run(
            "posts", "schedule", "--page", "instagram:acme", "--at", "in 2h",
            "--media", str(tmp_path / "a.png"), env={"OUTREPLY_BASE_URL": proxy.url},
        )  # fmt: skip
    assert ran.code == 7
    assert stored_media(emulator) == [("image/png", len(PNG))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("media:", "'media:' requires an ID"), ("~unknown-user/a.png", "No such file")],
)
def test_invalid_media_option_is_rejected(cli: CommandLine, name: str, expected: str) -> None:
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 2h", "--media", name)
    ran = cli.run(*words)
    assert ran.code == 2
    assert expected in ran.err


def test_rows_share_one_upload(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "a.png").write_bytes(PNG)
    (tmp_path / "pics" / "copy.png").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(JPEG)
    calendar = tmp_path / "calendar.csv"
    rows = [
        {**row_without_key("2026-12-01 09:00", "One"), "media_files": "pics/a.png;b.jpg"},
        {**row_without_key("2026-12-02 09:00", ""), "media_files": "pics/copy.png"},
    ]
    write_csv(calendar, rows)
    refused = cli.run("bulk", "schedule", str(calendar), "--no-upload")
    assert refused.code == 2
    assert "a.png is not uploade" in refused.err
    ran = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(ran) == {"created": 2}, ran.err
    assert stored_media(emulator) == [("image/png", len(PNG)), ("image/jpeg", len(JPEG))]
    assert [
        len(client.scheduled_post(p["id"])["media"]) for p in client.scheduled_posts().items
    ] == [2, 1]
    assert get_summary(cli.run("bulk", "schedule", str(calendar), "--json")) == {"unchanged": 2}
    (tmp_path / "b.jpg").write_bytes(JPEG + b"!")
    changed = cli.run("bulk", "schedule", str(calendar), "--json")
    assert get_summary(changed) == {"changed": 1, "unchanged": 1}
    write_csv(calendar, [{**rows[0], "media_files": "gone.png"}, {**rows[1], "media_files": ""}])
    wrong = cli.run("bulk", "schedule", str(calendar))
    assert wrong.code == 2
    assert f"{calendar}:2: media_files: cannot read gone.png: " in wrong.err
    assert f"{calendar}:3: message" in wrong.err


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.forward == 1 and not f.hang],
                         ids=lambda fault: fault.name)  # fmt: skip
def test_lost_upload_response_is_not_resent(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, fault: Fault
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    calendar = tmp_path / "calendar.csv"
    write_csv(calendar, [{**row_without_key("2026-12-01 09:00", "One"), "media_files": "a.png"}])
    with FaultyProxy(emulator.port, fault, every=2) as proxy:
        proxy.writes = 1
        env = {"OUTREPLY_BASE_URL": proxy.url}
        ran = cli.run("bulk", "schedule", str(calendar), "--json", env=env)
    assert ran.code == 0, ran.err
    assert stored_media(emulator) == [("image/png", len(PNG))]


def test_file_limit_and_storage_are_checked_by_plan(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    large = tmp_path / "large.mp4"
    with large.open("wb") as stream:
        stream.write(MP4)
        stream.truncate(26 * 1024 * 1024)
    calendar = tmp_path / "calendar.csv"
    row = row_without_key("2026-12-01 09:00", "One")
    write_csv(calendar, [{**row, "media_files": "large.mp4"}])
    assert (
        "26.0 MB is too large; the limit is 25.0 MB"
        in cli.run("bulk", "schedule", str(calendar)).err
    )
    large.write_bytes(MP4)
    user = db.execute("SELECT id FROM users").fetchone()[0]
    db.execute(
        "INSERT INTO media (id, user_id, filename, size_bytes, mime_type, sha256, created_at) "
        "VALUES ('m', ?, 'f', 104857600, 'video/mp4', 'x', 0)", (user,),
    )  # fmt: skip
    assert (
        "large.mp4 exceeds the 0 bytes of storage left"
        in cli.run("bulk", "schedule", str(calendar)).err
    )
