"""Requests through SOCKS proxies on real sockets."""

import gc
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from outreply_cli.api.http_client import build_http_client, socks_errors
from outreply_cli.errors import InvalidInputError
from outreply_cli.net.proxy import Proxy
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response

TOKEN = "outreply_live_" + "a" * 48


@contextmanager
def socks_server(target: int, reply: bytes | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A SOCKS5 proxy that connects every name to the port `target` of this machine.

    It sends `reply` instead of its greeting, if given. Yields its port and the requested host
    names.
    """
    names: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, suppress(OSError, struct.error):
                sock.recv(256)
                if reply is not None:
                    sock.sendall(reply)
                    continue
                sock.sendall(b"\x05\x00")
                request = sock.recv(512)
                names.append(request[5 : 5 + request[4]])
                sock.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01" + struct.pack(">H", target))
                with socket.create_connection(("127.0.0.1", target)) as server:
                    server.sendall(sock.recv(65536))
                    while data := server.recv(65536):
                        sock.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], names
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_request_through_socks_resolves_the_name_at_the_proxy(scheme: str) -> None:
    with ScriptedServer([response(200, {"pages": []})]) as server:
        with socks_server(server.port) as (port, names):
            proxy = Proxy(f"{scheme}://127.0.0.1:{port}", "ALL_PROXY")
            with build_http_client("http://api.test/api/v1", 5, proxy) as client:
                assert client.get("http://api.test/api/v1/pages").json() == {"pages": []}
    # The proxy resolves the name.
    assert names == [b"api.test"]


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n", b"", b"\x05", b"\x05\xff"])
def test_proxy_without_socks_is_an_error(
    cli_logged_out: CommandLine, monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    with socks_server(9, reply) as (port, _):
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        # On the test's clock, so that a slow machine does not cut the attempt off.
        result = cli_logged_out.run("pages", "list", env={"OUTREPLY_API_KEY": TOKEN})
        # httpcore does not close the socket of a failed handshake.
        gc.collect()
    assert result.code == 7, result.err
    assert "Error: The proxy " in result.err
    assert "Check ALL_PROXY." in result.err


def test_socks_without_extra_is_an_error_without_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    proxy = Proxy("socks5h://me:hunter2@127.0.0.1:9", "ALL_PROXY")
    with pytest.raises(InvalidInputError) as error:
        build_http_client("https://api.test", 5, proxy)
    assert "ALL_PROXY is a SOCKS proxy" in error.value.message
    assert "outreply-cli[socks]" in str(error.value.hint)
    assert "hunter2" not in f"{error.value.message} {error.value.hint}"
    assert socks_errors() == ()


def test_unknown_socks_version_is_rejected() -> None:
    with pytest.raises(InvalidInputError, match="invalid proxy in ALL_PROXY"):
        build_http_client("https://api.test", 5, Proxy("socks4://127.0.0.1:9", "ALL_PROXY"))
