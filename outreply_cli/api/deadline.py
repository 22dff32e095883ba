"""A time limit for a whole attempt: httpx limits only the time between two bytes."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from outreply_cli.clock import Clock

# How often a waiting read checks whether the run was stopped.
_POLL_SECONDS = 0.25
# After Ctrl-C, a request in flight has this long to finish.
_GRACE_SECONDS = 3.0


@dataclass(eq=False, repr=False)
class Deadline:
    """The time limit of one attempt.

    Attributes:
        clock: The clock that measures it.
        response_seconds: Seconds from the last byte that was sent to the end of the response.
        until: Monotonic time at which the attempt ends in any case; None for no such time.
        is_stopped: Whether the run was stopped; an attempt then ends within seconds.
    """

    clock: Clock
    response_seconds: float
    until: float | None = None
    is_stopped: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        self._stopped_at: float | None = None
        self.mark_sent()

    @property
    def is_polled(self) -> bool:
        """Whether a read must return regularly, to check whether the run was stopped."""
        return self.is_stopped is not None

    def mark_sent(self) -> None:
        """Restart the time of the response: more of the request was sent."""
        self._sent_at = self.clock.monotonic()

    def seconds_left(self, *, is_read: bool) -> float:
        """Return the seconds until the attempt ends, 0 or less once it is over."""
        now = self.clock.monotonic()
        ends = [] if self.until is None else [self.until]
        if is_read:
            ends.append(self._sent_at + self.response_seconds)
        if self.is_stopped is not None and self.is_stopped():
            self._stopped_at = now if self._stopped_at is None else self._stopped_at
            ends.append(self._stopped_at + _GRACE_SECONDS)
        return min(ends, default=float("inf")) - now


class _Active(threading.local):
    """The deadline of this thread's requests, if any."""

    deadline: Deadline | None = None


_active = _Active()


@contextmanager
def active_deadline(deadline: Deadline) -> Iterator[None]:
    """Apply `deadline` to the requests of this thread."""
    previous = _active.deadline
    _active.deadline = deadline
    try:
        yield
    finally:
        _active.deadline = previous


def enforce_deadlines(client: httpx.Client) -> None:
    """Make the connections of `client` observe the active deadline.

    httpx has no public way to replace the network backend of its connection pools.
    """
    internals: Any = client
    for transport in (internals._transport, *internals._mounts.values()):  # noqa: SLF001
        if transport is not None:
            pool = transport._pool  # noqa: SLF001
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001


def _limit(timeout: float | None, error: type[Exception]) -> float | None:
    """Return `timeout`, or the seconds to the active deadline; raises `error` once it is over."""
    if _active.deadline is None:
        return timeout
    left = _active.deadline.seconds_left(is_read=False)
    if left <= 0:
        raise error
    # A SOCKS handshake has no separate timeout.
    left = min(left, math.inf if timeout is None else timeout)
    return left if math.isfinite(left) else None


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _limit(timeout, httpcore.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, seconds, local_address, socket_options)
        return _Stream(stream)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        deadline = _active.deadline
        if deadline is None:
            return self._stream.read(max_bytes, timeout)
        waited = 0.0
        while True:
            left = deadline.seconds_left(is_read=True)
            if timeout is not None:
                left = min(left, timeout - waited)
            if left <= 0:
                raise httpcore.ReadTimeout
            step = min(left, _POLL_SECONDS) if deadline.is_polled else left
            try:
                return self._stream.read(max_bytes, step)
            except httpcore.ReadTimeout:
                if not deadline.is_polled:
                    raise
                waited += step

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _limit(timeout, httpcore.WriteTimeout))
        if _active.deadline is not None:
            _active.deadline.mark_sent()

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
