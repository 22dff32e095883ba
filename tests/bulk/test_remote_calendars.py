"""Calendars at an https address: what is fetched, and what never is."""

import gzip
import http.server
import ipaddress
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from outreply_cli.api import download
from outreply_cli.api.download import FetchError
from outreply_cli.bulk import remote_calendar
from outreply_cli.bulk.remote_calendar import fetch_sheet
from outreply_cli.cli.reference import exit_codes
from outreply_cli.errors import ExitCode, InvalidInputError
from outreply_cli.net.address import Address
from tests.bulk.test_bulk_schedule import get_summary
from tests.command_line import CommandLine, command_tree

CSV = b"page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,Hi\n"


@dataclass
class Sheet:
    """A server of one sheet behind TLS; `requests` are the heads of those that it got."""

    port: int
    status: int = 200
    content: bytes = CSV
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    # What is sent byte by byte, and never ends.
    slow_start: bytes = b""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/sheet.csv"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "365", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:other.test"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def sheet(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sheet]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append((self.path, dict(self.headers.items())))
            if served.slow_start:
                self.wfile.write(served.slow_start)
                # Without a limit, until the test fails.
                for _ in range(400):
                    if tried.wait(0.05):
                        return
                    self.wfile.write(b"x")
            etag = served.headers.get("ETag")
            is_known = etag is not None and self.headers.get("If-None-Match") == etag
            status = 304 if is_known else served.status
            content = b"" if is_known else served.content
            self.send_response(status)
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    tried = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Sheet(server.server_port)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield served
        tried.set()
        server.shutdown()
        thread.join()


def test_sheet_is_scheduled_without_the_token(cli: CommandLine, sheet: Sheet) -> None:
    ran = cli.run("bulk", "schedule", sheet.url, "--json")
    assert ran.code == 0, ran.err
    assert get_summary(ran) == {"created": 1}
    ((path, headers),) = sheet.requests
    assert path == "/sheet.csv"
    assert cli.environ["OUTREPLY_API_KEY"] not in str(headers)
    assert "Authorization" not in headers
    assert headers["Host"] == f"localhost:{sheet.port}"
    again = cli.run("bulk", "schedule", sheet.url, "--json")
    assert get_summary(again) == {"unchanged": 1}


def test_sheet_that_has_not_changed_is_not_sent_again(cli: CommandLine, sheet: Sheet) -> None:
    sheet.headers["ETag"] = '"v1"'
    assert cli.run("bulk", "schedule", sheet.url, "--dry-run").code == 0
    sheet.content = b"never read"
    ran = cli.run("bulk", "schedule", sheet.url, "--dry-run", "--json")
    assert get_summary(ran) == {"created": 1}
    assert sheet.requests[1][1]["If-None-Match"] == '"v1"'
    sheet.headers["ETag"] = '"v2"'
    sheet.content = CSV + b"facebook:acme,2026-12-25 18:00,Ho\n"
    ran = cli.run("bulk", "schedule", sheet.url, "--dry-run", "--json")
    assert get_summary(ran) == {"created": 2}
    for path in (cli.home / "state" / "sheets").iterdir():
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("column", ["media_files", "message_file"])
def test_sheet_cannot_name_local_files(
    cli: CommandLine, sheet: Sheet, tmp_path: Path, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.chdir(tmp_path)
    for name in ("secret.txt", str(tmp_path / "secret.txt"), "a.jpg,b.jpg"):
        sheet.content = (
            f'page,scheduled_at,{column}\nfacebook:acme,2026-12-24 18:00,"{name}"\n'.encode()
        )
        ran = cli.run("bulk", "schedule", sheet.url, "--allow-outside", "--dry-run")
        assert ran.code == 2
        assert f"sheet.csv:2: {column}: a calendar from a URL cannot use local" in ran.err


@pytest.mark.parametrize(
    ("response", "code", "words"),
    [
        ((200, b"<!DOCTYPE html><title>Sign in</title>", "text/html"), 2, "a web page, not a c"),
        ((200, b"<html>x", "text/plain"), 2, "is a web page, not a calendar"),
        ((404, b"", "text/plain"), 2, "HTTP 404"),
        ((401, b"", "text/plain"), 2, "HTTP 401"),
        ((503, b"", "text/plain"), 7, "HTTP 503"),
        ((200, b"", "text/csv"), 2, "the file is empty"),
    ],
)
def test_address_without_a_calendar_is_an_error(
    cli: CommandLine, sheet: Sheet, response: tuple[int, bytes, str], code: int, words: str
) -> None:
    sheet.status, sheet.content, sheet.headers["Content-Type"] = response
    ran = cli.run("bulk", "schedule", sheet.url, "--dry-run")
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


@pytest.mark.parametrize("verb", ["check", "convert"])
def test_exit_code_of_a_failed_fetch_is_listed(cli: CommandLine, sheet: Sheet, verb: str) -> None:
    sheet.status = 500
    ran = cli.run("bulk", verb, sheet.url)
    assert ran.code == ExitCode.NETWORK
    command = command_tree().find(["bulk", verb])
    assert command is not None
    assert ran.code in exit_codes(command)


def test_content_has_a_size_limit(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 10_000)
    sheet.content = gzip.compress(b"x" * 1_000_000)
    sheet.headers["Content-Encoding"] = "gzip"
    with pytest.raises(InvalidInputError, match="larger than 64 MB"):
        fetch_sheet(sheet.url, tmp_path)


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_slow_server_has_a_time_limit(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(download, "_TOTAL_SECONDS", 0.5)
    sheet.slow_start = start
    started_at = time.monotonic()
    with pytest.raises(FetchError, match="timed out"):
        fetch_sheet(sheet.url, tmp_path)
    assert time.monotonic() - started_at < 10


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://localhost/x", "a URL that is not https"),
        ("file:///etc/passwd", "a URL that is not https"),
        ("https://127.0.0.1/x", "leads to a private address"),
        ("https://other.test/x", "leads to a private address"),
        ("https://169.254.169.254/latest", "link-local or metadata address"),
        ("https://[fd00:ec2::254]/", "link-local or metadata address"),
        ("/sheet.csv", "more than 5 redirects"),
    ],
)
def test_redirects_do_not_reach_into_the_network(
    sheet: Sheet, tmp_path: Path, location: str, words: str
) -> None:
    sheet.status, sheet.headers["Location"] = 302, location

    def lookup(host: str) -> list[Address]:
        known = {"localhost": "127.0.0.1", "other.test": "10.0.0.1"}
        return [ipaddress.ip_address(known.get(host, host))]

    with pytest.raises((InvalidInputError, FetchError), match=words):
        fetch_sheet(sheet.url, tmp_path, lookup)
    expected = 6 if location.startswith("/") else 1
    assert len(sheet.requests) == expected


def test_redirect_is_connected_to_the_checked_address(sheet: Sheet, tmp_path: Path) -> None:
    answers = iter(["127.0.0.1"])

    def lookup(host: str) -> list[Address]:
        # A second lookup of the name would fail.
        return [ipaddress.ip_address(next(answers))]

    url = f"https://other.test:{sheet.port}/sheet.csv"
    assert fetch_sheet(url, tmp_path, lookup) == CSV


def test_untrusted_certificate_is_refused(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match="the certificate of localhost is not trusted"):
        fetch_sheet(sheet.url, tmp_path)
    assert sheet.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/a.csv", "is not an https URL"),
        ("https://", "not an http or https URL"),
        ("https://me:hunter2@example.com/a.csv", "must not contain a password"),
        ("https://169.254.169.254/a.csv", "link-local or metadata address"),
    ],
)
def test_unsafe_address_is_refused_without_showing_its_password(
    cli: CommandLine, url: str, words: str
) -> None:
    ran = cli.run("bulk", "schedule", url, "--dry-run")
    assert ran.code == 2
    assert words in ran.err
    assert "hunter2" not in ran.err


@pytest.mark.parametrize(
    ("path", "fetched"),
    [
        ("/spreadsheets/d/1AbC/edit#gid=7", "/spreadsheets/d/1AbC/export?format=csv&gid=7"),
        ("/spreadsheets/d/1AbC/edit?gid=7#gid=7", "/spreadsheets/d/1AbC/export?format=csv&gid=7"),
        ("/spreadsheets/d/1AbC/edit?usp=sharing", "/spreadsheets/d/1AbC/export?format=csv"),
        ("/spreadsheets/d/e/2PX/pubhtml", "/spreadsheets/d/e/2PX/pub?output=csv"),
        ("/spreadsheets/d/e/2PX/pub?output=xlsx", "/spreadsheets/d/e/2PX/pub?output=xlsx"),
        ("/document/d/1AbC/edit", "/document/d/1AbC/edit"),
    ],
)
def test_google_sheet_is_fetched_as_csv(path: str, fetched: str) -> None:
    host = "https://docs.google.com"
    assert remote_calendar._check(host + path) == host + fetched


def test_plan_requires_a_file(cli: CommandLine) -> None:
    ran = cli.run("bulk", "plan", "https://example.com/a.csv", "-o", "x.plan")
    assert ran.code == 2
    assert "a plan requires a file" in ran.err
