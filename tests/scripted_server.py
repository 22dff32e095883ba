"""A server on a real socket that sends scripted responses."""

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Received:
    """A received request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


# Closes the connection without a response.
DROP = b""


def response(
    status: int = 200, body: Any = None, raw: bytes | None = None, /, **headers: str
) -> bytes:
    """Return the bytes of a response; underscores in header names become dashes."""
    content = raw if raw is not None else json.dumps(body if body is not None else {}).encode()
    lines = [f"HTTP/1.1 {status} Whatever", "Connection: close"]
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    names.setdefault("content-length", str(len(content)))
    names.setdefault("content-type", "application/json")
    lines += [f"{name}: {value}" for name, value in names.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass
class ScriptedServer:
    """Responds to each request with the next item of `script`; the last one repeats."""

    script: list[bytes]
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api/v1"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # The client may close the connection early.
            with connection, suppress(ConnectionError):
                self._respond(connection)

    def _respond(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        request_line = stream.readline().decode().split()
        if len(request_line) < 2:
            return
        headers = {}
        while (line := stream.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        self.received.append(Received(request_line[0], request_line[1], headers, body))
        connection.sendall(self.script.pop(0) if len(self.script) > 1 else self.script[0])
