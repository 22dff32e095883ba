"""An HTTP server on a real socket that responds with arbitrary bytes."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_MAX_HEAD_BYTES = 1_000_000
_TIMEOUT_SECONDS = 5.0


class RawServer:
    """Sends the result of `respond` for each request line, then closes the connection.

    It runs until the process ends.

    Attributes:
        respond: Function from a request line to the bytes to send.
        url: Base URL of the API.
    """

    def __init__(self, respond: Callable[[str], bytes]) -> None:
        self.respond = respond
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(_TIMEOUT_SECONDS)
                self._handle(connection)

    def _handle(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65_536)
            if not piece or len(received) > _MAX_HEAD_BYTES:
                return
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n")
             if line.startswith(b"content-length:")), 0,
        )  # fmt: skip
        while len(body) < length and (piece := connection.recv(65_536)):
            body += piece
        connection.sendall(self.respond(head.split(b"\r\n")[0].decode("latin-1")))
        connection.shutdown(socket.SHUT_WR)
