"""The token in transit: TLS, proxies, redirects, and hostile responses."""

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
from outreply_cli.net.proxy import Proxy
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.command_line import CommandLine, command_tree
from tests.scripted_server import ScriptedServer, response

TOKEN = "outreply_live_0123456789abcdef0123456789abcdef"
HOST = "api.example.test"
MEGABYTE = 1024 * 1024


def transport(server: ScriptedServer) -> Transport:
    return Transport(
        base_url=server.url,
        token=Token(TOKEN),
        clock=ManualClock(),
        retry_policy=RetryPolicy(max_failures=0),
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "cert.pem", directory / "key.pem"
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
        plain: Request heads received in plain text (CONNECT, as a proxy).
        secure: Request heads received inside TLS.
    """

    port: int
    context: ssl.SSLContext
    plain: list[bytes] = field(default_factory=list)
    secure: list[bytes] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), sock:
                sock.settimeout(10)
                if sock.recv(1, socket.MSG_PEEK) == b"C":
                    self.plain.append(_read_head(sock))
                    sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                with self.context.wrap_socket(sock, server_side=True) as secure:
                    self.secure.append(_read_head(secure))
                    secure.sendall(response(200, {"pages": []}))


def _read_head(sock: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (more := sock.recv(4096)):
        head += more
    return head


@contextmanager
def listening(certificate: tuple[Path, Path]) -> Iterator[Listener]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Listener(listener.getsockname()[1], context)
        thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_token_not_sent_to_untrusted_server(
    cli_logged_out: CommandLine, certificate: tuple[Path, Path]
) -> None:
    with listening(certificate) as server:
        env = {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": f"https://localhost:{server.port}"}
        result = cli_logged_out.spawn("pages", "list", env=env)
        assert result.code == 7
        assert result.err.startswith(
            "Error: The certificate of localhost is not trusted: self-signed"
        )
        assert "SSL_CERT_FILE" in result.err
        assert server.secure == []
        trusted = cli_logged_out.spawn(
            "pages", "list", env={**env, "SSL_CERT_FILE": str(certificate[0])}
        )
        assert (trusted.code, trusted.err) == (0, "")
        assert TOKEN.encode() in server.secure[0]


def test_proxy_sees_host_but_not_token(
    cli_logged_out: CommandLine, certificate: tuple[Path, Path]
) -> None:
    with listening(certificate) as server:
        env = {
            "OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": f"https://{HOST}/api/v1",
            "HTTPS_PROXY": f"http://me:hunter2@127.0.0.1:{server.port}",
            "SSL_CERT_FILE": str(certificate[0]),
        }  # fmt: skip
        result = cli_logged_out.spawn("pages", "list", "-v", env=env)
        assert result.code == 0, result.err
        (connect,) = server.plain
        assert connect.startswith(f"CONNECT {HOST}:443 ".encode())
        assert base64.b64encode(b"me:hunter2") in connect
        assert TOKEN.encode() not in connect
        assert TOKEN.encode() in server.secure[0]
        assert b"hunter2" not in server.secure[0]
        assert "hunter2" not in result.out + result.err
        direct = cli_logged_out.spawn(
            "pages", "list", "--max-wait", "0s", env={**env, "NO_PROXY": HOST}
        )
        assert direct.code == 7
        assert len(server.plain) == 1


@pytest.mark.parametrize(
    "proxy",
    ["http://me:hun/ter2@proxy:1", "http://me:hun#ter2@proxy:1", "ftp://me:hunter2@proxy:1",
     "http://me:hunter2@proxy:port", "http://me:hun@ter2@proxy:1"],
)  # fmt: skip
def test_proxy_password_is_redacted(proxy: str) -> None:
    assert "hun" not in Proxy(proxy, "HTTPS_PROXY").redacted_url
    assert "ter2" not in Proxy(proxy, "HTTPS_PROXY").redacted_url


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [("HTTPS_PROXY", "http://me:hunter/2@proxy:1", "Invalid proxy"),
     ("ALL_PROXY", "gopher://me:hunter2@proxy:1", "Invalid proxy in ALL_PROXY"),
     ("SSL_CERT_FILE", "/nonexistent", "Cannot load SSL_CERT_FILE"),
     ("SSL_CERT_FILE", "/etc/passwd", "Cannot load SSL_CERT_FILE")],
)  # fmt: skip
def test_invalid_proxy_error_has_no_password(
    cli_logged_out: CommandLine, variable: str, value: str, message: str
) -> None:
    result = cli_logged_out.spawn(
        "pages", "list", "-v", env={"OUTREPLY_API_KEY": TOKEN, variable: value}
    )
    assert result.code == 2, result.err
    assert message in result.err
    assert "hunter" not in result.err


def test_no_option_disables_tls_verification() -> None:
    flags = set(find_flags(command_tree()))
    assert {"--profile", "--with-token", "--no-verify"} <= flags
    # `--no-verify` is an option of the webhook receiver, which has no TLS.
    assert not {flag for flag in flags if "insecure" in flag or "tls" in flag or "cert" in flag} - {
        "--insecure-storage"
    }


def find_flags(command: Command) -> Iterator[str]:
    for parameter in command.parameters:
        yield from parameter.flags
    for member in command.commands:
        yield from find_flags(member)


def test_netrc_is_ignored(cli_logged_out: CommandLine) -> None:
    netrc = cli_logged_out.home / ".netrc"
    netrc.parent.mkdir(parents=True)
    netrc.write_text("machine 127.0.0.1 login mallory password hunter2\ndefault login x password y")
    netrc.chmod(0o600)
    with ScriptedServer([response(200, {"pages": []})]) as server:
        env = {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": server.url, "NETRC": str(netrc)}
        assert cli_logged_out.spawn("pages", "list", env=env).code == 0
        (received,) = server.received
    assert received.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://127.0.0.1:{0}/", "//localhost:{0}/", "ftp://x/",
                                    "http://127.0.0.1:1/", "http://127.0.0.1@evil.example/",
                                    "http://127.0.0.1.evil.example:{0}/"])  # fmt: skip
def test_redirect_to_other_origin_is_rejected(target: str, status: int) -> None:
    with ScriptedServer([response(status)]) as server:
        server.script = [response(status, location=target.format(server.port))]
        with pytest.raises(InvalidResponseError) as caught:
            transport(server).get("/me")
        assert caught.value.code == "REDIRECT_REFUSED"
        assert len(server.received) == 1


def compress_zeros(megabytes: int) -> bytes:
    """Gzip data of that many megabytes of zeros, without the checksum at the end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush, the same block compresses to the same bytes.
    segment = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + segment * megabytes


BOMB = """
import resource, sys
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import Transport
from outreply_cli.spec.token import Token
from outreply_cli.errors import OutReplyError
from tests.clocks import ManualClock
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sender = Transport(base_url=sys.argv[1], token=Token(sys.argv[2]), clock=ManualClock(),
                   retry_policy=RetryPolicy(max_failures=0))
for _ in range(int(sys.argv[3])):
    try:
        sender.get("/me")
    except OutReplyError as error:
        print(error.code)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_compression_bomb_is_rejected_in_bounded_memory() -> None:
    once = compress_zeros(1024)
    assert len(once) < 1.1 * MEGABYTE
    twice, named = gzip.compress(once), "gzip, gzip"
    script = [
        response(200, None, once, content_encoding="gzip"),
        response(200, None, twice, content_encoding=named),
        response(200, None, twice, content_encoding="gzip"),
        response(200, None, once, content_encoding="br"),
        response(200, None, once, content_encoding="deflate"),
        response(200, None, once, content_encoding="zstd, br, gzip"),
    ]
    with ScriptedServer(script) as server:
        result = subprocess.run(
            [sys.executable, "-c", BOMB, server.url, TOKEN, "6"],
            capture_output=True, text=True, check=True, timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        )  # fmt: skip
        assert {request.headers["accept-encoding"] for request in server.received} == {"gzip"}
    *codes, growth = result.stdout.split()
    assert codes == [
        "RESPONSE_TOO_LARGE",
        "CONNECTION_LOST",
        "INVALID_JSON_RESPONSE",
        *["CONNECTION_LOST"] * 3,
    ]
    assert int(growth) < 160 * 1024  # KiB: the part that is kept, and a copy


def test_gzip_response_is_read_and_a_damaged_one_rejected() -> None:
    body = {"pages": [{"id": str(number)} for number in range(5_000)]}
    packed = gzip.compress(json.dumps(body).encode())
    with ScriptedServer([response(200, None, packed, content_encoding="GZIP")]) as server:
        assert transport(server).get("/pages").body == body
    for broken in (packed[:-1], packed + b"x", b"x" + packed):
        with ScriptedServer([response(200, None, broken, content_encoding="gzip")]) as server:
            with pytest.raises(NetworkError):
                transport(server).get("/pages")


@pytest.mark.parametrize(
    "head",
    [b"X-Long: " + b"a" * 200_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % n for n in range(40_000))],
)
def test_header_flood_is_rejected(head: bytes) -> None:
    flood = b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 2\r\n\r\n{}"
    with ScriptedServer([flood]) as server, pytest.raises(NetworkError) as caught:
        transport(server).get("/me")
    assert caught.value.code == "CONNECTION_LOST"


def test_endless_response_is_rejected() -> None:
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (33 * MEGABYTE)
    with ScriptedServer([endless]) as server:
        with pytest.raises(InvalidResponseError) as caught:
            transport(server).get("/me")
    assert caught.value.code == "RESPONSE_TOO_LARGE"
