"""The delivery client against servers on real sockets."""

import ipaddress
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from outreply_cli.errors import InvalidInputError
from outreply_cli.net.address import Address
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.tls import describe_tls_error
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response

# Nothing on this machine listens there.
UNUSED = [ipaddress.ip_address(text) for text in ("::1", "127.77.77.77", "127.66.66.66")]
LOCALHOST = ipaddress.ip_address("127.0.0.1")


def make_certificate(
    directory: Path, *options: str, subject: str = "/CN=localhost"
) -> tuple[Path, Path]:
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "365", "-subj",
         subject, "-addext", "subjectAltName=DNS:localhost", *options],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def iter_headers(request: BinaryIO) -> Iterator[bytes]:
    """Yield the header lines of a request, after its request line."""
    request.readline()
    while line := request.readline().strip():
        yield line


@contextmanager
def tls_server(certificate: tuple[Path, Path]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
                # Read the whole request: closing with unread data resets the connection.
                request = secure.makefile("rb")
                headers = dict(line.lower().split(b": ") for line in iter_headers(request))
                request.read(int(headers[b"content-length"]))
                secure.sendall(response(204))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def resetting_server(reply: bytes) -> Iterator[str]:
    """A server that responds before it has read a request, and resets the connection."""

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(64)
                sock.sendall(reply)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def plain_server() -> Iterator[int]:
    """A server that responds to anything as HTTP servers respond to a TLS handshake."""

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize(
    "addresses", [[*UNUSED, LOCALHOST], [UNUSED[0], LOCALHOST], [LOCALHOST, UNUSED[0]]]
)
def test_every_address_is_tried(addresses: Sequence[Address]) -> None:
    with ScriptedServer([response(204)]) as server:
        url = f"http://app.test:{server.port}/hooks"
        result = deliver(url, b"{}", {}, lookup=lambda _host, _seconds: addresses)
    assert (result.status, result.error) == (204, None)


def test_refusal_by_all_addresses_is_a_refused_connection() -> None:
    result = deliver("http://app.test:9/", b"", {}, lookup=lambda _host, _seconds: UNUSED)
    assert (result.status, result.error, result.is_connected) == (None, "connection refused", False)


def test_silent_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        timeouts.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", connect)
    result = deliver("http://a.test/", b"", {}, timeout=90, lookup=lambda _host, _seconds: UNUSED)
    assert result.error == "timed out"
    assert [round(timeout) for timeout in timeouts] == [30, 45, 90]


def test_response_gets_the_time_that_other_addresses_do_not_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sockets: list[socket.socket] = []
    connect = socket.create_connection

    def keep(address: tuple[str, int], timeout: float) -> socket.socket:
        sockets.append(connect(address, timeout))
        return sockets[-1]

    monkeypatch.setattr(socket, "create_connection", keep)
    with ScriptedServer([response(204)]) as server:
        url = f"http://app.test:{server.port}/hooks"
        deliver(url, b"{}", {}, timeout=90, lookup=lambda _host, _seconds: [LOCALHOST, *UNUSED])
    assert [round(sock.gettimeout() or 0) for sock in sockets] == [90]


def test_untrusted_certificate_is_an_error(certificate: tuple[Path, Path]) -> None:
    with tls_server(certificate) as port:
        result = deliver(f"https://localhost:{port}/", b"{}", {})
    assert result.error == "the certificate of localhost is not trusted: self-signed certificate"
    assert "SSL_CERT_FILE" in str(result.hint)
    assert not result.is_connected


def test_trusted_certificate_is_accepted(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with tls_server(certificate) as port:
        assert deliver(f"https://localhost:{port}/", b"{}", {}).status == 204


def test_certificate_for_other_name_is_an_error(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with tls_server(certificate) as port:
        result = deliver(f"https://127.0.0.1:{port}/", b"{}", {})
    assert "127.0.0.1" in str(result.error)
    assert "name" in str(result.hint)


def test_server_without_tls_is_an_error() -> None:
    with plain_server() as port:
        result = deliver(f"https://127.0.0.1:{port}/", b"{}", {})
    assert result.error == "127.0.0.1 does not speak TLS"
    assert result.hint == "Use http:// instead of https://."


def test_missing_certificate_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(InvalidInputError, match=r"SSL_CERT_FILE=.*nowhere\.pem: No such file"):
        validate_url("https://localhost:9/", "--to")
    result = deliver("https://localhost:9/", b"", {}, lookup=lambda _host, _seconds: [LOCALHOST])
    assert result.status is None


def test_certificate_that_python_3_13_rejects_is_explained(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    # A certificate like those of TLS-inspecting proxies.
    issued = make_certificate(
        tmp_path, "-CA", str(certificate[0]), "-CAkey", str(certificate[1]), "-addext",
        "authorityKeyIdentifier=none", subject="/CN=issued",
    )  # fmt: skip
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        tls_server(issued) as port,
        socket.create_connection(("127.0.0.1", port)) as sock,
        pytest.raises(ssl.SSLCertVerificationError) as raised,
        context.wrap_socket(sock, server_hostname="localhost"),
    ):
        pass
    reason, hint = describe_tls_error(raised.value, "localhost")
    assert "violates a rule that this Python version enforces" in reason
    assert "must reissue it" in hint


@pytest.mark.parametrize("words", ["webhooks trigger post.published --to", "webhooks check"])
def test_commands_explain_failed_tls(cli_logged_out: CommandLine, words: str) -> None:
    with plain_server() as port:
        result = cli_logged_out.run(
            *words.split(),
            f"https://127.0.0.1:{port}/",
            env={"OUTREPLY_WEBHOOK_SECRET": "s"},
        )
    assert result.code == 7
    assert "does not speak TLS\n  Use http:// instead" in result.err


@pytest.mark.parametrize(
    ("reply", "body", "is_truncated"),
    [
        (response(500, None, b"boom"), b"boom", False),
        (response(200, None, b"x" * 65_536), b"x" * 65_536, False),
        (response(200, None, b"x" * 65_537), b"x" * 65_536, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"abc", True),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
            ),
            b"abcde",
            False,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", False),
    ],
    ids=["short", "limit", "longer", "cut off", "chunked", "none"],
)
def test_response_is_kept(reply: bytes, body: bytes, is_truncated: bool) -> None:
    with ScriptedServer([reply]) as server:
        result = deliver(server.url, b"{}", [])
    assert result.response is not None
    assert (result.response.body, result.response.is_truncated) == (body, is_truncated)
    times = [0, result.response.connect_ms, result.response.first_byte_ms, result.milliseconds]
    assert times == sorted(times)


@pytest.mark.parametrize("size", [9, 3_000_000])
@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nabc", 202),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", 200),
        (b"", None),
    ],
    ids=["no length", "length", "chunked", "no response"],
)
def test_status_counts_whatever_happens_to_the_connection_afterwards(
    reply: bytes, status: int | None, size: int
) -> None:
    """Otherwise, an accepted delivery would be retried."""
    with resetting_server(reply) as url:
        result = deliver(url, b"x" * size, {})
    error = None if status else "connection closed without a response"
    assert (result.status, result.error) == (status, error)
