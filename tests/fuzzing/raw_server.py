"""A server on a real socket that answers whatever bytes it was told to, and survives it."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_HEAD_BYTES_MAX = 1_000_000
_PATIENCE_SECONDS = 5.0


class RawServer:
    """Answers every request with what `answer` gives for its first line, then hangs up.

    It lives as long as the process.

    Attributes:
        answer: The bytes to send for a request line.
        url: The API's base URL.
    """

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self.answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(_PATIENCE_SECONDS)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65_536)
            if not piece or len(received) > _HEAD_BYTES_MAX:
                return
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        wanted = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n")
             if line.startswith(b"content-length:")), 0,
        )  # fmt: skip
        while len(body) < wanted and (piece := connection.recv(65_536)):
            body += piece
        connection.sendall(self.answer(head.split(b"\r\n")[0].decode("latin-1")))
        connection.shutdown(socket.SHUT_WR)
