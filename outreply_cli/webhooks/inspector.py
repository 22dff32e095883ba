"""The web page under `/_inspect`: deliveries as they arrive, responses of targets, and the queue.

It is served only to browsers on this machine, under a local host name. As requests through a tunnel
can look local, and other sites can send forms to it, its address ends in a random token.
"""

import hmac
import secrets as randomness
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from outreply_cli.clock import Clock
from outreply_cli.errors import InvalidInputError, OutReplyError, StorageError
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.html import render_fragment, render_page
from outreply_cli.net.server.host_check import is_allowed_host, is_forwarded
from outreply_cli.net.server.peer import is_other_user
from outreply_cli.net.server.response import Response, SseResponse, SseStream
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks.conditions import parse_conditions
from outreply_cli.webhooks.event import check_complete, is_selected
from outreply_cli.webhooks.inspector_view import delivery_details, difference, template_functions
from outreply_cli.webhooks.models import OPEN_STATES, Attempt, Delivery
from outreply_cli.webhooks.redaction import redact_result
from outreply_cli.webhooks.samples import delivery_headers
from outreply_cli.webhooks.store import DeliveryNotFoundError, DeliveryStore, HistoryEntry

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PREFIX = "/_inspect"
_PAGE_ROWS = 100
_MAX_ROWS = 1_000
_MAX_QUEUE_ROWS = 200
_MAX_FORM_BYTES = 2 * 1024 * 1024
_LOOPBACK = ("127.", "::1")
_POLL_SECONDS = 0.5
_KEEP_ALIVE_POLLS = 20
# Open streams are connections that deliveries cannot use.
_MAX_STREAMS = 50
_FILTERS = {"": "All", "failed": "Not forwarded", "invalid": "Invalid", "queue": "Queue"}


@dataclass(frozen=True)
class InspectorSettings:
    """Settings of the inspector.

    Attributes:
        zone: Time zone of the page.
        secret_names: Names of the receiver's secrets, in their order.
        reach: Targets that the page may send deliveries to.
    """

    zone: tzinfo = UTC
    secret_names: Sequence[str] = ()
    reach: Reach = Reach.PRIVATE


class Inspector:
    """The application under `/_inspect`.

    Args:
        store: The deliveries.
        secrets: Secrets that explain signatures and sign edited deliveries; they are never shown.
        targets: Names of the forward targets.
        clock: Clock for the times of replays.
        settings: The settings.

    Attributes:
        root: Path of the page; ends in a token that is new for each receiver.
        addresses: Addresses that the receiver listens on; browsers of this machine also use them.
        netloc: Host and port in the address of the page.
    """

    def __init__(
        self,
        store: DeliveryStore,
        secrets: Sequence[str],
        targets: Sequence[str],
        clock: Clock,
        settings: InspectorSettings,
    ) -> None:
        self._store, self._secrets, self._targets = store, secrets, targets
        self._clock, self._secret_names = clock, settings.secret_names
        self._zone, self._reach = settings.zone, settings.reach
        self.root = f"{_PREFIX}/{randomness.token_urlsafe(16)}"
        self.addresses: Sequence[str] = ()
        self.netloc = ""
        self._feed = _ChangeFeed(store)

    def close(self) -> None:
        """Stop reporting changes."""
        self._feed.close()

    def wake(self) -> None:
        """Report a change now; safe to call from any thread."""
        self._feed.wake()

    def is_stream(self, environ: "WSGIEnvironment") -> bool:
        """Whether a request asks for the stream of changes, and may read it."""
        return (
            self._page_name(environ) == "events"
            and environ["REQUEST_METHOD"] == "GET"
            and self._is_local(environ)
        )

    def open_stream(self) -> Response:
        """A stream with an event for each change; must not block, as the event loop calls it."""
        if self._feed.count() >= _MAX_STREAMS:
            return Response(503, b"", {"Cache-Control": "no-store"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return SseResponse(headers, self._feed.add)

    def __call__(self, environ: "WSGIEnvironment") -> Response | None:
        """The response; None for other paths, and for clients elsewhere."""
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if (path != _PREFIX and not path.startswith(f"{_PREFIX}/")) or not self._is_local(environ):
            return None
        name = self._page_name(environ)
        if name is None:
            return _message("Not found", "Open the URL that the receiver printed.", 404)
        if method not in {"GET", "HEAD", "POST"}:
            return _message("Refused", "Use GET or POST.", 405)
        query = _parse_form(environ.get("QUERY_STRING", ""))
        try:
            if method == "POST":
                return self._change(name, environ)
            return self._show(name, query)
        except DeliveryNotFoundError as error:
            return _message("Not found", error.message, 404)
        except OutReplyError as error:
            status = 500 if isinstance(error, StorageError) else 400
            return _message("Failed", error.message, status)

    def _is_local(self, environ: "WSGIEnvironment") -> bool:
        """Whether a request seems to come from this user's browser on this machine."""
        address = str(environ.get("REMOTE_ADDR", ""))
        # Requests through a tunnel come from loopback too, but most have the tunnel's host name or
        # the headers of a proxy.
        return (
            (address.startswith(_LOOPBACK) or address in self.addresses)
            and self._is_own_host(environ.get("HTTP_HOST", ""))
            and not is_forwarded(environ)
            and not is_other_user(environ)
        )

    def _is_own_host(self, netloc: str) -> bool:
        return is_allowed_host(netloc, "127.0.0.1") or netloc.lower() == self.netloc.lower()

    def _page_name(self, environ: "WSGIEnvironment") -> str | None:
        """Part of the path of a request after the root; None without the root."""
        path = environ["PATH_INFO"]
        root, rest = path[: len(self.root)], path[len(self.root) :]
        if not hmac.compare_digest(root.encode(), self.root.encode()):
            return None
        return None if rest and not rest.startswith("/") else rest.strip("/")

    def _show(self, name: str, query: Mapping[str, str]) -> Response:
        fragment = query.get("fragment")
        if fragment == "list":
            return render_fragment("inspector_list.html", **self._list(query, name))
        details = self._details(name, query) if name else None
        if fragment == "delivery" and details is not None:
            return render_fragment("inspector_details.html", **self._frame(), details=details)
        return render_page(
            "inspector.html",
            **self._list(query, name),
            details=details,
            events=sorted({*self._store.event_names()} - {""}),
        )

    def _frame(self) -> dict[str, Any]:
        targets = [target for target in self._targets if not target.startswith("exec:")]
        return {
            "root": self.root,
            "targets": self._targets,
            "default_url": targets[0] if targets else "",
            "can_sign": bool(self._secrets),
            **template_functions(self._zone),
        }

    def _list(self, query: Mapping[str, str], selected: str) -> dict[str, Any]:
        text, event, kind = (query.get(name, "") for name in ("q", "event", "show"))
        limit = _parse_limit(query.get("limit", ""))
        problem = None
        rows: list[HistoryEntry] = []
        if kind != "queue":
            try:
                predicate = _parse_search(text)
            except InvalidInputError as error:
                problem, predicate = error.message, None
            rows = self._store.history(
                limit=limit + 1, event=event or None, only_failed=kind == "failed",
                only_invalid=kind == "invalid", predicate=predicate,
            )  # fmt: skip
        return {
            **self._frame(),
            "rows": rows[:limit],
            "more": min(limit * 2, _MAX_ROWS) if len(rows) > limit and limit < _MAX_ROWS else None,
            "queued": self._store.queue(limit=_MAX_QUEUE_ROWS) if kind == "queue" else (),
            "queue_lengths": self._store.queue_lengths(),
            "problem": problem,
            "selected": selected,
            "filters": _FILTERS,
            "search": {"q": text, "event": event, "show": kind},
            "query": urlencode({
                name: query[name]
                for name in ("q", "event", "show", "limit")
                if query.get(name)
            }),
        }  # fmt: skip

    def _details(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        delivery = self._store.find(f"#{name}")
        forwards = self._store.forwards(delivery.number)
        other = query.get("compare", "").removeprefix("#")
        return {
            **delivery_details(delivery, secrets=self._secrets, secret_names=self._secret_names),
            "queued": [forward for forward in forwards if forward.state in OPEN_STATES],
            "attempts": self._store.attempts(delivery.number),
            "compare": other,
            "changes": difference(self._store.find(f"#{other}"), delivery) if other else None,
        }

    def _change(self, name: str, environ: "WSGIEnvironment") -> Response:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not self._is_own_host(urlsplit(str(origin)).netloc):
            return _message("Refused", "The request came from another site.", 403)
        form = _parse_form(
            environ["wsgi.input"].read(_MAX_FORM_BYTES).decode("utf-8", "replace"), blanks=True
        )
        operation = form.get("operation", "")
        now = self._clock.now().timestamp()
        if name == "queue":
            self._change_queue(operation, form, now)
            return _redirect(f"{self.root}?show=queue")
        delivery = self._store.find(f"#{name}")
        if operation == "forward":
            self._forward(delivery, form.get("to", ""), now)
        elif operation == "send":
            self._send(delivery, form, now)
        else:
            return _message("Failed", "Unknown operation.", 400)
        return _redirect(f"{self.root}/{quote(name)}")

    def _forward(self, delivery: Delivery, target: str, now: float) -> None:
        if not delivery.is_verified:
            raise InvalidInputError("an invalid delivery cannot be forwarded")
        if target not in self._targets:
            raise InvalidInputError("this receiver does not forward to that target")
        self._store.requeue(delivery, target, now)
        self.wake()

    def _send(self, delivery: Delivery, form: Mapping[str, str], now: float) -> None:
        url = validate_url(form.get("to", ""), "URL", reach=self._reach)
        body, headers = delivery.body, list(delivery.headers)
        edited = form.get("body")
        if edited is None:
            check_complete(delivery)
        else:
            if not self._secrets:
                raise InvalidInputError(
                    "cannot sign the edited delivery: this receiver has no secret"
                )
            # Browsers send line breaks as CR LF.
            body = edited.replace("\r\n", "\n").encode("utf-8", "surrogatepass")
            headers = delivery_headers(body, delivery.event, self._secrets[0], self._clock.now())
        result = redact_result(deliver(url, body, headers, reach=self._reach), self._secrets)
        attempt = Attempt(url, now, result)
        self._store.record_replay(delivery.number, attempt, is_unchanged=edited is None)
        self.wake()

    def _change_queue(self, operation: str, form: Mapping[str, str], now: float) -> None:
        target, number = form.get("target", ""), form.get("number", "")
        forwards = [
            forward
            for forward in self._store.queued_forwards(target=target)
            if operation == "clear" or str(forward.number) == number
        ]
        if operation not in {"skip", "clear", "retry"}:
            raise InvalidInputError("unknown operation")
        change = self._store.retry if operation == "retry" else self._store.skip
        change(forwards, now)
        self.wake()


class _ChangeFeed:
    """Reports changes of a store to open streams, from a thread that runs while there are any."""

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._streams: list[SseStream] = []
        self._wakeup = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def add(self, stream: SseStream) -> None:
        """Report changes to a stream until it is closed."""
        with self._lock:
            self._streams.append(stream)
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(
                    target=self._run, name="inspector changes", daemon=True
                )
                self._thread.start()
        self._wakeup.set()

    def count(self) -> int:
        """The number of open streams."""
        with self._lock:
            return sum(not stream.is_closed for stream in self._streams)

    def wake(self) -> None:
        """Check for changes now."""
        if self._thread is not None:
            self._wakeup.set()

    def close(self) -> None:
        """Stop the thread."""
        self._is_closed = True
        self._wakeup.set()

    def _run(self) -> None:
        version: Any = None
        polls = 0
        while not self._is_closed:
            # Deliveries that arrive together are one change.
            self._wakeup.wait(_POLL_SECONDS)
            self._wakeup.clear()
            with self._lock:
                self._streams = [stream for stream in self._streams if not stream.is_closed]
                streams = list(self._streams)
                if not streams:
                    self._thread = None
                    return
            current = version
            with suppress(StorageError):
                current = self._store.version()
            polls += 1
            for stream in streams:
                if current != version:
                    stream.send("change", str(current[0] or 0))
                elif polls % _KEEP_ALIVE_POLLS == 0:
                    stream.keep_alive()
            version = current
            if not self._is_closed:
                self._wakeup.wait(_POLL_SECONDS / 5)


def _parse_search(text: str) -> Callable[[Delivery], bool] | None:
    """The filter in a search: conditions such as `event=post.*`, or any other text.

    Raises:
        InvalidInputError: A condition is malformed, or its event unknown.
    """
    text = text.strip()
    if not text:
        return None
    if "=" in text:
        return partial(is_selected, conditions=parse_conditions(text, "Search"))
    return partial(_contains, text=text.casefold())


def _contains(delivery: Delivery, text: str) -> bool:
    searched = f"{delivery.id} {delivery.event} {delivery.body.decode('utf-8', 'replace')}"
    return text in searched.casefold()


def _parse_form(text: str, *, blanks: bool = False) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=blanks).items()}


def _parse_limit(text: str) -> int:
    # Python refuses to read numbers with thousands of digits.
    if not text.isdecimal() or len(text) > len(str(_MAX_ROWS)):
        return _PAGE_ROWS
    return max(1, min(int(text), _MAX_ROWS))


def _redirect(location: str) -> Response:
    return Response(303, b"", {"Location": location})


def _message(title: str, message: str, status: int) -> Response:
    return render_page("message.html", status=status, title=title, message=message)
