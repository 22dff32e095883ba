"""A small application that gets deliveries, and fails at times."""

import hashlib
import json
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Handler:
    """Takes deliveries on a free port; what it took is its log.

    Args:
        fail_rate: The share, 0 to 1, that it does not take: answered 500, or cut off.
        seed: Makes that share the same again.

    Attributes:
        taken: How often it took each body, by its digest.
        refused: How many it did not take.
    """

    def __init__(self, fail_rate: float, seed: int) -> None:
        self.taken: Counter[str] = Counter()
        self.refused = 0
        self._comments: list[str] = []
        self._turn = threading.Lock()
        self._fail_rate = fail_rate
        self._chance = random.Random(seed)  # noqa: S311 - the same share each time
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _requests_of(self))
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

    def take(self, body: bytes) -> int | None:
        """The status for a delivery; None to cut it off."""
        with self._turn:
            if self._chance.random() < self._fail_rate:
                self.refused += 1
                return None if self.refused % 2 else 500
            self.taken[digest(body)] += 1
            event = json.loads(body)
            if event["event"] == "comment.received":
                self._comments.append(event["data"]["comment"]["id"])
        return 200

    @property
    def has_comments(self) -> bool:
        """Whether `comments` would give any."""
        with self._turn:
            return bool(self._comments)

    def comments(self) -> list[str]:
        """The comments that it was told of since the last look, by id."""
        with self._turn:
            found, self._comments = self._comments, []
        return found


def digest(body: bytes) -> str:
    """What a body is known by on its way from the sender to the application."""
    return hashlib.sha256(body).hexdigest()


def _requests_of(handler: Handler) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = handler.take(self.rfile.read(int(self.headers["Content-Length"])))
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Requests
