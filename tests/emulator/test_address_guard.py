"""Media URLs that would make the server knock at private doors."""

import socket
from collections.abc import Iterator

import pytest

from outreply_cli.emulator.address_guard import AddressGuard


@pytest.fixture
def guard() -> Iterator[AddressGuard]:
    guard = AddressGuard()
    yield guard
    guard.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://cdn.example.com/a", "//cdn.example.com/a", "javascript:alert(1)", "http://",
        "http://localhost/a", "http://LOCALHOST./a", "http://a.localhost/", "http://db.internal/a",
        "http://127.0.0.1/", "http://10.1.2.3/", "http://192.168.0.1/", "http://172.16.0.1/",
        "http://169.254.169.254/latest", "http://0.0.0.0/", "http://100.64.0.1/",
        "http://224.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/", "http://[fd00::1]/", "http://[2002:7f00:1::]/",
        "http://[64:ff9b::7f00:1]/", "http://[::]/", "http://2130706433/", "http://0x7f000001/",
        "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://0/",
        "http://cdn.example.com@127.0.0.1/", "http://user:pw@cdn.example.com/",
        "http://cdn.example.com\\@127.0.0.1/", "http://cdn.example.com:0/",
        "http://cdn.example.com:99999/", "http://[::1", "http://cdn.example.com/a b",
        "http://cdn.example.com/\n", f"http://{socket.gethostname()}/",
    ],
)  # fmt: skip
def test_a_private_door_is_refused(guard: AddressGuard, url: str) -> None:
    assert not guard.allows(url)


@pytest.mark.parametrize(
    "url",
    ["https://cdn.example.com/hero.jpg", "http://93.184.216.34/a", "https://[2606:4700::1]/a.png",
     "https://cdn.example.com:8443/a?b=c#d", "https://bücher.example/ü.jpg"],
)  # fmt: skip
def test_a_public_one_is_allowed(guard: AddressGuard, url: str) -> None:
    assert guard.allows(url)
