"""A proxy of the emulator on a real socket that injects faults into writes."""

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import BinaryIO, Self

from tests.scripted_server import response


@dataclass(frozen=True)
class Fault:
    """A fault of a write.

    Attributes:
        forward: Number of times the request is forwarded to the emulator.
        reply: Replaces the emulator's response; None to keep it.
        hang: Whether the client gets no response.
    """

    name: str
    forward: int = 1
    reply: Callable[[bytes], bytes] | None = None
    hang: bool = False


def _always(reply: bytes) -> Callable[[bytes], bytes]:
    return lambda _: reply


def _retry_in_two_seconds() -> bytes:
    later = formatdate(1_800_000_002, usegmt=True)
    now = formatdate(1_800_000_000, usegmt=True)
    return response(503, {"error": "Later"}, retry_after=later, date=now)


FAULTS = (
    Fault("cut before the server commits", 0, _always(b"")),
    Fault("cut after the server commits", 1, _always(b"")),
    Fault("timeout after the commit", 1, None, hang=True),
    Fault("500 before", 0, _always(response(500, {"error": "Failed", "code": "SERVER_ERROR"}))),
    Fault("500 after", 1, _always(response(500, {"error": "Failed", "code": "SERVER_ERROR"}))),
    Fault("502 with HTML after", 1, _always(response(502, None, b"<html>Bad gateway</html>"))),
    Fault("503 with a Retry-After date", 0, lambda _: _retry_in_two_seconds()),
    Fault("truncated JSON after", 1, lambda content: content[:-9]),
    Fault("half a response after", 1, lambda content: content[: len(content) // 2]),
    Fault("empty response after", 1, _always(response(200, None, b""))),
    Fault("429 with Retry-After", 0,
          _always(response(429, {"error": "Slow", "code": "RATE_LIMITED"}, retry_after="3"))),
    Fault("429 without Retry-After", 0,
          _always(response(429, {"error": "Slow", "code": "RATE_LIMITED"}))),
    Fault("request delivered twice", 2, None),
)  # fmt: skip


@dataclass
class FaultyProxy:
    """Forwards requests to the emulator and injects `fault` into every `every`th write.

    Attributes:
        date: `Date` header of responses; None for the emulator's.
    """

    emulator_port: int
    fault: Fault | None = None
    every: int = 1
    date: str | None = None
    writes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v1"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            words = stream.readline().decode().split()
            if len(words) < 2:
                return
            headers = {}
            while (line := stream.readline().decode().strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            length = int(headers.get("content-length", 0))
            body = self._read_body(stream, length)
            if len(body) < length:
                return
            fault = self._next_fault(words[0])
            reply = b""
            for _ in range(fault.forward if fault else 1):
                reply = self._forward(words[0], words[1], headers, body)
            if fault is not None and fault.hang:
                self._stopped.wait(30)
                return
            if fault is not None and fault.reply is not None:
                reply = fault.reply(reply)
            connection.sendall(reply)

    def _read_body(self, stream: BinaryIO, length: int) -> bytes:
        return stream.read(length)

    def _next_fault(self, method: str) -> Fault | None:
        if method == "GET" or self.fault is None:
            return None
        with self._lock:
            self.writes += 1
            return self.fault if self.writes % self.every == 0 else None

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        upstream = http.client.HTTPConnection("127.0.0.1", self.emulator_port, timeout=30)
        sent_headers = {name: value for name, value in headers.items() if name != "connection"}
        upstream.request(method, path, body or None, sent_headers)
        received = upstream.getresponse()
        content = received.read()
        upstream.close()
        lines = [f"HTTP/1.1 {received.status} {received.reason}", "Connection: close"]
        for name, value in received.getheaders():
            if name.lower() not in {"connection", "date"}:
                lines.append(f"{name}: {value}")
        lines.append(f"Date: {self.date or received.getheader('date')}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
