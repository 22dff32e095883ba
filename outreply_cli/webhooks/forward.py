"""Forwarding of deliveries: to URLs in order with retries, or to commands in parallel."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.net.deliver import DeliveryResult, deliver, validate_url
from outreply_cli.net.ssrf import Reach
from outreply_cli.subprocesses import resolve_command, run_command, strip_secrets
from outreply_cli.webhooks.models import Delivery, QueuedDelivery
from outreply_cli.webhooks.store import DeliveryStore

RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
_POLL_SECONDS = 0.2


class ForwardTarget(Protocol):
    """A receiver of forwarded deliveries, named in the queue and in messages."""

    name: str
    concurrency: int
    retry_seconds: Sequence[float]

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Forward a delivery; failures of the target are returned, not raised."""


class UrlTarget:
    """A URL that gets the raw body and the original headers, in order.

    Raises:
        InvalidInputError: The URL is invalid or not allowed.
    """

    concurrency = 1
    retry_seconds: Sequence[float] = RETRY_SECONDS

    def __init__(self, url: str, *, reach: Reach = Reach.PRIVATE) -> None:
        self.name = validate_url(url, "--forward-to", reach=reach)
        self._reach = reach

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Forward a delivery."""
        return deliver(self.name, delivery.body, delivery.headers, reach=self._reach)


class CommandTarget:
    """A command, run once per event without a shell, that gets the body on stdin.

    Raises:
        InvalidInputError: The command cannot be run.
    """

    retry_seconds: Sequence[float] = ()

    def __init__(
        self, line: str, environ: Mapping[str, str], *, concurrency: int, timeout: float,
        hidden: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._words = resolve_command(line, "--exec", environ)
        self.name = f"exec:{line}"
        self.concurrency = concurrency
        self._timeout = timeout
        self._environ = strip_secrets(environ, hidden)

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Run the command; exit code 0 counts as status 200, others as 500."""
        started_at = time.monotonic()
        variables = {"OUTREPLY_EVENT": delivery.event, "OUTREPLY_DELIVERY": delivery.id}
        was_started, error = run_command(
            self._words, {**self._environ, **variables}, delivery.body, timeout=self._timeout
        )
        if not was_started:
            return DeliveryResult(None, error, 0.0)
        milliseconds = (time.monotonic() - started_at) * 1000
        return DeliveryResult(200 if error is None else 500, error, milliseconds)


@dataclass(frozen=True)
class ForwardAttempt:
    """An attempt to forward a delivery.

    Attributes:
        attempt: Number of the attempt, from 1.
        retry_in: Seconds until the next attempt; None for no further attempt.
    """

    delivery: Delivery
    target: str
    result: DeliveryResult
    attempt: int
    retry_in: float | None


class Forwarder:
    """Background threads that send a target's queue; `report` is called from them."""

    def __init__(
        self,
        store: DeliveryStore,
        target: ForwardTarget,
        clock: Clock,
        report: Callable[[ForwardAttempt], None],
    ) -> None:
        self._store, self._target, self._clock, self._report = store, target, clock, report
        self._stopped = threading.Event()
        self._wakeup = threading.Condition()
        self._in_flight: set[int] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"forward {target.name}", daemon=True)
            for _ in range(target.concurrency)
        ]

    def start(self) -> None:
        """Start with what earlier runs left in the queue."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Check the queue now."""
        with self._wakeup:
            self._wakeup.notify_all()

    def stop(self) -> None:
        """Start no further attempts; the queue is kept."""
        self._stopped.set()
        self.wake()

    def join(self, seconds: float) -> None:
        """Wait up to `seconds` for attempts in flight."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._wakeup:
                try:
                    queued = self._claim()
                except StorageError:
                    # The queue cannot be read now; it is kept.
                    queued = None
                if queued is None:
                    self._wakeup.wait(_POLL_SECONDS)
                    continue
            try:
                self._attempt(queued)
            except StorageError:
                # The result was not recorded, so the delivery may be sent again.
                self._stopped.wait(_POLL_SECONDS)
            finally:
                with self._wakeup:
                    self._in_flight.discard(queued.number)

    def _claim(self) -> QueuedDelivery | None:
        queued = self._store.next_pending(self._target.name, self._in_flight)
        if queued is None or queued.due_at > self._clock.now().timestamp():
            return None
        self._in_flight.add(queued.number)
        return queued

    def _attempt(self, queued: QueuedDelivery) -> None:
        result = self._target.send(queued.delivery)
        delays = self._target.retry_seconds
        will_retry = not result.is_accepted and queued.attempts < len(delays)
        retry_in = delays[queued.attempts] if will_retry else None
        due_at = None if retry_in is None else self._clock.now().timestamp() + retry_in
        self._store.record_forward(queued, result, due_at)
        attempt = queued.attempts + 1
        self._report(ForwardAttempt(queued.delivery, self._target.name, result, attempt, retry_in))
