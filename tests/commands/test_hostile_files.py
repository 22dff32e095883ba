"""Files that nobody should send: a clear word for each, and the good ones still go."""

import gzip
import json
import os
import signal
import socket
import subprocess
import threading
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

Maker = Callable[[Path], object]


def holds(content: bytes) -> Maker:
    return lambda path: path.write_bytes(content)


def sparse(beginning: bytes, size: int) -> Maker:
    def make(path: Path) -> None:
        with path.open("wb") as stream:
            stream.write(beginning)
            stream.truncate(size)

    return make


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png())


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may be only 100 bytes long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_unreadable(path: Path) -> None:
    path.write_bytes(png())
    path.chmod(0)


def nothing(_path: Path) -> None:
    pass


HOSTILE: list[tuple[str, Maker, str]] = [
    ("empty.png", holds(b""), "it is empty"),
    ("one-byte.png", holds(b"\x89"), "no picture or video"),
    ("half-magic.png", holds(b"\x89PNG\r\n"), "no picture or video"),
    ("truncated.png", holds(png()[:60]), "cut off"),
    ("truncated.jpg", holds(jpeg()[:120]), "cut off"),
    ("truncated.gif", holds(gif()[:30]), "cut off"),
    ("truncated.webp", holds(webp()[:40]), "cut off"),
    ("truncated.mp4", holds(mp4()[:200]), "cut off"),
    ("truncated.mov", holds(mp4(b"qt  ")[:100]), "cut off"),
    ("truncated.webm", holds(webm()[:100]), "cut off"),
    ("polyglot-comment.jpg", holds(jpeg(b"<html><script>x</script>")), "web page hidden"),
    ("polyglot-tail.jpg", holds(jpeg() + b"<!DOCTYPE html><script>"), "web page hidden"),
    ("polyglot.gif", holds(b"GIF89a/*<svg onload=alert(1)>*/"), "web page hidden"),
    ("svg-as.png", holds(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "it is an SVG"),
    ("svg-with-prolog.jpg", holds(b"\xef\xbb\xbf<?xml version='1.0'?><svg/>"), "it is an SVG"),
    ("svg-utf16.png", holds("\ufeff<svg/>".encode("utf-16-le")), "it is an SVG"),
    ("svg-gzipped.svgz", holds(gzip.compress(b"<svg/>")), "it is a gzip archive"),
    ("page.jpg", holds(b"<!DOCTYPE html><html></html>"), "it is a web page"),
    ("paper.png", holds(b"%PDF-1.7\n"), "it is a PDF"),
    ("archive.jpg", make_zip, "it is a ZIP archive"),
    ("flash.mp4", holds(b"CWS\x0a" + bytes(40)), "it is a Flash file"),
    ("program.gif", holds(b"\x7fELF" + bytes(40)), "it is a program"),
    ("script.png", holds(b"#!/bin/sh\nrm -rf /\n"), "it is a script"),
    ("text.mp4", holds(b"Dear diary"), "no picture or video"),
    ("photo.heic", holds(b"\x00\x00\x00\x18ftypheic" + bytes(50)), "it is a HEIC photo"),
    ("heic-as.jpg", holds(b"\x00\x00\x00\x18ftypmif1" + bytes(50)), "it is a HEIC photo"),
    ("avif-as.png", holds(b"\x00\x00\x00\x1cftypavif" + bytes(50)), "it is an AVIF picture"),
    ("bitmap.bmp", holds(b"BM" + bytes(60)), "it is a BMP picture"),
    ("scan.tif", holds(b"II*\x00" + bytes(60)), "it is a TIFF picture"),
    ("old.avi", holds(b"RIFF\x00\x00\x00\x00AVI LIST"), "it is an AVI video"),
    ("film.mkv", holds(b"\x1aE\xdf\xa3\x8bB\x82\x88matroska"), "it is a Matroska video"),
    ("song.mp4", holds(b"ID3\x03" + bytes(60)), "it is an audio file"),
    ("pipe.png", os.mkfifo, "it is a named pipe"),
    ("socket.png", make_socket, "it is a socket"),
    ("loop.png", lambda path: path.symlink_to(path), "symbolic links"),
    ("dangling.png", lambda path: path.symlink_to("nowhere"), "No such file"),
    ("device.png", lambda path: path.symlink_to("/dev/zero"), "it is a device"),
    ("missing.png", nothing, "No such file"),
    ("x" * 300 + ".png", nothing, "File name too long"),
    ("truncated.jpg/below.png", nothing, "Not a directory"),
    ("line\nbreak.png", holds(b""), "it is empty"),
    ("clear\x1b[2J\u202e.png", holds(b""), "it is empty"),
    ("😀👩‍👩‍👧.png", holds(b""), "it is empty"),
    ("..png", holds(b""), "it is empty"),
    ("down/../up.png", holds(b""), "it is empty"),
    (os.fsdecode(b"not-\xff-utf8.png"), holds(b""), "it is empty"),
    ("huge.mp4", sparse(mp4(), 101 * MEGABYTE), "the most is 100.0 MB"),
]
if os.geteuid() != 0:
    HOSTILE.append(("forbidden.png", make_unreadable, "Permission denied"))
GOOD = ("good.jpg", "-dash.png", "gute Ä\n😀.gif")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "hostile"
    (place / "down").mkdir(parents=True)
    for name, make, _ in HOSTILE:
        make(place / name)
    for name, content in zip(GOOD, (jpeg(), png(), gif()), strict=True):
        (place / name).write_bytes(content)
    return place


def kept(client: Client) -> list[str]:
    return sorted(item["mime_type"] for item in client.media().items)


def test_each_gets_a_clear_word_and_the_good_ones_go(
    cli: CommandLine, client: Client, directory: Path
) -> None:
    assert len(HOSTILE) >= 40
    paths = [f"{directory}/{name}" for name, _, _ in HOSTILE]
    good = [f"{directory}/{name}" for name in GOOD]
    ran = cli.run("media", "upload", *paths, *good, "--json")
    assert ran.code == 3
    results = json.loads(ran.out)
    assert [result["file"] for result in results] == [*paths, *good]
    for result, (name, _, word) in zip(results, HOSTILE, strict=False):
        assert result["status"] == "failed", name
        assert result["error"]["code"] == "INVALID_MEDIA_FILE"
        assert word in result["error"]["message"], name
    assert [result["status"] for result in results[-3:]] == ["uploaded"] * 3
    assert kept(client) == ["image/gif", "image/jpeg", "image/png"]


def test_each_gets_one_line_that_leaves_the_terminal_alone(
    cli: CommandLine, directory: Path
) -> None:
    paths = [f"{directory}/{name}" for name, _, _ in HOSTILE]
    ran = cli.spawn("media", "upload", *paths)
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    told = [line for line in lines if line.startswith(str(directory))]
    assert len(told) == len(HOSTILE)
    assert all(word in line for line, (_, _, word) in zip(told, HOSTILE, strict=True))
    assert "\x1b" not in ran.err
    assert "\u202e" not in ran.err
    assert "Nothing was sent." in lines[-1]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: ascii(case[0])[:30])
def test_alone_each_is_wrong_input(
    cli: CommandLine, client: Client, directory: Path, case: tuple[str, Maker, str]
) -> None:
    ran = cli.run("media", "upload", f"{directory}/{case[0]}", "--json")
    assert ran.code == 2
    assert case[2] in json.loads(ran.err.splitlines()[-1])["error"]["message"]
    assert kept(client) == []
    refused = cli.run("posts", "schedule", "--page", "instagram:acme", "--at", "in 2h",
                      "--media", f"{directory}/{case[0]}")  # fmt: skip
    assert refused.code == 2
    assert case[2] in refused.err


def test_a_directory_of_them_is_like_their_names(
    cli: CommandLine, client: Client, directory: Path
) -> None:
    ran = cli.run("media", "upload", str(directory), "--json")
    assert ran.code == 3
    assert kept(client) == ["image/gif", "image/jpeg", "image/png"]
    assert all(result["error"]["message"] for result in json.loads(ran.out)[:-3]
               if result["status"] == "failed")  # fmt: skip


def test_a_wrong_ending_does_not_matter(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(jpeg())
    (tmp_path / "b").write_bytes(mp4())
    assert cli.run("media", "upload", str(tmp_path / "a.png"), str(tmp_path / "b")).code == 0
    assert kept(client) == ["image/jpeg", "video/mp4"]


class Meddling(FaultyProxy):
    """Does something once the first megabyte of an upload has arrived."""

    meddle: Callable[[], object] = staticmethod(lambda: None)

    def _read_body(self, stream: BinaryIO, length: int) -> bytes:
        body = stream.read(min(length, MEGABYTE))
        if length > MEGABYTE:
            self.meddle()
            body += stream.read(length - len(body))
        return body


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 2 * MEGABYTE)


def rewrite(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(39 * MEGABYTE)
        stream.write(b"other")


@pytest.mark.parametrize("meddle", [grow, shrink, rewrite])
def test_a_file_that_changes_while_it_is_sent_does_not_arrive(
    cli: CommandLine,
    client: Client,
    emulator: EmulatorServer,
    tmp_path: Path,
    meddle: Callable[[Path], None],
) -> None:
    video, picture = tmp_path / "video.mp4", tmp_path / "a.png"
    sparse(b"\x00\x00\x00\x18ftypmp42", 40 * MEGABYTE)(video)
    picture.write_bytes(png())
    with Meddling(emulator.port) as proxy:
        proxy.meddle = lambda: meddle(video)
        ran = cli.run("media", "upload", str(video), str(picture), "--json",
                      env={"OUTREPLY_BASE_URL": proxy.url})  # fmt: skip
    assert ran.code == 3, ran.err
    first, second = json.loads(ran.out)
    assert first["status"] == "failed"
    assert "it changed while it was read" in first["error"]["message"]
    assert second["status"] == "uploaded"
    assert kept(client) == ["image/png"]


def test_a_file_that_vanishes_before_its_turn_is_told(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    video, picture = tmp_path / "video.mp4", tmp_path / "a.png"
    sparse(b"\x00\x00\x00\x18ftypmp42", 4 * MEGABYTE)(video)
    picture.write_bytes(png())
    with Meddling(emulator.port) as proxy:
        proxy.meddle = picture.unlink
        ran = cli.run("media", "upload", str(video), str(picture), "--json", "--concurrency", "1",
                      env={"OUTREPLY_BASE_URL": proxy.url})  # fmt: skip
    assert ran.code == 3
    first, second = json.loads(ran.out)
    assert first["status"] == "uploaded"
    assert "No such file" in second["error"]["message"]
    assert kept(client) == ["video/mp4"]


def test_a_file_that_vanishes_while_it_is_sent_arrives_whole(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    video = tmp_path / "video.mp4"
    sparse(b"\x00\x00\x00\x18ftypmp42", 4 * MEGABYTE)(video)
    with Meddling(emulator.port) as proxy:
        proxy.meddle = video.unlink
        ran = cli.run("media", "upload", str(video), env={"OUTREPLY_BASE_URL": proxy.url})
    assert ran.code == 0, ran.err
    assert client.media().items[0]["size_bytes"] == 4 * MEGABYTE


def test_ctrl_c_ends_what_is_under_way_and_leaves_nothing_behind(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    files = [tmp_path / f"{number}.mp4" for number in range(4)]
    for number, file in enumerate(files):
        sparse(b"\x00\x00\x00\x18ftypmp42", 60 * MEGABYTE + number)(file)
    with Meddling(emulator.port) as proxy:
        words = cli.words("media", "upload", *map(str, files), "--concurrency", "2")
        process = subprocess.Popen(
            words, env={**cli.environ, "OUTREPLY_BASE_URL": proxy.url},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        arrived = threading.Event()

        def interrupt() -> None:
            process.send_signal(signal.SIGINT)
            arrived.wait(2)

        proxy.meddle = interrupt
        out, err = process.communicate(timeout=40)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert kept(client) == []
