"""A waitress server that can be ended, with limits that hold against slow and greedy senders."""

import errno
import gc
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waitress.server import create_server
from waitress.task import ErrorTask
from waitress.wasyncore import close_all

from outreply_cli.errors import StorageError
from outreply_cli.net.server.batching import BatchingChannel, BatchingDispatcher, Prepare
from outreply_cli.net.server.response import Response

_CHUNK_HEADS = 64 * 1024
_FLUSH_ROUND_SECONDS = 0.05
# Python's own; a command that ends soon collects more seldom.
_COLLECTING = (700, 10, 10)


@dataclass(frozen=True)
class ServerLimits:
    """What a server puts up with.

    Attributes:
        body_bytes: The largest body; what is clearly larger gets 413 before it is read.
        request_seconds: How long a request may take to arrive, and an idle connection may stay.
        absolute_deadline: Whether `request_seconds` counts from a request's first byte, however
            steadily the rest drips in; else from its latest.
        header_bytes: The largest head of a request.
        connections: How many at once; more wait in the operating system's queue.
        threads: How many requests are answered at once.
        shutdown_timeout: How long answers that are under way are waited for at the end.
    """

    body_bytes: int
    request_seconds: int
    absolute_deadline: bool = False
    header_bytes: int = 32 * 1024
    connections: int = 800
    threads: int = 8
    shutdown_timeout: float = 5.0


class LocalServer:
    """An application behind a socket.

    Args:
        app: WSGI.
        host: Where to listen.
        port: 0 for any free one.
        limits: What it puts up with.
        refuse: Answers a request that is no HTTP, or too large, by its status; in plain text
            where it is not given.
        prepare: Sees requests that arrive together before `app` answers them, and says of each
            whether that will be quick; where it is not given, every request gets a thread.

    Raises:
        StorageError: The port is taken, or the address is not this machine's.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        *,
        host: str,
        port: int,
        limits: ServerLimits,
        refuse: Callable[[int], Response] | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        # Requests that wait for a thread are no news on somebody's terminal.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._sockets: dict[int, Any] = {}
        self._stopping = threading.Event()
        self._farewell_seconds = limits.shutdown_timeout
        self._together = BatchingDispatcher(prepare)
        try:
            self._server = create_server(
                app,
                map=self._sockets,
                _dispatcher=self._together,
                host=host,
                port=port,
                threads=limits.threads,
                connection_limit=limits.connections,
                channel_timeout=limits.request_seconds,
                cleanup_interval=min(5, limits.request_seconds),
                max_request_header_size=limits.header_bytes,
                # Waitress counts the chunks' own heads; the application weighs what came of them.
                max_request_body_size=limits.body_bytes + _CHUNK_HEADS,
                asyncore_use_poll=True,
                ident=None,
                clear_untrusted_proxy_headers=True,
            )
        except (OSError, ValueError) as failure:
            close_all(self._sockets, ignore_all=True)
            raise _cant_listen(host, port, failure) from None
        self._together.set_thread_count(limits.threads)
        channel: type = _DeadlineChannel if limits.absolute_deadline else BatchingChannel
        if refuse is not None:
            channel = type("_RefusingChannel", (channel,), {"error_task_class": _task(refuse)})
        self._server.channel_class = channel
        self.port = int(self._server.effective_port)

    def run(self) -> None:
        """Serve until `stop` is called from another thread; what is being answered is finished."""
        server = self._server
        # A server lives long: what goes in circles, as failed requests do, has to go meanwhile.
        gc.set_threshold(*_COLLECTING)
        self._together.begin()
        while not self._stopping.is_set():
            self._go_round(1.0)
            self._together.end_round()
        deadline = time.monotonic() + self._farewell_seconds
        self._together.shutdown(timeout=self._farewell_seconds)
        while time.monotonic() < deadline and self._owes_an_answer():
            self._go_round(_FLUSH_ROUND_SECONDS)
        server.asyncore.close_all(map=self._sockets, ignore_all=True)

    def _go_round(self, seconds: float) -> None:
        # Waitress's own loop ends only with its process; one round of it can be left.
        use_poll = self._server.adj.asyncore_use_poll
        self._server.asyncore.loop(timeout=seconds, map=self._sockets, use_poll=use_poll, count=1)

    def _owes_an_answer(self) -> bool:
        return any(getattr(item, "total_outbufs_len", 0) for item in self._sockets.values())

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()
        # The loop may have ended by itself between the two lines.
        with suppress(OSError):
            self._server.pull_trigger()


def _cant_listen(host: str, port: int, failure: OSError | ValueError) -> StorageError:
    is_of_port = getattr(failure, "errno", None) in {errno.EADDRINUSE, errno.EACCES}
    return StorageError(
        f"can't listen on {host}:{port}: {getattr(failure, 'strerror', None) or failure}",
        hint="Another program has the port, or may have it alone; choose one with --port."
        if is_of_port
        else "Give an address of this machine with --host, such as 127.0.0.1.",
    )


def _task(refuse: Callable[[int], Response]) -> type:
    class RefusingTask(ErrorTask):
        def execute(self) -> None:
            error = self.request.error
            answer = refuse(error.code)
            self.status = f"{error.code} {error.reason}"
            self.response_headers.extend(answer.headers.items())
            self.response_headers.append(("Content-Type", answer.content_type))
            self.set_close_on_finish()
            self.content_length = len(answer.body)
            self.write(answer.body)

    return RefusingTask


class _DeadlineChannel(BatchingChannel):
    """A connection whose request must be whole in time: a byte now and then buys no more of it."""

    _began: float | None = None

    def received(self, data: bytes) -> bool:
        """Take what arrived."""
        if self._began is None:
            self._began = time.time()
        result = super().received(data)
        if self.request is None:
            self._began = None
        else:
            self.last_activity = self._began
        return bool(result)
