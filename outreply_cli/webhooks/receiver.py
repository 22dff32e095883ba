"""Deliveries received: judged, stored, answered; then passed on and told of.

Reference: Signature verification, Retries & auto-disable.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.net.deliver import DeliveryResult
from outreply_cli.net.server.hanging_up import drop_connection
from outreply_cli.net.server.response import Response, json_response
from outreply_cli.spec.events import fits
from outreply_cli.webhooks.event import Event, EventError, body_digest, parse_event
from outreply_cli.webhooks.forward import Forwarder, ForwardTarget
from outreply_cli.webhooks.mock_responses import ResponseScript, ScriptedResponse
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.signature import Tolerance, verify_signature
from outreply_cli.webhooks.store import DeliveryStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BODY_BYTES_MAX = 1024 * 1024
_REJECTED_BYTES_KEPT = 64 * 1024
_NAME_CHARACTERS = 100
_TAKEN = "outreply.taken"


@dataclass(frozen=True)
class ReceiverConfig:
    """What is taken, and from whom.

    Attributes:
        secrets: Ours; any will do. None of them: nothing is verified.
        path: Where deliveries are posted.
        events: Patterns of the events that matter; none for all of them.
        tolerance: What is asked of the timestamp.
        forwards_duplicates: Whether a redelivery is passed on again.
        relays_status: Whether the sender waits for the first target's own answer.
    """

    secrets: Sequence[str]
    path: str = "/"
    events: Sequence[str] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    forwards_duplicates: bool = False
    relays_status: bool = False

    def wants(self, event: str) -> bool:
        """Whether an event matters."""
        return fits(event, self.events)


@dataclass(frozen=True)
class Received:
    """A delivery that has been answered.

    Attributes:
        arrival: As it is stored.
        event: What it says; None where it is bad or says nothing.
        status: What it was answered; None where the connection was dropped.
        milliseconds: From its last byte to our answer.
        is_wanted: Whether its event matters here.
        forward: How the target took it whose answer the sender waited for.
    """

    arrival: IncomingDelivery
    event: Event | None
    status: int | None
    milliseconds: float
    is_wanted: bool
    forward: tuple[str, DeliveryResult] | None = None


@dataclass
class _Taken:
    """A delivery that has been judged, on its way to its answer.

    Attributes:
        began: Of `time.perf_counter`.
        scripted: What it is answered on purpose; None for a bad one.
        refusal: Its answer if it could not be stored.
    """

    began: float
    arrival: IncomingDelivery
    event: Event | None
    scripted: ScriptedResponse | None
    is_wanted: bool
    refusal: Response | None = None


class Receiver:
    """The application behind the receiver's socket.

    Args:
        inbox: Where deliveries are kept.
        terms: What is taken.
        answering: What good ones are answered.
        clock: The present.
        tell: Called with each delivery after it is answered or about to be, from any thread.
        targets: Where good ones are passed on.
        forwarders: Who does that; woken when there is something to do.
        inspect: Answers what is asked below `/_inspect`; None for nobody.
    """

    def __init__(
        self,
        inbox: DeliveryStore,
        *,
        terms: ReceiverConfig,
        answering: ResponseScript,
        clock: Clock,
        tell: Callable[[Received], None],
        targets: Sequence[ForwardTarget] = (),
        forwarders: Sequence[Forwarder] = (),
        inspect: "Callable[[WSGIEnvironment], Response | None] | None" = None,
    ) -> None:
        self._inbox, self._terms, self._answering = inbox, terms, answering
        self._clock, self._tell, self._inspect = clock, tell, inspect
        # The first one is passed on to at once where the sender waits for it.
        self._waited_for = targets[0] if targets and terms.relays_status else None
        queued = targets[1:] if self._waited_for else targets
        self._queued = [target.name for target in queued]
        self._forwarders = forwarders

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment") -> Response:
        path, method = environ["PATH_INFO"] or "/", environ["REQUEST_METHOD"]
        if path == self._terms.path and method == "POST":
            return self._turned_away(environ) or self._receive(environ)
        if path == "/healthz":
            if method in {"GET", "HEAD"}:
                return json_response(200, {"status": "ok"}, {})
            return _refusal(405, "Use GET", {"Allow": "GET, HEAD"})
        if path.startswith("/_inspect") and self._inspect is not None:
            found = self._inspect(environ)
            if found is not None:
                return found
        if path == self._terms.path:
            return _refusal(405, "Deliveries are sent with POST", {"Allow": "POST"})
        return _refusal(404, f"Deliveries are taken at {self._terms.path}")

    def store_batch(self, environs: "Sequence[WSGIEnvironment]") -> list[bool]:
        """Judge and store the deliveries among requests that came together, in one write.

        Returns:
            Of each request whether it can be answered without waiting for anybody.
        """
        took = [self._take(environ) if self._is_delivery(environ) else None for environ in environs]
        taken = [each for each in took if each is not None]
        refusal = None
        try:
            self._inbox.store([each.arrival for each in taken])
        except StorageError as problem:
            # Nothing that is not on the disk is acknowledged: it will be sent again.
            refusal = _refusal(503, str(problem))
        for environ, each in zip(environs, took, strict=True):
            if each is not None:
                each.refusal = refusal
                environ[_TAKEN] = each
        return [each is not None and self._is_quick(each) for each in took]

    def _is_delivery(self, environ: "WSGIEnvironment") -> bool:
        return (
            environ["REQUEST_METHOD"] == "POST"
            and (environ["PATH_INFO"] or "/") == self._terms.path
            and self._turned_away(environ) is None
        )

    def _turned_away(self, environ: "WSGIEnvironment") -> Response | None:
        # A browser says whose page sends. Where nothing is verified, any page that somebody looks
        # at could deliver here.
        if not self._terms.secrets and "HTTP_ORIGIN" in environ:
            return _refusal(403, "A page in a browser delivers nothing")
        if int(environ.get("CONTENT_LENGTH") or 0) > BODY_BYTES_MAX:
            return _refusal(413, "A delivery is at most 1 MiB")
        return None

    def _is_quick(self, taken: "_Taken") -> bool:
        waits = taken.scripted is not None and taken.scripted.delay > 0
        return not waits and (self._waited_for is None or not taken.is_wanted)

    def _take(self, environ: "WSGIEnvironment") -> "_Taken":
        began = time.perf_counter()
        arrival, event = self._judge(
            environ["wsgi.input"].read(), request_headers(environ), environ
        )
        is_good = arrival.is_verified and event is not None
        scripted = self._answering.next() if is_good else None
        if scripted is not None:
            arrival.status = scripted.status
        is_wanted = is_good and self._terms.wants(arrival.event)
        if is_wanted:
            arrival.targets = self._queued
        return _Taken(began, arrival, event, scripted, is_wanted)

    def _receive(self, environ: "WSGIEnvironment") -> Response:
        if _TAKEN not in environ:
            self.store_batch([environ])
        taken: _Taken = environ[_TAKEN]
        if taken.refusal is not None:
            return taken.refusal
        arrival, scripted = taken.arrival, taken.scripted
        forward = self._pass_on(arrival) if taken.is_wanted else None
        if forward is not None:
            arrival.status = _status_of(forward[1])
            self._inbox.record_status(arrival.number, arrival.status)
        if scripted is not None and scripted.delay:
            self._clock.sleep(scripted.delay)
        dropped = scripted is not None and scripted.is_dropped
        received = Received(
            arrival, taken.event, None if dropped else arrival.status,
            (time.perf_counter() - taken.began) * 1000, taken.is_wanted, forward,
        )  # fmt: skip
        self._tell(received)
        if taken.is_wanted and not arrival.is_duplicate:
            for forwarder in self._forwarders:
                forwarder.wake()
        if dropped:
            drop_connection()
        return _answer_to(arrival)

    def _judge(
        self, body: bytes, headers: Sequence[tuple[str, str]], environ: Mapping[str, Any]
    ) -> tuple[IncomingDelivery, Event | None]:
        now = self._clock.now().timestamp()
        reason: str | None = None
        if self._terms.secrets:
            verdict = verify_signature(
                body,
                environ.get("HTTP_X_OUTREPLY_SIGNATURE"),
                self._terms.secrets,
                timestamp=environ.get("HTTP_X_OUTREPLY_TIMESTAMP"),
                tolerance=self._terms.tolerance,
                now=now,
            )
            reason = verdict.reason
        if reason is not None:
            told = environ.get("HTTP_X_OUTREPLY_EVENT", "")
            refused = IncomingDelivery(
                body_digest(body), now, _printable(told), is_verified=False, reason=str(reason),
                status=401, headers=headers, body=body[:_REJECTED_BYTES_KEPT],
            )  # fmt: skip
            return refused, None
        try:
            event = parse_event(body)
        except EventError as problem:
            wrong = IncomingDelivery(
                body_digest(body), now, "", is_verified=False, reason=problem.message, status=400,
                headers=headers, body=body[:_REJECTED_BYTES_KEPT],
            )  # fmt: skip
            return wrong, None
        return IncomingDelivery(
            event.key, now, _printable(event.name), is_verified=True, reason=None, status=200,
            headers=headers, body=body,
            duplicates_too=self._terms.forwards_duplicates,
        ), event  # fmt: skip

    def _pass_on(self, arrival: IncomingDelivery) -> tuple[str, DeliveryResult] | None:
        target = self._waited_for
        if target is None:
            return None
        # A redelivery goes on too: the sender tries again because the target refused it.
        outcome = target.send(self._inbox.find(f"#{arrival.number}"))
        self._inbox.record_sync_forward(
            arrival.number,
            target.name,
            status=outcome.status,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
        )
        return target.name, outcome


def request_headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A request's headers, named as HTTP names them."""
    found = [
        (_header_name(name), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    if environ.get("CONTENT_TYPE"):
        found.append(("Content-Type", str(environ["CONTENT_TYPE"])))
    return found


@lru_cache(1_000)
def _header_name(name: str) -> str:
    return name[5:].replace("_", "-").title().replace("Outreply", "OutReply")


def _answer_to(arrival: IncomingDelivery) -> Response:
    if arrival.reason is not None:
        return _refusal(arrival.status, arrival.reason)
    told = {"received": True, "id": arrival.id, "duplicate": arrival.is_duplicate}
    return Response(arrival.status, json.dumps(told).encode(), {})


def _status_of(outcome: DeliveryResult) -> int:
    return outcome.status if outcome.status is not None else 502


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps({"error": why}).encode(), headers or {})


def _printable(text: str) -> str:
    return text if text.isprintable() and len(text) <= _NAME_CHARACTERS else ""
