"""A proxy of the emulator whose faults are written as rules, to model servers and networks."""

import fnmatch
import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote_to_bytes, urlsplit

from outreply_cli.net.server.server import Application
from tests.clocks import ManualClock
from tests.scripted_server import DROP

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_API = "/api/v1"
_TIMES = ("created_at", "published_at")


@dataclass(frozen=True)
class Response:
    """A response of the emulator."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def with_json(self, body: Any) -> "Response":
        """Return a copy with another body."""
        return replace(self, body=json.dumps(body).encode())

    def to_bytes(self) -> bytes:
        """The bytes on the wire; the connection is closed after them."""
        headers = {**self.headers, "connection": "close", "content-length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} Whatever", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Request:
    """A request that the proxy received; `path` is below the API's root, without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed; an empty object for none."""
        return json.loads(self.body or b"{}")


Action = Callable[[Request, "Exchange"], bytes | None]


class Exchange:
    """The means of a rule: the emulator behind the proxy and the client's connection."""

    def __init__(self, proxy: "RuleProxy", connection: socket.socket) -> None:
        self.proxy, self._connection = proxy, connection

    def forward(self, request: Request) -> Response:
        """Forward `request`, changed by all filters of the proxy, and return the response."""
        return self.proxy.forward(request)

    def send(self, content: bytes) -> None:
        """Send bytes to the client; raises OSError once it has hung up."""
        self._connection.sendall(content)

    def is_open(self) -> bool:
        """Whether the client has not hung up."""
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


@dataclass
class Rule:
    """Responses to requests with a method and a path; the first rule with a response decides.

    Attributes:
        path: Pattern of the path, such as `/posts/*`.
        action: Returns the bytes of the response, or None to leave the request to later rules.
        numbers: Matching requests that are affected, counted from 1; None for all.
        seen: Number of matching requests.
    """

    method: str
    path: str
    action: Action
    numbers: Collection[int] | None = None
    seen: int = 0


@dataclass
class RuleProxy:
    """Forwards requests to the emulator as its rules and filters say.

    Attributes:
        is_down: Whether every connection is closed without a response.
        rules: Rules in the order they are tried.
        request_filters: Changes of forwarded requests, as a server would change what it stores.
        response_filters: Changes of responses.
        received: All requests so far.
    """

    emulator_app: Application
    is_down: bool = False
    rules: list[Rule] = field(default_factory=list)
    request_filters: list[Callable[[Request], Request]] = field(default_factory=list)
    response_filters: list[Callable[[Request, Response], Response]] = field(default_factory=list)
    received: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.stopped = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{_API}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def on(
        self, method: str, path: str, action: Action, numbers: Iterable[int] | None = None
    ) -> Rule:
        """Add a rule."""
        rule = Rule(method, path, action, None if numbers is None else set(numbers))
        self.rules.append(rule)
        return rule

    def recover(self) -> None:
        """Drop all rules and serve again; filters stay."""
        self.rules.clear()
        self.is_down = False

    def writes(self, path: str = "*") -> list[Request]:
        """All writes so far to paths that match a pattern."""
        return [
            request
            for request in self.received
            if request.method != "GET" and fnmatch.fnmatchcase(request.path, path)
        ]

    def forward(self, request: Request) -> Response:
        """Forward `request` through the filters, and return the filtered response."""
        sent = request
        for change in self.request_filters:
            sent = change(sent)
        response = _call_app(self.emulator_app, sent)
        for filter_response in self.response_filters:
            response = filter_response(request, response)
        return response

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
        # The client may hang up early.
        with connection, suppress(ConnectionError):
            request = _read_request(connection)
            if request is None or self.is_down:
                return
            self.received.append(request)
            connection.sendall(self._respond(request, Exchange(self, connection)))

    def _respond(self, request: Request, exchange: Exchange) -> bytes:
        for rule in list(self.rules):
            if rule.method not in {"*", request.method}:
                continue
            if not fnmatch.fnmatchcase(request.path, rule.path):
                continue
            with self._lock:
                rule.seen += 1
                is_affected = rule.numbers is None or rule.seen in rule.numbers
            reply = rule.action(request, exchange) if is_affected else None
            if reply is not None:
                return reply
        return self.forward(request).to_bytes()


def lose_response(then: Callable[[], None] = lambda: None) -> Action:
    """Carry the request out and close the connection without a response, after `then`."""

    def act(request: Request, exchange: Exchange) -> bytes:
        exchange.forward(request)
        then()
        return DROP

    return act


def lose_request(request: Request, exchange: Exchange) -> bytes:
    """Close the connection without carrying the request out."""
    del request, exchange
    return DROP


def outage(request: Request, exchange: Exchange) -> bytes:
    """Carry the request out, lose the response, and respond to nothing until `recover`."""
    exchange.forward(request)
    exchange.proxy.is_down = True
    return DROP


def lose_responses_and_lists(proxy: RuleProxy, path: str) -> None:
    """Carry out each POST to `path` and lose its response; from the first on, nothing is read."""
    lost = proxy.on("POST", path, lose_response())

    def refuse_after_write(request: Request, exchange: Exchange) -> bytes | None:
        del request, exchange
        return DROP if lost.seen else None

    proxy.on("GET", "*", refuse_after_write)


def respond_after_commit(status: int, body: Mapping[str, Any], **headers: str) -> Action:
    """Carry the request out and respond with an error."""

    def act(request: Request, exchange: Exchange) -> bytes:
        exchange.forward(request)
        return error_response(status, body, **headers)

    return act


def refuse(status: int, body: Mapping[str, Any], **headers: str) -> Action:
    """Respond with an error without carrying the request out."""

    def act(request: Request, exchange: Exchange) -> bytes:
        del request, exchange
        return error_response(status, body, **headers)

    return act


def error_response(status: int, body: Mapping[str, Any], **headers: str) -> bytes:
    """Return the bytes of an error; underscores in header names become dashes."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = {"content-type": "application/json", **names}
    return Response(status, content, json.dumps(body).encode()).to_bytes()


def stay_silent(seconds: float) -> Action:
    """Accept the request and send nothing for `seconds`, or until the client hangs up."""

    def act(request: Request, exchange: Exchange) -> bytes:
        del request
        for _ in range(int(seconds / 0.05)):
            if exchange.proxy.stopped.wait(0.05) or not exchange.is_open():
                break
        return DROP

    return act


def trickle(seconds: float, on_byte: Callable[[], None] = lambda: None) -> Action:
    """Carry the request out and send a byte every 50 ms for `seconds`; it never completes."""

    def act(request: Request, exchange: Exchange) -> bytes:
        response = exchange.forward(request)
        content = replace(response, body=response.body + b" " * 100_000).to_bytes()
        head, _, body = content.partition(b"\r\n\r\n")
        exchange.send(head + b"\r\n\r\n")
        for number in range(int(seconds / 0.05)):
            exchange.send(body[number : number + 1])
            on_byte()
            if exchange.proxy.stopped.wait(0.05):
                break
        return DROP

    return act


def delay(seconds: float) -> Action:
    """Carry the request out and respond after `seconds`."""

    def act(request: Request, exchange: Exchange) -> bytes:
        response = exchange.forward(request)
        exchange.proxy.stopped.wait(seconds)
        return response.to_bytes()

    return act


def without_idempotency(request: Request) -> Request:
    """Filter of a server that ignores idempotency keys."""
    headers = {k: v for k, v in request.headers.items() if k != "idempotency-key"}
    return replace(request, headers=headers)


def change_text(change: Callable[[str], str]) -> Callable[[Request], Request]:
    """Return the filter of a server that stores a changed text."""

    def apply(request: Request) -> Request:
        body = request.json if request.headers.get("content-type") == "application/json" else {}
        if request.method != "POST" or not isinstance(body.get("message"), str):
            return request
        return replace(
            request, body=json.dumps({**body, "message": change(body["message"])}).encode()
        )

    return apply


def replace_body(path: str, body: bytes) -> Callable[[Request, Response], Response]:
    """Make a filter that replaces the body of responses to writes to `path`."""

    def apply(request: Request, response: Response) -> Response:
        if request.method == "GET" or request.path != path:
            return response
        return replace(response, body=body)

    return apply


def lagging_lists(clock: ManualClock, seconds: float) -> Callable[[Request, Response], Response]:
    """Return the filter of a server whose lists lack what is newer than `seconds`."""

    def apply(request: Request, response: Response) -> Response:
        if request.method != "GET" or response.status != 200:
            return response
        newest = clock.now() - timedelta(seconds=seconds)
        body = response.json
        return response.with_json(
            {
                name: [item for item in value if _created_at(item) <= newest]
                if isinstance(value, list)
                else value
                for name, value in body.items()
            }
        )

    return apply


def short_lists(size: int) -> Callable[[Request, Response], Response]:
    """Return the filter of a server that lists at most `size` posts, without a cursor."""

    def apply(request: Request, response: Response) -> Response:
        if request.method != "GET" or not request.path.startswith("/posts/"):
            return response
        body = response.json
        return response.with_json(
            {k: value[:size] if isinstance(value, list) else value for k, value in body.items()}
        )

    return apply


def change_response(
    path: str, change: Callable[[Any], None]
) -> Callable[[Request, Response], Response]:
    """Return a filter that changes the JSON of successful responses to `path` in place."""

    def apply(request: Request, response: Response) -> Response:
        if not fnmatch.fnmatchcase(request.path, path) or response.status >= 300:
            return response
        body = response.json
        change(body)
        return response.with_json(body)

    return apply


def without_date(request: Request, response: Response) -> Response:
    """Filter of a server that sends no `Date`."""
    del request
    return replace(response, headers={k: v for k, v in response.headers.items() if k != "date"})


def _created_at(item: Any) -> datetime:
    texts = [item[name] for name in _TIMES if isinstance(item, dict) and item.get(name)]
    if not texts:
        return datetime.min.replace(tzinfo=UTC)
    return max(datetime.fromisoformat(str(text)) for text in texts)


def _call_app(app: Application, request: Request) -> Response:
    """Return the response of an application in this process: HTTP would take twice the time."""
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method, "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(_API + request.path).decode("latin-1"),
        "QUERY_STRING": request.query, "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr, "wsgi.input_terminated": True,
    }  # fmt: skip
    for name, value in request.headers.items():
        if name not in {"content-type", "content-length"}:
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    received = app(environ)
    headers = {name.lower(): value for name, value in received.header_list}
    return Response(received.status, headers, received.body)


def _read_request(connection: socket.socket) -> Request | None:
    with connection.makefile("rb") as stream:
        words = stream.readline().decode().split()
        if len(words) < 2:
            return None
        headers = {}
        while (line := stream.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        body = stream.read(length)
        if len(body) < length:
            return None
    parts = urlsplit(words[1])
    return Request(words[0], parts.path.removeprefix(_API), parts.query, headers, body)
