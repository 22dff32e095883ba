"""Upload of invalid files: a clear message for each, and valid files are still uploaded."""

import gzip
import json
import os
import signal
import socket
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import MEGABYTE
from tests.command_line import CommandLine
from tests.faulty_proxy import FaultyProxy
from tests.media.sample_files import gif, jpeg, mp4, png, webm, webp

MakeFile = Callable[[Path], object]


def raw(content: bytes) -> MakeFile:
    return lambda path: path.write_bytes(content)


def sparse(head: bytes, size: int) -> MakeFile:
    def make(path: Path) -> None:
        with path.open("wb") as stream:
            stream.write(head)
            stream.truncate(size)

    return make


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png())


def make_socket(path: Path) -> None:
    cwd = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is limited to about 100 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(cwd)


def make_unreadable(path: Path) -> None:
    path.write_bytes(png())
    path.chmod(0)


def make_nothing(_path: Path) -> None:
    pass


HOSTILE: list[tuple[str, MakeFile, str]] = [
    ("empty.png", raw(b""), "the file is empty"),
    ("one-byte.png", raw(b"\x89"), "not an image or video"),
    ("half-magic.png", raw(b"\x89PNG\r\n"), "not an image or video"),
    ("truncated.png", raw(png()[:60]), "the file is truncated"),
    ("truncated.jpg", raw(jpeg()[:30]), "the file is truncated"),
    ("truncated.gif", raw(gif()[:30]), "the file is truncated"),
    ("truncated.webp", raw(webp()[:40]), "the file is truncated"),
    ("truncated.mp4", raw(mp4()[:200]), "the file is truncated"),
    ("truncated.mov", raw(mp4(b"qt  ")[:100]), "the file is truncated"),
    ("truncated.webm", raw(webm()[:100]), "the file is truncated"),
    ("polyglot-head.jpg", raw(b"\xff\xd8\xff<html><script>x</script>"), "web page hidden"),
    ("polyglot-tail.jpg", raw(jpeg() + b"<!DOCTYPE html><script>"), "web page hidden"),
    ("polyglot.gif", raw(b"GIF89a/*<svg onload=alert(1)>*/"), "web page hidden"),
    ("svg-as.png", raw(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "an SVG is not supported"),
    (
        "svg-with-prolog.jpg",
        raw(b"\xef\xbb\xbf<?xml version='1.0'?><svg/>"),
        "an SVG is not supported",
    ),
    ("svg-utf16.png", raw("\ufeff<svg/>".encode("utf-16-le")), "an SVG is not supported"),
    ("svg-gzipped.svgz", raw(gzip.compress(b"<svg/>")), "a gzip archive is not supported"),
    ("page.jpg", raw(b"<!DOCTYPE html><html></html>"), "a web page is not supported"),
    ("paper.png", raw(b"%PDF-1.7\n"), "a PDF is not supported"),
    ("archive.jpg", make_zip, "a ZIP archive is not supported"),
    ("flash.mp4", raw(b"CWS\x0a" + bytes(40)), "a Flash file is not supported"),
    ("program.gif", raw(b"\x7fELF" + bytes(40)), "a program is not supported"),
    ("script.png", raw(b"#!/bin/sh\nrm -rf /\n"), "a script is not supported"),
    ("text.mp4", raw(b"Dear diary"), "not an image or video"),
    ("photo.heic", raw(b"\x00\x00\x00\x18ftypheic" + bytes(50)), "a HEIC photo is not supported"),
    ("heic-as.jpg", raw(b"\x00\x00\x00\x18ftypmif1" + bytes(50)), "a HEIC photo is not supported"),
    (
        "avif-as.png",
        raw(b"\x00\x00\x00\x1cftypavif" + bytes(50)),
        "an AVIF image is not supported",
    ),
    ("bitmap.bmp", raw(b"BM" + bytes(60)), "a BMP image is not supported"),
    ("scan.tif", raw(b"II*\x00" + bytes(60)), "a TIFF image is not supported"),
    ("old.avi", raw(b"RIFF\x00\x00\x00\x00AVI LIST"), "an AVI video is not supported"),
    ("film.mkv", raw(b"\x1aE\xdf\xa3\x8bB\x82\x88matroska"), "a Matroska video is not supported"),
    ("song.mp4", raw(b"ID3\x03" + bytes(60)), "an audio file is not supported"),
    ("pipe.png", os.mkfifo, "not a regular file but a named pipe"),
    ("socket.png", make_socket, "not a regular file but a socket"),
    ("loop.png", lambda path: path.symlink_to(path), "symbolic links"),
    ("dangling.png", lambda path: path.symlink_to("nowhere"), "No such file"),
    ("device.png", lambda path: path.symlink_to("/dev/zero"), "not a regular file but a device"),
    ("missing.png", make_nothing, "No such file"),
    ("x" * 300 + ".png", make_nothing, "File name too long"),
    ("truncated.jpg/below.png", make_nothing, "Not a directory"),
    ("line\nbreak.png", raw(b""), "the file is empty"),
    ("clear\x1b[2J\u202e.png", raw(b""), "the file is empty"),
    ("😀👩‍👩‍👧.png", raw(b""), "the file is empty"),
    ("..png", raw(b""), "the file is empty"),
    ("down/../up.png", raw(b""), "the file is empty"),
    (os.fsdecode(b"not-\xff-utf8.png"), raw(b""), "the file is empty"),
    ("huge.mp4", sparse(mp4(), 101 * MEGABYTE), "the limit is 100.0 MB"),
]
if os.geteuid() != 0:
    HOSTILE.append(("forbidden.png", make_unreadable, "Permission denied"))
VALID = ("good.jpg", "-dash.png", "gute Ä\n😀.gif")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "hostile"
    (directory / "down").mkdir(parents=True)
    for name, make, _ in HOSTILE:
        make(directory / name)
    for name, content in zip(VALID, (jpeg(), png(), gif()), strict=True):
        (directory / name).write_bytes(content)
    return directory


def mime_types(client: Client) -> list[str]:
    return sorted(item["mime_type"] for item in client.media().items)


def test_upload_reports_each_invalid_file(
    cli: CommandLine, client: Client, directory: Path
) -> None:
    assert len(HOSTILE) >= 40
    paths = [f"{directory}/{name}" for name, _, _ in HOSTILE]
    valid = [f"{directory}/{name}" for name in VALID]
    result = cli.run("media", "upload", *paths, *valid, "--json")
    assert result.code == 3
    uploads = json.loads(result.out)
    assert [upload["file"] for upload in uploads] == [*paths, *valid]
    for upload, (name, _, word) in zip(uploads, HOSTILE, strict=False):
        assert upload["status"] == "failed", name
        assert upload["error"]["code"] == "INVALID_MEDIA_FILE"
        assert word in upload["error"]["message"], name
    assert [upload["status"] for upload in uploads[-3:]] == ["uploaded"] * 3
    assert mime_types(client) == ["image/gif", "image/jpeg", "image/png"]


def test_upload_prints_one_safe_line_per_file(cli: CommandLine, directory: Path) -> None:
    paths = [f"{directory}/{name}" for name, _, _ in HOSTILE]
    result = cli.spawn("media", "upload", *paths)
    assert (result.code, result.out) == (2, "")
    lines = result.err.splitlines()
    starts = (str(directory), f"cannot read {directory}")
    messages = [line for line in lines if line.startswith(starts)]
    assert len(messages) == len(HOSTILE)
    assert all(word in line for line, (_, _, word) in zip(messages, HOSTILE, strict=True))
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err
    assert "Nothing was sent." in lines[-1]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: ascii(case[0])[:30])
def test_single_invalid_file_is_a_usage_error(
    cli: CommandLine, client: Client, directory: Path, case: tuple[str, MakeFile, str]
) -> None:
    result = cli.run("media", "upload", f"{directory}/{case[0]}", "--json")
    assert result.code == 2
    assert case[2] in json.loads(result.err.splitlines()[-1])["error"]["message"]
    assert mime_types(client) == []
    refused = cli.run("posts", "schedule", "--page", "instagram:acme", "--at", "in 2h",
                      "--media", f"{directory}/{case[0]}")  # fmt: skip
    assert refused.code == 2
    assert case[2] in refused.err


def test_upload_of_a_directory_reports_invalid_files_and_uploads_others(
    cli: CommandLine, client: Client, directory: Path
) -> None:
    result = cli.run("media", "upload", str(directory), "--json")
    assert result.code == 3
    assert mime_types(client) == ["image/gif", "image/jpeg", "image/png"]
    assert all(upload["error"]["message"] for upload in json.loads(result.out)[:-3]
               if upload["status"] == "failed")  # fmt: skip


def test_upload_ignores_file_extension(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(jpeg())
    (tmp_path / "b").write_bytes(mp4())
    assert cli.run("media", "upload", str(tmp_path / "a.png"), str(tmp_path / "b")).code == 0
    assert mime_types(client) == ["image/jpeg", "video/mp4"]


class InterferingProxy(FaultyProxy):
    """Calls `interfere` once the first megabyte of an upload has arrived.

    Attributes:
        pause_seconds: Pause after each 64 KB that follow.
    """

    interfere: Callable[[], object] = staticmethod(lambda: None)
    pause_seconds = 0.0

    def _read_body(self, stream: BinaryIO, length: int) -> bytes:
        body = bytearray(stream.read(min(length, MEGABYTE)))
        if length > MEGABYTE:
            self.interfere()
            while chunk := stream.read(min(length - len(body), 65_536)):
                body += chunk
                time.sleep(self.pause_seconds)
        return bytes(body)


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 2 * MEGABYTE)


def rewrite(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(39 * MEGABYTE)
        stream.write(b"other")


@pytest.mark.parametrize("interfere", [grow, shrink, rewrite])
def test_upload_of_file_changed_meanwhile_fails(
    cli: CommandLine,
    client: Client,
    emulator: EmulatorServer,
    tmp_path: Path,
    interfere: Callable[[Path], None],
) -> None:
    video, picture = tmp_path / "video.mp4", tmp_path / "a.png"
    sparse(b"\x00\x00\x00\x18ftypmp42", 40 * MEGABYTE)(video)
    picture.write_bytes(png())
    with InterferingProxy(emulator.port) as proxy:
        proxy.interfere = lambda: interfere(video)
        result = cli.run("media", "upload", str(video), str(picture), "--json",
                      env={"OUTREPLY_BASE_URL": proxy.url})  # fmt: skip
    assert result.code == 3, result.err
    first, second = json.loads(result.out)
    assert first["status"] == "failed"
    assert "the file changed while it was read" in first["error"]["message"]
    assert second["status"] == "uploaded"
    assert mime_types(client) == ["image/png"]


def test_upload_of_file_deleted_before_start_fails(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    video, picture = tmp_path / "video.mp4", tmp_path / "a.png"
    sparse(b"\x00\x00\x00\x18ftypmp42", 4 * MEGABYTE)(video)
    picture.write_bytes(png())
    with InterferingProxy(emulator.port) as proxy:
        proxy.interfere = picture.unlink
        words = ("media", "upload", str(video), str(picture), "--concurrency", "1", "--json")
        result = cli.run(*words, env={"OUTREPLY_BASE_URL": proxy.url})
    assert result.code == 3
    first, second = json.loads(result.out)
    assert first["status"] == "uploaded"
    assert "No such file" in second["error"]["message"]
    assert mime_types(client) == ["video/mp4"]


def test_upload_of_file_deleted_meanwhile_succeeds(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    video = tmp_path / "video.mp4"
    sparse(b"\x00\x00\x00\x18ftypmp42", 4 * MEGABYTE)(video)
    with InterferingProxy(emulator.port) as proxy:
        proxy.interfere = video.unlink
        result = cli.run("media", "upload", str(video), env={"OUTREPLY_BASE_URL": proxy.url})
    assert result.code == 0, result.err
    assert client.media().items[0]["size_bytes"] == 4 * MEGABYTE


@pytest.mark.slow
def test_interrupted_upload_exits_130_and_stores_nothing(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.mp4" for number in range(4)]
    for number, file in enumerate(files):
        sparse(b"\x00\x00\x00\x18ftypmp42", 60 * MEGABYTE + number)(file)
    with InterferingProxy(emulator.port) as proxy:
        started = threading.Event()
        proxy.interfere = started.set
        # Slow enough that no upload is complete when the process handles the signal.
        proxy.pause_seconds = 0.1
        words = ("media", "upload", *map(str, files), "--concurrency", "2")
        process = cli.start(*words, env={"OUTREPLY_BASE_URL": proxy.url})
        assert started.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert mime_types(client) == []
