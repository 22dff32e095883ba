"""A small HTTP/1.1 server for this machine: h11 parses HTTP and asyncio handles the sockets.

An application returns the response to a request, in a worker thread. Before that, an optional
handler gets each request in the thread of the event loop and may take it over: it gets a `respond`
function that it can call later, from any thread. Both get the request as a WSGI environment.
"""

import asyncio
import errno
import gc
import io
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache, partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import h11

from outreply_cli.errors import StorageError
from outreply_cli.net.server.response import (
    PHRASES,
    ConnectionDropped,
    Response,
    SseResponse,
    SseStream,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Application = Callable[["WSGIEnvironment"], Response]
Respond = Callable[[Response | None], None]
Handler = Callable[["WSGIEnvironment", Respond], bool]

_SPOOL_BYTES = 512 * 1024
_SWEEP_SECONDS = 0.25
# A client that does not read its events is disconnected.
_MAX_STREAM_BYTES = 64 * 1024
_BACKLOG = 1_024
# A server that listens on all addresses is reached through loopback.
_WILDCARDS = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
# A name may have an address of a protocol that this machine does not use.
_UNAVAILABLE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
# CPython's defaults; `__main__` raises them for short commands. Other programs keep theirs.
_GC_THRESHOLD, _RAISED_GC_THRESHOLD = (700, 10, 10), 50_000


@dataclass(frozen=True)
class ServerLimits:
    """The limits of a server.

    Attributes:
        max_body_bytes: Maximum size of a body; a larger one gets 413.
        request_seconds: Maximum time for a request to arrive, and for a connection to be idle.
        absolute_deadline: Whether `request_seconds` counts from the first byte of a request;
            otherwise from its latest byte.
        max_header_bytes: Maximum size of a request's head; a larger one gets 431.
        max_connections: Simultaneous connections; more wait in the operating system's queue.
        threads: Requests that the application handles simultaneously.
        shutdown_timeout: Seconds that `stop` waits for responses in progress.
    """

    max_body_bytes: int
    request_seconds: float
    absolute_deadline: bool = False
    max_header_bytes: int = 32 * 1024
    max_connections: int = 800
    threads: int = 8
    shutdown_timeout: float = 5.0


class LocalServer:
    """An HTTP server for a local application.

    Args:
        app: Returns the response to a request, or raises `ConnectionDropped`.
        handler: Called first with each request, in the loop's thread; must not block. Returns
            whether it takes the request over.
        host: The name or address to listen on, with or without brackets; a name stands for all
            of its addresses, and `*` for all of this machine.
        port: The port; 0 picks a free one.
        limits: Limits on requests.
        refuse: Returns the response to a request that is not HTTP or too large, by its status.

    Attributes:
        port: The port that the server listens on.
        addresses: The addresses that the server listens on.
        host: The host that reaches the server from this machine.
        netloc: `host` and `port` as in a URL.

    Raises:
        StorageError: The port is in use, or the address is not this machine's.
    """

    def __init__(
        self,
        app: Application,
        *,
        host: str,
        port: int,
        limits: ServerLimits,
        handler: Handler | None = None,
        refuse: Callable[[int], Response] | None = None,
    ) -> None:
        self._app, self._handler, self.limits = app, handler, limits
        self._pool = WorkerPool(limits.threads)
        self.refuse = refuse or _plain_refusal
        self.connections: set[_Connection] = set()
        host = host.strip().removeprefix("[").removesuffix("]")
        try:
            self._listeners = _listen(host, port)
        except StorageError:
            self._pool.close()
            raise
        self.port = int(self._listeners[0].getsockname()[1])
        self.server_name = host
        self.addresses = [str(listener.getsockname()[0]) for listener in self._listeners]
        self.host = _WILDCARDS.get(host, host)
        self.netloc = (
            f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        )
        self._loop = asyncio.SelectorEventLoop()
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_accepting = False
        self.thread_id: int | None = None

    def run(self) -> None:
        """Serve until `stop` is called from another thread; responses in progress are finished."""
        if gc.get_threshold()[0] == _RAISED_GC_THRESHOLD:
            gc.set_threshold(*_GC_THRESHOLD)
        self.thread_id = threading.get_ident()
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()
            self._pool.close()

    def stop(self) -> None:
        """Make `run` return."""
        self.call_soon(self._stopping.set)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the loop's thread, from any thread."""
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(callback)

    def dispatch(self, environ: "WSGIEnvironment", respond: Respond) -> None:
        """Dispatch a request."""
        if self._handler is None or not self._handler(environ, respond):
            self._pool.submit(lambda: respond(self._run_app(environ)))

    def _run_app(self, environ: "WSGIEnvironment") -> Response | None:
        """The response of the application; None if the connection is to be dropped."""
        try:
            return self._app(environ)
        except ConnectionDropped:
            return None
        except Exception as error:  # noqa: BLE001 - a bug in one request must not stop the server
            _report(error, environ)
            return _plain_refusal(500)

    def now(self) -> float:
        """The loop's monotonic time in seconds."""
        return self._loop.time()

    def forget(self, connection: "_Connection") -> None:
        """Remove a closed connection, and accept another in its place."""
        self.connections.discard(connection)
        if not self._stopping.is_set():
            self._accept_more()

    async def _serve(self) -> None:
        self._accept_more()
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _SWEEP_SECONDS)
            now = self.now()
            for connection in [*self.connections]:
                connection.check_deadline(now)
        self._accept_no_more()
        for listener in self._listeners:
            listener.close()
        deadline = self.now() + self.limits.shutdown_timeout
        for connection in [*self.connections]:
            connection.close_when_idle()
        while self.connections and self.now() < deadline:  # noqa: ASYNC110 - a set has no event
            await asyncio.sleep(0.01)
        for connection in [*self.connections]:
            connection.abort()
        # Transports call connection_lost in the next iterations of the event loop.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _accept_more(self) -> None:
        if not self._is_accepting and len(self.connections) < self.limits.max_connections:
            self._is_accepting = True
            for listener in self._listeners:
                self._loop.add_reader(listener, self._accept, listener)

    def _accept_no_more(self) -> None:
        if self._is_accepting:
            self._is_accepting = False
            for listener in self._listeners:
                self._loop.remove_reader(listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                # No descriptor is free; the next closed connection starts accepting again.
                self._accept_no_more()
            return
        sock.settimeout(0)
        connection = _Connection(self)
        self.connections.add(connection)
        if len(self.connections) >= self.limits.max_connections:
            self._accept_no_more()
        task = self._loop.create_task(self._loop.connect_accepted_socket(lambda: connection, sock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Connection(asyncio.Protocol):
    """One client: its requests are handled one after the other."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._limits = server.limits
        self._http = self._new_parser()
        self._transport: asyncio.Transport | None = None
        self._client = ("", 0)
        self._request: h11.Request | None = None
        self._body: io.BytesIO | Any = None
        self._size = 0
        # Whether the first byte of a request has arrived.
        self._has_started = False
        # Whether a complete request is being handled, and its number.
        self._is_busy = False
        self._serial = 0
        self._stream: SseStream | None = None
        self._is_closing = False
        self._deadline: float | None = server.now() + self._limits.request_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address, port, *_ = transport.get_extra_info("peername")
        self._client = (str(address), int(port))
        if self._is_closing:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._is_closing = True
        self._transport = None
        self._close_stream()
        self._server.forget(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        self._http.receive_data(data)
        if self._is_busy:
            # Pipelined requests wait in the operating system's buffer.
            assert self._transport is not None
            self._transport.pause_reading()
            return
        if not self._has_started or not self._limits.absolute_deadline:
            self._deadline = self._server.now() + self._limits.request_seconds
        self._has_started = True
        self._advance()

    def eof_received(self) -> bool:
        # A client may close its side after a request and still read the response.
        self._http.receive_data(b"")
        if self._is_busy:
            return self._stream is None
        self._advance()
        return self._is_busy

    def check_deadline(self, now: float) -> None:
        if self._deadline is not None and now > self._deadline:
            self.abort()

    def close_when_idle(self) -> None:
        self._is_closing = True
        is_idle = not self._is_busy or self._stream is not None
        self._close_stream()
        if is_idle and self._transport is not None:
            self._transport.close()

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.is_closed = True
        self._stream = None

    def abort(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()
        else:
            self._server.forget(self)

    def _advance(self) -> None:  # noqa: C901 - one branch for each kind of event
        """Read events until a request is complete, data is missing or the client violates HTTP."""
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    return
                if event is h11.PAUSED:
                    return
                if isinstance(event, h11.Request):
                    self._request, self._body, self._size = event, None, 0
                    status = _reject(event, self._limits)
                    if status is not None:
                        self._refuse(status)
                        return
                elif isinstance(event, h11.Data):
                    self._size += len(event.data)
                    if self._size > self._limits.max_body_bytes:
                        self._refuse(413)
                        return
                    if self._body is None:
                        self._body = _new_body(self._request)
                    self._body.write(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._dispatch()
                    return
                elif isinstance(event, h11.ConnectionClosed):
                    self.close_when_idle()
                    return
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def _dispatch(self) -> None:
        assert self._request is not None
        body = self._body or io.BytesIO()
        body.seek(0)
        self._is_busy, self._deadline = True, None
        self._serial += 1
        respond = partial(self._respond_from_any_thread, self._serial)
        try:
            environ = _environ(self._request, body, self._server, self._client)
        except ValueError:
            self._is_busy = False
            self._refuse(400)
            return
        try:
            self._server.dispatch(environ, respond)
        except Exception as error:  # noqa: BLE001 - one request must not stop the server
            _report(error, environ)
            self._respond(self._serial, _plain_refusal(500))

    def _respond_from_any_thread(self, serial: int, response: Response | None) -> None:
        if threading.get_ident() == self._server.thread_id:
            self._respond(serial, response)
        else:
            self._server.call_soon(partial(self._respond, serial, response))

    def _respond(self, serial: int, response: Response | None) -> None:
        if serial != self._serial or not self._is_busy or self._transport is None:
            return
        if response is None:
            self.abort()
            return
        if isinstance(response, SseResponse) and not self._is_closing:
            self._send(response, must_close=True)
            self._stream = SseStream(
                lambda data: self._server.call_soon(partial(self._write_event, data))
            )
            response.on_open(self._stream)
            return
        must_close = self._is_closing or self._http.their_state is not h11.DONE
        self._send(response, must_close=must_close)
        if must_close or (not self._is_head and len(response.body) < response.length):
            self._finish()
            return
        self._has_started = self._is_busy = False
        if self._body is not None:
            self._body.close()
        self._request = self._body = None
        self._deadline = self._server.now() + self._limits.request_seconds
        pipelined, is_eof = self._http.trailing_data
        self._http = self._new_parser()
        self._transport.resume_reading()
        if pipelined:
            self.data_received(pipelined)
        if is_eof and not self.eof_received():
            self.close_when_idle()

    def _new_parser(self) -> h11.Connection:
        # One for each request, because responses are not written through it: that would take as
        # long as reading requests does.
        return h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.max_header_bytes)

    def _refuse(self, status: int) -> None:
        """Respond to a request that cannot be handled, and close the connection."""
        self._send(self._server.refuse(status), must_close=True)
        self._finish()

    def _send(self, response: Response, *, must_close: bool) -> None:
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in response.header_list]
        if "Date" not in response.headers:
            lines.append(f"Date: {_http_date(int(time.time()))}")
        if must_close:
            lines.append("Connection: close")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1:
            # A line break in a header would let its value write further headers.
            self._send(_plain_refusal(500), must_close=must_close)
            return
        body = b"" if self._is_head else response.body
        self._write(head.encode("latin-1", "replace") + b"\r\n\r\n" + body)

    @property
    def _is_head(self) -> bool:
        return self._request is not None and self._request.method == b"HEAD"

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _write_event(self, data: bytes) -> None:
        if self._transport is None or self._stream is None:
            return
        if self._transport.get_write_buffer_size() > _MAX_STREAM_BYTES:
            self.abort()
            return
        self._write(data)

    def _finish(self) -> None:
        """Close the connection once everything written is sent."""
        self._is_closing, self._is_busy = True, False
        # A client that never reads the rest must not keep the connection.
        self._deadline = self._server.now() + self._limits.request_seconds
        if self._body is not None:
            self._body.close()
        if self._transport is not None:
            self._transport.close()


class WorkerPool:
    """Daemon threads that run functions; unlike an executor's, they never delay the exit.

    Args:
        threads: The number of threads.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True).start()

    def submit(self, function: Callable[[], None]) -> None:
        """Run `function`, which must not raise, in one of the threads."""
        self._queue.put(function)

    def close(self) -> None:
        """Stop the threads after what was submitted."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self) -> None:
        while (function := self._queue.get()) is not None:
            function()


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every available address of `host`, all with the same port."""
    listeners: list[socket.socket] = []
    unavailable: OSError | None = None
    try:
        found = socket.getaddrinfo(
            None if host == "*" else host,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        for family, address in dict.fromkeys((item[0], item[4][0]) for item in found):
            chosen = listeners[0].getsockname()[1] if listeners else port
            try:
                listener = socket.create_server((address, chosen), family=family, backlog=_BACKLOG)
            except OSError as error:
                if error.errno not in _UNAVAILABLE:
                    raise
                unavailable = error
                continue
            listener.settimeout(0)
            listeners.append(listener)
        if not listeners and unavailable is not None:
            raise unavailable
    except (OSError, UnicodeError, OverflowError) as error:
        for listener in listeners:
            listener.close()
        raise _listen_error(host, port, error) from None
    return listeners


def _listen_error(host: str, port: int, error: Exception) -> StorageError:
    number = getattr(error, "errno", None) or 0
    is_port = number in {errno.EADDRINUSE, errno.EACCES}
    # Python adds the address to the reason. Errors of host names have other numbers.
    reason = os.strerror(number) if is_port else getattr(error, "strerror", None) or error
    return StorageError(
        f"cannot listen on {host}:{port}: {reason}",
        hint="The port is in use or reserved; choose another with --port."
        if is_port
        else "Choose an address of this machine with --host, such as 127.0.0.1.",
    )


def _reject(request: h11.Request, limits: ServerLimits) -> int | None:
    """The status that the head of a request is refused with, or None."""
    size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
    if size > limits.max_header_bytes:
        return 431
    names = {name for name, _ in request.headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        # Request smuggling: a proxy that uses the other header sees another end of the body.
        return 400
    return 413 if _content_length(request) > limits.max_body_bytes else None


def _new_body(request: h11.Request | None) -> Any:
    size = _content_length(request) if request is not None else 0
    if 0 < size <= _SPOOL_BYTES:
        return io.BytesIO()
    return tempfile.SpooledTemporaryFile(_SPOOL_BYTES)


def _content_length(request: h11.Request) -> int:
    return next((int(value) for name, value in request.headers if name == b"content-length"), 0)


@lru_cache(maxsize=1_000)
def _variable(name: bytes) -> str:
    return "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


def _environ(
    request: h11.Request, body: Any, server: LocalServer, client: tuple[str, int]
) -> "WSGIEnvironment":
    """The WSGI environment of a request; raises ValueError for a target that is not a path."""
    target, _, query = request.target.partition(b"?")
    if target.startswith(b"http://"):
        target = b"/" + target[7:].partition(b"/")[2]
    if not target.startswith(b"/"):
        raise ValueError("not a path")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(target).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "SERVER_NAME": server.server_name,
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode('ascii')}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in request.headers:
        text = value.decode("latin-1")
        if name == b"content-type":
            environ["CONTENT_TYPE"] = text
        elif name == b"content-length":
            environ["CONTENT_LENGTH"] = text
        elif b"_" not in name:
            # A header with an underscore could pass for one with a dash.
            key = _variable(name)
            environ[key] = f"{environ[key]}, {text}" if key in environ else text
    return environ


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _plain_refusal(status: int) -> Response:
    body = f"{status} {PHRASES[status]}\n".encode()
    return Response(status, body, {}, "text/plain; charset=utf-8")


def _report(error: Exception, environ: "WSGIEnvironment") -> None:
    request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    sys.stderr.write(f"{request!r}: {type(error).__name__}: {error}\n")
