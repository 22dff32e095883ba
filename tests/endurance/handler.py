"""An application that receives deliveries and sometimes fails."""

import hashlib
import json
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Handler:
    """Receives deliveries on a free port.

    Args:
        fail_rate: Share of deliveries, 0 to 1, to refuse with 500 or a dropped connection.
        seed: Random seed.

    Attributes:
        accepted: Number of deliveries accepted, by digest of the body.
        refused: Number of deliveries refused.
    """

    def __init__(self, fail_rate: float, seed: int) -> None:
        self.accepted: Counter[str] = Counter()
        self.refused = 0
        self._comments: list[str] = []
        self._lock = threading.Lock()
        self._fail_rate = fail_rate
        self._generator = random.Random(seed)  # noqa: S311 - reproducible
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_request_handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def receive(self, body: bytes) -> int | None:
        """Status for a delivery; None drops the connection."""
        with self._lock:
            if self._generator.random() < self._fail_rate:
                self.refused += 1
                return None if self.refused % 2 else 500
            self.accepted[digest(body)] += 1
            event = json.loads(body)
            if event["event"] == "comment.received":
                self._comments.append(event["data"]["comment"]["id"])
        return 200

    @property
    def has_comments(self) -> bool:
        """Whether there are new comments."""
        with self._lock:
            return bool(self._comments)

    def pop_comments(self) -> list[str]:
        """Ids of the comments received since the last call."""
        with self._lock:
            comments, self._comments = self._comments, []
        return comments


def digest(body: bytes) -> str:
    """Digest that identifies a delivery by its body."""
    return hashlib.sha256(body).hexdigest()


def _make_request_handler(handler: Handler) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = handler.receive(self.rfile.read(int(self.headers["Content-Length"])))
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    return Requests
