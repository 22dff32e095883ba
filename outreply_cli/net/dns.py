"""Name resolution in worker threads, so that a slow resolver blocks no request for long."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from outreply_cli.net.address import Address

_CACHE_SECONDS = 60.0
_CACHE_SIZE = 1_000


class Resolver:
    """Resolves host names and caches the results for a minute.

    Args:
        lookup: Returns the addresses of a host name; this machine's resolver by default.
    """

    def __init__(self, lookup: Callable[[str], Sequence[Address]] | None = None) -> None:
        self._find = lookup or resolve
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="lookup")
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, Future[Sequence[Address]]]] = {}

    def resolve(
        self, hosts: Iterable[str], timeout: float
    ) -> Mapping[str, Sequence[Address] | None]:
        """The addresses of each host; None for a host that takes longer than `timeout` seconds."""
        pending = {host: self._submit(host) for host in hosts}
        done, _ = wait(pending.values(), timeout)
        return {
            host: future.result() if future in done else None for host, future in pending.items()
        }

    def lookup(self, host: str, timeout: float) -> Sequence[Address]:
        """The addresses of a host; empty if it takes longer than `timeout` seconds."""
        return self.resolve([host], timeout)[host] or ()

    def close(self) -> None:
        """Stop the worker threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, host: str) -> Future[Sequence[Address]]:
        now = time.monotonic()
        with self._lock:
            if len(self._cache) > _CACHE_SIZE:
                self._cache.clear()
            started_at, future = self._cache.get(host, (now, None))
            if future is None or (future.done() and now - started_at > _CACHE_SECONDS):
                started_at, future = now, self._pool.submit(self._find, host)
                self._cache[host] = (started_at, future)
            return future


def resolve(host: str) -> Sequence[Address]:
    """The addresses of a host name, or of an address in any spelling; empty if there are none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    except (OSError, UnicodeError, ValueError):
        return []
    return list(dict.fromkeys(addresses))
