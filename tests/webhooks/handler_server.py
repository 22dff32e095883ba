"""A webhook handler on a real socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from outreply_cli.webhooks import verify
from tests.webhooks.receiver_fixture import SECRET


class HandlerServer(ThreadingHTTPServer):
    """A webhook handler: responds with the statuses in `script`, then verifies signatures."""

    # Enough for twenty simultaneous clients.
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _RequestHandler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.script: list[int] = []
        self.verifies = True
        self.refuses: Callable[[bytes], bool] = lambda _body: False
        self.response_headers: dict[str, str] = {}
        self.response_body = b""
        self.gate: threading.Event | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hooks?x=1"


class _RequestHandler(BaseHTTPRequestHandler):
    server: HandlerServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.requests.append((headers, body))
        if self.server.gate is not None:
            self.server.gate.wait(60)
        status = self.server.script.pop(0) if self.server.script else 200
        if self.server.refuses(body):
            status = 500
        if self.server.verifies and not verify(body, headers.get("x-outreply-signature"), SECRET):
            status = 401
        self.send_response(status)
        for name, value in self.server.response_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.response_body)))
        self.end_headers()
        self.wfile.write(self.server.response_body)

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def run_handler(port: int = 0) -> Iterator[HandlerServer]:
    app = HandlerServer(port)
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    try:
        yield app
    finally:
        app.shutdown()
        app.server_close()
        thread.join()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
