"""The webhook receiver: verifies, stores, acknowledges and reports each delivery.

Reference: Signature verification, Retries & auto-disable.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.net.server.host_check import is_from_private_network
from outreply_cli.net.server.response import Response, json_response
from outreply_cli.net.server.server import Respond, WorkerPool
from outreply_cli.spec.events import matches
from outreply_cli.webhooks.conditions import Conditions
from outreply_cli.webhooks.event import Event, EventError, body_digest, parse_event
from outreply_cli.webhooks.forward import Forwarder, ForwardTarget, StoreFailure
from outreply_cli.webhooks.inspector import Inspector
from outreply_cli.webhooks.metrics import CONTENT_TYPE
from outreply_cli.webhooks.mock_responses import ResponseScript
from outreply_cli.webhooks.models import Attempt, IncomingDelivery
from outreply_cli.webhooks.redaction import redact_result
from outreply_cli.webhooks.signature import Tolerance, verify_signature
from outreply_cli.webhooks.store import DeliveryStore

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_BODY_BYTES = 1024 * 1024
_TOO_LARGE = "Body exceeds 1 MiB"
_MAX_STORED_UNSIGNED_BYTES = 64 * 1024
_MAX_NAME_LENGTH = 100
_HEALTH_PATH = "/healthz"
# For responses that have to wait: for a simulated delay, or for the response of a target.
_SLOW_THREADS = 12


@dataclass(frozen=True)
class ReceiverConfig:
    """Settings of a receiver.

    Attributes:
        secrets: Signing secrets, any of which may have signed; empty to verify nothing.
        path: Path that deliveries are sent to.
        events: Patterns of the events to show and forward; empty for all.
        conditions: Conditions of the events to show and forward.
        tolerance: Requirements on the timestamp.
        forwards_duplicates: Whether a redelivery is forwarded again.
        relays_status: Whether the sender gets the first target's response.
    """

    secrets: Sequence[str]
    path: str = "/"
    events: Sequence[str] = ()
    conditions: Conditions = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    forwards_duplicates: bool = False
    relays_status: bool = False


@dataclass(frozen=True)
class Received:
    """A delivery with its response.

    Attributes:
        delivery: The delivery as stored.
        event: The event; None if the delivery is invalid.
        status: HTTP status of the response; None if the connection was dropped.
        milliseconds: Time from the last byte of the request to the response.
        matches_filter: Whether the event is one to show and forward.
        forward: Target and result, where the sender got the target's response.
    """

    delivery: IncomingDelivery
    event: Event | None
    status: int | None
    milliseconds: float
    matches_filter: bool
    forward: tuple[str, DeliveryResult] | None = None


@dataclass
class _Pending:
    """A delivery on its way to the store and its response."""

    started_at: float
    delivery: IncomingDelivery
    event: Event | None
    matches_filter: bool
    is_relayed: bool
    is_slow: bool
    respond: Respond


class Receiver:
    """The application that handles the receiver's requests.

    Deliveries are taken over in the server's loop by `accept`; everything else is handled by
    calling the receiver.

    `on_received` is called with each delivery once its response is known, and `on_failure` when the
    store fails, both from any thread.
    `forwarders` are notified after each delivery. `inspector` handles requests under `/_inspect`,
    and `measure` returns the metrics.
    """

    def __init__(
        self,
        store: DeliveryStore,
        *,
        config: ReceiverConfig,
        script: ResponseScript,
        clock: Clock,
        on_received: Callable[[Received], None],
        on_failure: Callable[[StoreFailure], None],
        targets: Sequence[ForwardTarget] = (),
        forwarders: Sequence[Forwarder] = (),
        inspector: Inspector | None = None,
        measure: Callable[[], str] | None = None,
    ) -> None:
        self._store, self._config, self._script = store, config, script
        self._clock, self._on_received, self._on_failure = clock, on_received, on_failure
        self._inspector, self._measure = inspector, measure
        # The sender waits for this target; the others have queues.
        self._relay_target = targets[0] if targets and config.relays_status else None
        self._queued_targets = targets[1:] if self._relay_target else targets
        self._forwarders = forwarders
        self._batch: list[_Pending] = []
        self._slow = WorkerPool(_SLOW_THREADS)
        # A file is written in the event loop: handing it to a thread would take longer.
        self._writer = WorkerPool(1) if store.is_remote else None
        self._is_writing = self._has_failed = False
        self._slow_responses: set[Respond] = set()

    @property
    def slow_count(self) -> int:
        """The number of senders that wait for the response of a target, or for a delayed one."""
        return len(self._slow_responses)

    def close(self) -> None:
        """Stop the threads."""
        self._slow.close()
        if self._writer is not None:
            self._writer.close()

    def accept(self, environ: "WSGIEnvironment", respond: Respond) -> bool:
        """Take over the request if it is a delivery; the response follows once it is stored.

        The inspector's stream of changes is taken over too, and so is `/healthz`, which gets a
        response even while all threads wait for handlers.
        """
        if environ["PATH_INFO"] == _HEALTH_PATH:
            respond(self._health(environ["REQUEST_METHOD"]))
            return True
        if self._inspector is not None and self._inspector.is_stream(environ):
            respond(self._inspector.open_stream())
            return True
        if environ["PATH_INFO"] != self._config.path or environ["REQUEST_METHOD"] != "POST":
            return False
        rejection = self._reject_early(environ)
        if rejection is not None:
            respond(rejection)
            return True
        started_at = time.perf_counter()
        body = environ["wsgi.input"].read()
        if len(body) > MAX_BODY_BYTES:
            respond(_refusal(413, _TOO_LARGE))
            return True
        delivery, event = self._verify(body, request_headers(environ), environ)
        # Invalid deliveries get their own response, without a simulated delay.
        if event is not None:
            delivery.status = self._script.next_status()
        matches_filter = (
            event is not None
            and matches(delivery.event, self._config.events)
            and event.meets(self._config.conditions)
        )
        is_relayed = False
        if matches_filter and event is not None:
            delivery.targets = [
                target.name for target in self._queued_targets if event.meets(target.conditions)
            ]
            relay = self._relay_target
            is_relayed = relay is not None and event.meets(relay.conditions)
        is_slow = is_relayed or (self._script.delay > 0 and event is not None)
        if is_slow:
            respond = self._count_slow(respond)
        self._batch.append(
            _Pending(started_at, delivery, event, matches_filter, is_relayed, is_slow, respond)
        )
        if len(self._batch) == 1:
            # A write to the disk costs the same for one delivery as for many: those that are read
            # in this iteration of the event loop and the next share one.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._store_batch)
        return True

    def __call__(self, environ: "WSGIEnvironment") -> Response:
        """The response to a request that is not a delivery."""
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == "/metrics" and self._measure is not None and is_from_private_network(environ):
            if method in {"GET", "HEAD"}:
                try:
                    return Response(200, self._measure().encode(), {}, CONTENT_TYPE)
                except StorageError as error:
                    return _refusal(503, str(error))
            return _refusal(405, "Use GET", {"Allow": "GET, HEAD"})
        if path.startswith("/_inspect") and self._inspector is not None:
            response = self._inspector(environ)
            if response is not None:
                return response
        if path == self._config.path:
            return _refusal(405, "Use POST", {"Allow": "POST"})
        return _refusal(404, f"Not found; send deliveries to {self._config.path}")

    def _health(self, method: str) -> Response:
        if method in {"GET", "HEAD"}:
            return json_response(200, {"status": "ok"}, {})
        return _refusal(405, "Use GET", {"Allow": "GET, HEAD"})

    def _reject_early(self, environ: "WSGIEnvironment") -> Response | None:
        # Browsers send an Origin header. Without verification, any page that is open on this
        # machine could deliver here.
        if not self._config.secrets and "HTTP_ORIGIN" in environ:
            return _refusal(403, "Requests from web pages are not accepted")
        if int(environ.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            return _refusal(413, _TOO_LARGE)
        return None

    def _count_slow(self, respond: Respond) -> Respond:
        """Count a slow response until `respond` is called."""

        def finish(response: Response | None) -> None:
            respond(response)
            self._slow_responses.discard(finish)

        self._slow_responses.add(finish)
        return finish

    def _store_batch(self) -> None:
        if self._is_writing or not self._batch:
            return
        batch, self._batch = self._batch, []
        if self._writer is None:
            self._store_and_respond(batch)
            return
        # Deliveries that arrive in the meantime form the next batch.
        self._is_writing = True
        self._writer.submit(partial(self._write, batch, asyncio.get_running_loop()))

    def _write(self, batch: Sequence[_Pending], loop: asyncio.AbstractEventLoop) -> None:
        self._store_and_respond(batch)
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(self._write_next)

    def _write_next(self) -> None:
        self._is_writing = False
        self._store_batch()

    def _store_and_respond(self, batch: Sequence[_Pending]) -> None:
        error: StorageError | None = None
        try:
            self._store.store([pending.delivery for pending in batch])
        except StorageError as failure:
            error = failure
            if not self._has_failed:
                self._on_failure(StoreFailure("deliveries are refused with 503", error.message))
        self._has_failed = error is not None
        for pending in batch:
            if error is not None:
                # The sender retries unacknowledged deliveries.
                pending.respond(_refusal(503, str(error)))
            elif pending.is_slow:
                self._slow.submit(partial(self._finish_slow, pending))
            else:
                self._finish(pending)

    def _finish_slow(self, pending: _Pending) -> None:
        try:
            forward = self._relay(pending.delivery) if pending.is_relayed else None
        except StorageError as error:
            pending.respond(_refusal(503, str(error)))
            return
        if self._script.delay:
            self._clock.sleep(self._script.delay)
        self._finish(pending, forward)

    def _finish(self, pending: _Pending, forward: tuple[str, DeliveryResult] | None = None) -> None:
        delivery, is_dropped = pending.delivery, self._script.drops and pending.event is not None
        received = Received(
            delivery, pending.event, None if is_dropped else delivery.status,
            (time.perf_counter() - pending.started_at) * 1000, pending.matches_filter, forward,
        )  # fmt: skip
        self._on_received(received)
        if delivery.queued_targets:
            for forwarder in self._forwarders:
                forwarder.wake()
        pending.respond(None if is_dropped else _response_to(delivery))

    def _verify(
        self, body: bytes, headers: Sequence[tuple[str, str]], environ: Mapping[str, Any]
    ) -> tuple[IncomingDelivery, Event | None]:
        now = self._clock.now().timestamp()
        event: Event | None = None
        reason: str | None = None
        name, status, is_signed = "", 401, True
        if self._config.secrets:
            verification = verify_signature(
                body,
                environ.get("HTTP_X_OUTREPLY_SIGNATURE"),
                self._config.secrets,
                timestamp=environ.get("HTTP_X_OUTREPLY_TIMESTAMP"),
                tolerance=self._config.tolerance,
                now=now,
            )
            reason, is_signed = verification.reason, verification.secret_index is not None
        if reason is not None:
            name = environ.get("HTTP_X_OUTREPLY_EVENT", "")
        else:
            try:
                event = parse_event(body)
                name, status = event.name, 200
            except EventError as error:
                status, reason = 400, error.message
        delivery = IncomingDelivery(
            body_digest(body) if event is None else event.key, now, _drop_unprintable(name),
            is_verified=event is not None, reason=None if reason is None else str(reason),
            status=status, headers=headers,
            # Anyone can send a body that is not signed.
            body=body if is_signed else body[:_MAX_STORED_UNSIGNED_BYTES],
            forward_if_duplicate=self._config.forwards_duplicates,
        )  # fmt: skip
        return delivery, event

    def _relay(self, delivery: IncomingDelivery) -> tuple[str, DeliveryResult] | None:
        target = self._relay_target
        # A redelivery is forwarded if the target rejected the event, but not if the sender only
        # missed the response.
        is_served = target is not None and target.name in delivery.served_targets
        if target is None or (is_served and not self._config.forwards_duplicates):
            return None
        started_at = self._clock.now().timestamp()
        result = target.send(self._store.find(f"#{delivery.number}"))
        attempt = Attempt(target.name, started_at, redact_result(result, self._config.secrets))
        delivery.status = 502 if result.status is None else result.status
        try:
            self._store.record_relay(delivery.number, attempt, delivery.status)
        except StorageError as error:
            # The sender gets the response anyway: after another one it would deliver again.
            self._on_failure(StoreFailure("a response was not recorded", error.message))
        return target.name, attempt.result


def request_headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers of a request, named as HTTP names them."""
    headers = [
        (_header_name(name), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    if environ.get("CONTENT_TYPE"):
        headers.append(("Content-Type", str(environ["CONTENT_TYPE"])))
    return headers


@lru_cache(1_000)
def _header_name(name: str) -> str:
    return name[5:].replace("_", "-").title().replace("Outreply", "OutReply")


def _response_to(delivery: IncomingDelivery) -> Response:
    if delivery.reason is not None:
        return _refusal(delivery.status, delivery.reason)
    body = {"received": True, "id": delivery.id, "duplicate": delivery.is_duplicate}
    return json_response(delivery.status, body, {})


def _refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    return json_response(status, {"error": reason}, headers or {})


def _drop_unprintable(text: str) -> str:
    return text if text.isprintable() and len(text) <= _MAX_NAME_LENGTH else ""
