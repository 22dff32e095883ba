"""The recipes of `outreply examples`, run against real parts."""

import csv
import io
import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

import outreply_cli
from outreply_cli.api.client import Client
from tests.command_line import CommandLine
from tests.commands.receiver_process import run_receiver, send
from tests.scripted_server import ScriptedServer, response
from tests.webhooks.handler_server import wait_for
from tests.webhooks.receiver_fixture import event_body

EXAMPLES = Path(outreply_cli.__file__).parent / "examples"
NOW = datetime.now(UTC)
RSS = f"""<?xml version="1.0"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Blog</title>
<item><title>New &amp;amp; "quoted", it's {{{{ x }}}}</title><link>https://a.example/new</link>
  <guid isPermaLink="false">id-1</guid><pubDate>{format_datetime(NOW)}</pubDate></item>
<item><title>Without a date</title><link>https://a.example/undated</link></item>
<item><title>Odd date</title><guid>id-3</guid><pubDate>yesterday</pubDate></item>
<item><title>Old</title><guid>id-4</guid><dc:date>2020-01-01T00:00:00Z</dc:date></item>
<item><title>Twice</title><guid>id-1</guid></item>
<item><title>Nothing to name it</title></item>
</channel></rss>"""
ATOM = f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>
<entry><title type="html">Café&#160;&amp;lt;b&amp;gt; ☕</title><id>tag:a.example,2026:1</id>
  <link rel="self" href="https://a.example/1.atom"/><link href="https://a.example/1"/>
  <published>{NOW.isoformat()}</published></entry>
<entry><title>Later</title><id>tag:a.example,2026:2</id><link href="https://a.example/2"/>
  <updated>{(NOW + timedelta(days=3)).isoformat(timespec="seconds")}</updated></entry>
</feed>"""
BOMB = (
    """<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><rss><item>&b;</item></rss>"""
)
FILE = """<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><item>&a;</item></rss>"""


def convert_feed(feed: str | bytes, *pages: str) -> "subprocess.CompletedProcess[bytes]":
    data = feed.encode() if isinstance(feed, str) else feed
    return subprocess.run(
        [sys.executable, EXAMPLES / "blog-feed.py", *pages], input=data, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


def rows(feed: str, *pages: str) -> list[dict[str, str]]:
    done = convert_feed(feed, *pages)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout.decode())))


def test_rss_feed_becomes_rows() -> None:
    items = rows(RSS, "facebook:acme", "x:bluebird")
    assert [item["key"] for item in items] == ["id-1", "https://a.example/undated", "id-3"]
    assert {item["page"] for item in items} == {"facebook:acme;x:bluebird"}
    assert {item["scheduled_at"] for item in items} == {"next-slot"}
    assert items[0]["message"] == 'New & "quoted", it\'s {{ x }}\nhttps://a.example/new'
    assert items[2]["message"] == "Odd date"
    assert b"Nothing to name it" in convert_feed(RSS, "x:bluebird").stderr


def test_atom_feed_becomes_rows() -> None:
    first, second = rows(ATOM, "facebook:acme")
    assert (first["key"], first["scheduled_at"]) == ("tag:a.example,2026:1", "next-slot")
    assert first["message"] == "Café <b> ☕\nhttps://a.example/1"
    at = datetime.fromisoformat(second["scheduled_at"])
    assert at == (NOW + timedelta(days=3)).replace(microsecond=0)


@pytest.mark.parametrize("feed", [BOMB, FILE, "", "<rss>", "<html>" * 10 + "&nbsp;", b"\xff\xfe\0"])
def test_hostile_feed_is_refused(feed: str | bytes) -> None:
    done = convert_feed(feed, "facebook:acme")
    assert done.returncode == 1
    assert done.stderr.startswith(b"The feed cannot be used: ")
    assert b"Traceback" not in done.stderr
    assert b"root:" not in done.stdout + done.stderr


def test_utf_16_feed_is_read() -> None:
    feed = ATOM.replace('encoding="utf-8"', 'encoding="utf-16"').encode("utf-16")
    assert "☕" in convert_feed(feed, "facebook:acme").stdout.decode()


def test_feed_is_scheduled_once(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    assert cli.run("slots", "set", "facebook:acme", "daily 09:00,12:00").code == 0
    path = tmp_path / "blog.csv"
    for _ in range(2):
        path.write_bytes(convert_feed(RSS, "facebook:acme").stdout)
        ran = cli.run("bulk", "schedule", str(path))
        assert ran.code == 0, ran.err
    posts = client.scheduled_posts().items
    assert len({post["scheduled_at"] for post in posts}) == len(posts) == 3
    # An entry with a new title replaces its post.
    path.write_bytes(convert_feed(RSS.replace("Odd date", "Even date"), "facebook:acme").stdout)
    assert cli.run("bulk", "schedule", str(path)).code == 0
    texts = [str(post["message"]) for post in client.scheduled_posts().items]
    assert len(texts) == 3
    assert "Even date" in texts


class _Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps one message."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.message = ""


class _Session(socketserver.StreamRequestHandler):
    server: _Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.message = b"".join(lines).decode()
            self.wfile.write(b"250 ok\r\n")


@contextmanager
def mailbox() -> Iterator[_Mailbox]:
    with _Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def receive(cli: CommandLine, body: bytes, is_handled: Callable[[], bool], **environ: str) -> None:
    """Receive an event with the recipe as its handler, until it has done its work."""
    command = f"{sys.executable} {EXAMPLES / 'post-failed.py'}"
    with run_receiver(cli, "--exec", command, **environ) as receiver:
        assert send(receiver.url, body) == 200
        wait_for(is_handled)
        assert "1 forwarded" in receiver.stop().err


def run_handler(document: str, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "post-failed.py")], input=document, capture_output=True,
        text=True, env=environ, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_failed_post_is_sent_to_slack(cli_logged_out: CommandLine) -> None:
    text = "data.post.message=<!channel> & \"Sale\" 'now'"
    with ScriptedServer([response()]) as slack:
        url = f"{slack.url}/services/T0/B0"
        body = event_body("post.failed", text)
        receive(cli_logged_out, body, lambda: bool(slack.received), SLACK_WEBHOOK_URL=url)
    (request,) = slack.received
    assert (request.method, request.path) == ("POST", "/api/v1/services/T0/B0")
    lines = json.loads(request.body)["text"].split("\n")
    assert lines[0] == "A post on instagram failed: The page's token expired"
    assert lines[1] == "&lt;!channel&gt; &amp; \"Sale\" 'now'"
    assert lines[2].startswith("Send it again: outreply posts retry ")


def test_failed_post_is_sent_by_mail(cli_logged_out: CommandLine) -> None:
    with mailbox() as server:
        host = f"127.0.0.1:{server.server_address[1]}"
        body = event_body("post.failed", "data.post.error=Line\nBcc: x@example.com")
        settings = {"MAIL_TO": "team@example.com", "SMTP_HOST": host}
        receive(cli_logged_out, body, lambda: bool(server.message), **settings)
    assert "To: team@example.com" in server.message
    assert "Subject: A post on instagram failed: Line Bcc: x@example.com" in server.message
    assert "outreply posts retry" in server.message


def test_other_events_are_ignored_and_errors_reported() -> None:
    failed = json.dumps({"event": "post.failed", "data": {"post": {}}})
    with ScriptedServer([response(404)]) as slack:
        environ = {"SLACK_WEBHOOK_URL": slack.url}
        assert run_handler('{"event": "post.published"}', **environ) == (0, "")
        assert slack.received == []
        assert run_handler(failed, **environ) == (1, "Not sent: HTTP Error 404: Whatever\n")
    for document in (failed, '{"type": "post.failed"}'):
        assert run_handler(document) == (1, "Set SLACK_WEBHOOK_URL or MAIL_TO.\n")


CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-20

### Added

- Dark mode; it's $HOME-made `today`

## 1.1.0

- Fix "things" \\n

[1.2.0]: https://example.com/compare
"""


def test_release_from_changelog_is_posted_once(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    python, *words = CommandLine.words()
    program = tmp_path / "bin" / "outreply"
    program.write_text(f'#!/bin/sh\nexec {python} {" ".join(words)} "$@"\n')
    program.chmod(0o755)
    script = EXAMPLES / "changelog.sh"
    assert os.access(script, os.X_OK)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)

    def run(version: str) -> "subprocess.CompletedProcess[str]":
        path = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
        env = {**cli.environ, **path, "PYTHONPATH": str(EXAMPLES.parent.parent)}
        return subprocess.run(
            [str(script), version], cwd=tmp_path, env=env, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    before = len(client.published_posts().items)
    for _ in range(2):
        done = run("1.2.0")
        assert done.returncode == 0, done.stderr
    newest = client.published_posts().items[:2]
    assert len(client.published_posts().items) == before + 2
    text = "Version 1.2.0 is out\n\nAdded\n\n- Dark mode; it's $HOME-made `today`"
    assert {post["message"] for post in newest} == {text}
    for version in ("1.2", "Unreleased", ".*"):
        done = run(version)
        assert (done.returncode, "no section" in done.stderr) == (2, True)
    assert len(client.published_posts().items) == before + 2
