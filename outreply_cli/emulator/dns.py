"""Names looked up in threads of their own, so that a slow resolver holds up nobody for long."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from outreply_cli.net.ssrf import Address

_FRESH_SECONDS = 60.0
_KEPT = 1_000


class Resolver:
    """What names resolve to, remembered for a minute.

    Args:
        resolver: What tells the addresses of a name; this machine's own by default.
    """

    def __init__(self, resolver: Callable[[str], Sequence[Address]] | None = None) -> None:
        self._resolver = resolver or resolve
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="lookup")
        self._turn = threading.Lock()
        self._asked: dict[str, tuple[float, Future[Sequence[Address]]]] = {}

    def resolve(
        self, hosts: Iterable[str], seconds: float
    ) -> Mapping[str, Sequence[Address] | None]:
        """The addresses of each of `hosts`; None for one that `seconds` were too short for."""
        until = time.monotonic() + seconds
        asked = {host: self._ask(host) for host in hosts}
        return {host: _within(until, future) for host, future in asked.items()}

    def close(self) -> None:
        """Stop looking up."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, host: str) -> Future[Sequence[Address]]:
        now = time.monotonic()
        with self._turn:
            if len(self._asked) > _KEPT:
                self._asked.clear()
            began, future = self._asked.get(host, (now, None))
            if future is None or (future.done() and now - began > _FRESH_SECONDS):
                began, future = now, self._pool.submit(self._resolver, host)
                self._asked[host] = (began, future)
            return future


def resolve(host: str) -> Sequence[Address]:
    """The addresses of a name, or of an address in any of its spellings; none where it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    except (OSError, UnicodeError, ValueError):
        return []


def _within(until: float, future: Future[Sequence[Address]]) -> Sequence[Address] | None:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return None
