"""The SSRF check of media URLs."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import create_environ

from outreply_cli.emulator.app import Emulator
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.media_urls import find_blocked
from outreply_cli.emulator.seed import load_default_seed
from outreply_cli.emulator.state import State
from outreply_cli.net.address import Address
from outreply_cli.net.dns import Resolver
from tests.clocks import ManualClock


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    resolver = Resolver()
    yield resolver
    resolver.close()


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
        "http://%31%32%37.0.0.1/", "http://loc%61lhost/", "http://cdn.example.com%2e/",
        "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/", "http://[fec0::1]/",
        "http://[64:ff9b:1::7f00:1]/", "http://[2001::7f00:1]/", "http://[100::1]/",
        "http://１２７.0.0.1/", "http://ｌｏｃａｌｈｏｓｔ/", "http://127。0。0。1/",
        "http://cdn.example.com/\n", f"http://{socket.gethostname()}/",
    ],
)  # fmt: skip
def test_private_url_is_blocked(resolver: Resolver, url: str) -> None:
    assert find_blocked(resolver, [url]) == {url}


@pytest.mark.parametrize(
    "url",
    ["https://cdn.example.com/hero.jpg", "http://93.184.216.34/a", "https://[2606:4700::1]/a.png",
     "http://[::ffff:93.184.216.34]/", "http://[64:ff9b::5db8:d822]/",
     "https://cdn.example.com:8443/a?b=c#d", "https://bücher.example/ü.jpg"],
)  # fmt: skip
def test_public_url_is_allowed(resolver: Resolver, url: str) -> None:
    assert find_blocked(resolver, [url]) == frozenset()


def test_slow_lookup_is_allowed_until_resolved() -> None:
    resolved = threading.Event()

    def lookup(_: str) -> list[Address]:
        resolved.wait(20)
        return [ipaddress.ip_address("10.0.0.1")]

    resolver, url = Resolver(lookup), "http://slow.example/a.jpg"
    assert find_blocked(resolver, [url]) == frozenset()
    resolved.set()
    assert find_blocked(resolver, [url]) == {url}
    resolver.close()


def test_lookup_does_not_lock_state(tmp_path: Path) -> None:
    requested, resolved = threading.Event(), threading.Event()

    def lookup(_: str) -> list[Address]:
        requested.set()
        resolved.wait(20)
        return []

    resolver = Resolver(lookup)
    state = State(tmp_path / "e.db", ManualClock(), EmulatorConfig(seed=1))
    with state.transaction():
        load_default_seed(state)
        secret = state.connection.execute("SELECT secret FROM tokens").fetchone()[0]
    app = Emulator(state, DeliveryWorker(state, resolver), resolver, admin_key="k")
    headers = {"X-API-Key": secret, "Host": "localhost"}
    body = {"page_id": "x", "message": "x", "media_urls": ["http://slow.example/a.jpg"]}
    request = create_environ("/api/v1/posts/publish", method="POST", json=body, headers=headers)
    thread = threading.Thread(target=app, args=[request])
    thread.start()
    assert requested.wait(20)
    is_unlocked = state._lock.acquire(timeout=5)
    if is_unlocked:
        state._lock.release()
    resolved.set()
    thread.join()
    assert is_unlocked
    resolver.close()
    state.close()
