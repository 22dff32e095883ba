"""The token on its way: whom it is sent to, through whom, and what may come back."""

import base64
import gzip
import json
import resource
import socket
import ssl
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from outreply_cli.api.errors import InvalidResponseError, NetworkError
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import Transport
from outreply_cli.cli.tree import Command
from outreply_cli.doctor.network import without_password
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.command_line import CommandLine, command_tree
from tests.scripted_server import ScriptedServer, answer

TOKEN = "outreply_live_0123456789abcdef0123456789abcdef"
HOST = "api.example.test"
MEGABYTE = 1024 * 1024


def transport(server: ScriptedServer) -> Transport:
    return Transport(
        base_url=server.url,
        token=Token(TOKEN),
        clock=ManualClock(),
        patience=RetryPolicy(failures=0),
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that nobody has vouched for, and its key."""
    place = tmp_path_factory.mktemp("tls")
    cert, key = place / "cert.pem", place / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "365", "-subj",
         f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@dataclass
class Listener:
    """A proxy, or the API itself behind TLS, on a real socket.

    Attributes:
        asked: What proxies are asked, in plain text.
        told: What arrived inside TLS.
    """

    port: int
    context: ssl.SSLContext
    asked: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), link:
                link.settimeout(10)
                if link.recv(1, socket.MSG_PEEK) == b"C":
                    self.asked.append(_head(link))
                    link.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                with self.context.wrap_socket(link, server_side=True) as secure:
                    self.told.append(_head(secure))
                    secure.sendall(answer(200, {"pages": []}))


def _head(link: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read and (more := link.recv(4096)):
        read += more
    return read


@contextmanager
def listening(certificate: tuple[Path, Path]) -> Iterator[Listener]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Listener(listener.getsockname()[1], context)
        thread = threading.Thread(target=found.serve, args=(listener,), daemon=True)
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_a_certificate_that_nobody_vouches_for_gets_no_token(
    cli_logged_out: CommandLine, certificate: tuple[Path, Path]
) -> None:
    with listening(certificate) as server:
        env = {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": f"https://localhost:{server.port}"}
        ran = cli_logged_out.spawn("pages", "list", env=env)
        assert ran.code == 7
        assert ran.err.startswith("Error: The certificate of localhost is not trusted: self-signed")
        assert "SSL_CERT_FILE" in ran.err
        assert server.told == []
        trusted = cli_logged_out.spawn(
            "pages", "list", env={**env, "SSL_CERT_FILE": str(certificate[0])}
        )
        assert (trusted.code, trusted.err) == (0, "")
        assert TOKEN.encode() in server.told[0]


def test_a_proxy_sees_where_to_and_never_the_token(
    cli_logged_out: CommandLine, certificate: tuple[Path, Path]
) -> None:
    with listening(certificate) as server:
        env = {
            "OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": f"https://{HOST}/api/v1",
            "HTTPS_PROXY": f"http://me:hunter2@127.0.0.1:{server.port}",
            "SSL_CERT_FILE": str(certificate[0]),
        }  # fmt: skip
        ran = cli_logged_out.spawn("pages", "list", "-v", env=env)
        assert ran.code == 0, ran.err
        (asked,) = server.asked
        assert asked.startswith(f"CONNECT {HOST}:443 ".encode())
        assert base64.b64encode(b"me:hunter2") in asked
        assert TOKEN.encode() not in asked
        assert TOKEN.encode() in server.told[0]
        assert b"hunter2" not in server.told[0]
        assert "hunter2" not in ran.out + ran.err
        past = cli_logged_out.spawn(
            "pages", "list", "--max-wait", "0s", env={**env, "NO_PROXY": HOST}
        )
        assert past.code == 7
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "proxy",
    ["http://me:hun/ter2@proxy:1", "http://me:hun#ter2@proxy:1", "ftp://me:hunter2@proxy:1",
     "http://me:hunter2@proxy:port", "http://me:hun@ter2@proxy:1"],
)  # fmt: skip
def test_a_proxys_password_is_shown_nowhere(proxy: str) -> None:
    assert "hun" not in without_password(proxy)
    assert "ter2" not in without_password(proxy)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "http://me:hunter/2@proxy:1"), ("ALL_PROXY", "socks5://me:hunter2@proxy:1"),
     ("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_FILE", "/etc/passwd")],
)  # fmt: skip
def test_a_way_that_can_not_be_used_is_told_without_its_password(
    cli_logged_out: CommandLine, variable: str, value: str
) -> None:
    ran = cli_logged_out.spawn(
        "pages", "list", "-v", env={"OUTREPLY_API_KEY": TOKEN, variable: value}
    )
    assert ran.code == 2, ran.err
    assert "can't be used" in ran.err
    assert "hunter" not in ran.err


def test_no_option_turns_verification_off() -> None:
    found = set(flags_of(command_tree()))
    assert {"--profile", "--with-token", "--no-verify"} <= found
    # `--no-verify` is the webhook receiver's, which has no TLS.
    assert not {flag for flag in found if "insecure" in flag or "tls" in flag or "cert" in flag} - {
        "--insecure-storage"
    }


def flags_of(command: Command) -> Iterator[str]:
    for parameter in command.parameters:
        yield from parameter.flags
    for member in command.commands:
        yield from flags_of(member)


def test_netrc_is_not_read(cli_logged_out: CommandLine) -> None:
    netrc = cli_logged_out.home / ".netrc"
    netrc.parent.mkdir(parents=True)
    netrc.write_text("machine 127.0.0.1 login mallory password hunter2\ndefault login x password y")
    netrc.chmod(0o600)
    with ScriptedServer([answer(200, {"pages": []})]) as server:
        env = {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": server.url, "NETRC": str(netrc)}
        assert cli_logged_out.spawn("pages", "list", env=env).code == 0
        (received,) = server.received
    assert received.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://127.0.0.1:{0}/", "//localhost:{0}/", "ftp://x/",
                                    "http://127.0.0.1:1/", "http://127.0.0.1@evil.example/",
                                    "http://127.0.0.1.evil.example:{0}/"])  # fmt: skip
def test_a_redirect_takes_the_token_to_no_other_host_port_or_scheme(
    target: str, status: int
) -> None:
    with ScriptedServer([answer(status)]) as server:
        server.script = [answer(status, location=target.format(server.port))]
        with pytest.raises(InvalidResponseError) as refused:
            transport(server).request("GET", "/me")
        assert refused.value.code == "REDIRECT_REFUSED"
        assert len(server.received) == 1


def compressed(megabytes: int) -> bytes:
    """Gzip of that many megabytes of nothing; its check sum at the end is left out."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush the same block is the same bytes again.
    segment = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + segment * megabytes


BOMB = """
import resource, sys
from outreply_cli.api.retry import Patience
from outreply_cli.api.transport import Transport
from outreply_cli.spec.token import Token
from outreply_cli.errors import OutReplyError
from tests.clocks import ManualClock
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sender = Transport(base_url=sys.argv[1], token=Token(sys.argv[2]), clock=ManualClock(),
                   patience=Patience(failures=0))
for _ in range(int(sys.argv[3])):
    try:
        sender.request("GET", "/me")
    except OutReplyError as error:
        print(error.code)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_compressed_bomb_is_not_unpacked() -> None:
    once = compressed(1024)
    assert len(once) < 1.1 * MEGABYTE
    twice, named = gzip.compress(once), "gzip, gzip"
    script = [
        answer(200, None, once, content_encoding="gzip"),
        answer(200, None, twice, content_encoding=named),
        answer(200, None, twice, content_encoding="gzip"),
        answer(200, None, once, content_encoding="br"),
        answer(200, None, once, content_encoding="deflate"),
        answer(200, None, once, content_encoding="zstd, br, gzip"),
    ]
    with ScriptedServer(script) as server:
        ran = subprocess.run(
            [sys.executable, "-c", BOMB, server.url, TOKEN, "6"],
            capture_output=True, text=True, check=True, timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        )  # fmt: skip
        assert {request.headers["accept-encoding"] for request in server.received} == {"gzip"}
    *codes, grown = ran.stdout.split()
    assert codes == ["ANSWER_TOO_LARGE", "CONNECTION_LOST", "NOT_JSON", *["CONNECTION_LOST"] * 3]
    assert int(grown) < 160 * 1024  # KiB: what is kept of it, and a copy


def test_gzip_that_is_sound_is_read_whole() -> None:
    body = {"pages": [{"id": str(number)} for number in range(5_000)]}
    packed = gzip.compress(json.dumps(body).encode())
    with ScriptedServer([answer(200, None, packed, content_encoding="GZIP")]) as server:
        assert transport(server).request("GET", "/pages").body == body
    for broken in (packed[:-1], packed + b"x", b"x" + packed):
        with ScriptedServer([answer(200, None, broken, content_encoding="gzip")]) as server:
            with pytest.raises(NetworkError):
                transport(server).request("GET", "/pages")


@pytest.mark.parametrize(
    "head",
    [b"X-Long: " + b"a" * 200_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % n for n in range(40_000))],
)
def test_a_flood_of_headers_is_cut_off(head: bytes) -> None:
    flood = b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 2\r\n\r\n{}"
    with ScriptedServer([flood]) as server, pytest.raises(NetworkError) as lost:
        transport(server).request("GET", "/me")
    assert lost.value.code == "CONNECTION_LOST"


def test_an_answer_without_end_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (33 * MEGABYTE)
    with ScriptedServer([endless]) as server:
        with pytest.raises(InvalidResponseError) as cut:
            transport(server).request("GET", "/me")
    assert cut.value.code == "ANSWER_TOO_LARGE"
