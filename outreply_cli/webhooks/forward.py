"""Forwarding of deliveries: to URLs in order until they accept them, or to commands once."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.delivery_result import DeliveryResult, HandlerResponse
from outreply_cli.net.ssrf import Reach
from outreply_cli.subprocesses import CommandRunner, resolve_command, strip_secrets
from outreply_cli.webhooks.conditions import Conditions
from outreply_cli.webhooks.models import Attempt, Delivery, ForwardState, QueuedDelivery
from outreply_cli.webhooks.redaction import redact_result
from outreply_cli.webhooks.store import DeliveryStore, TargetLease, TargetTakenOverError

# Seconds before each retry at a target that rejected a delivery; the last one repeats.
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
# The same for an unreachable target: an attempt costs little, and the target may be back soon.
UNREACHABLE_SECONDS = (1.0, 2.0, 5.0)
_UNORDERED_CONCURRENCY = 8
_POLL_SECONDS = 0.2
_REMOTE_POLL_SECONDS = 1.0
_LEASE_POLL_SECONDS = 0.5
_RECORD_SECONDS = 1.0


class UrlTarget:
    """A URL that gets the raw body and the original headers.

    Attributes:
        name: Name in the queue and in messages: the URL.
        concurrency: Number of simultaneous attempts.
        is_ordered: Whether a delivery waits until the one before it was accepted.
        runs_once: Whether an attempt is recorded before it starts, and not retried automatically
            once it has started.
        conditions: Conditions of the events to forward.

    Raises:
        InvalidInputError: The URL is invalid or not allowed.
    """

    runs_once = False

    def __init__(
        self,
        url: str,
        *,
        reach: Reach = Reach.PRIVATE,
        is_ordered: bool = True,
        conditions: Conditions = (),
    ) -> None:
        # The queue of another spelling is the same one.
        self.name = validate_url(url, "--forward-to", reach=reach)
        self.is_ordered, self.conditions = is_ordered, conditions
        self.concurrency = 1 if is_ordered else _UNORDERED_CONCURRENCY
        self._reach = reach

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Forward a delivery; failures of the target are returned, not raised."""
        return deliver(self.name, delivery.body, delivery.headers, reach=self._reach)

    def abort(self) -> None:
        """Do nothing: an attempt times out within seconds."""


class CommandTarget:
    """A command, run once per event without a shell, that gets the body on stdin.

    It has the attributes and methods of UrlTarget.

    Raises:
        InvalidInputError: The command cannot be run.
    """

    is_ordered = False
    runs_once = True
    conditions: Conditions = ()

    def __init__(
        self, line: str, environ: Mapping[str, str], *, concurrency: int, timeout: float,
        secret_variables: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._words = resolve_command(line, "--exec", environ)
        self.name = f"exec:{line}"
        self.concurrency = concurrency
        self._timeout = timeout
        self._environ = strip_secrets(environ, secret_variables)
        self._runner = CommandRunner(captures=True)

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Run the command; exit code 0 counts as status 200, others as 500.

        A command that could not be started counts as unreachable.
        """
        started_at = time.monotonic()
        variables = {"OUTREPLY_EVENT": delivery.event, "OUTREPLY_DELIVERY": delivery.id}
        result = self._runner.run(
            self._words, {**self._environ, **variables}, delivery.body, timeout=self._timeout
        )
        if not result.was_started:
            return DeliveryResult(None, result.error, 0.0, is_connected=False)
        milliseconds = (time.monotonic() - started_at) * 1000
        return DeliveryResult(
            200 if result.error is None else 500, result.error, milliseconds,
            response=HandlerResponse((), result.output, result.is_truncated),
        )  # fmt: skip

    def abort(self) -> None:
        """Kill running commands."""
        self._runner.kill_all()


ForwardTarget = UrlTarget | CommandTarget


@dataclass(frozen=True)
class ForwardAttempt:
    """An attempt to forward a delivery.

    Attributes:
        attempt: Number of the attempt, from 1.
        retry_in: Seconds until the next attempt; None if there is none.
        waiting: Number of deliveries that wait until this one is accepted.
    """

    delivery: Delivery
    target: str
    result: DeliveryResult
    attempt: int
    retry_in: float | None
    waiting: int = 0


@dataclass(frozen=True)
class TargetBusy:
    """Another receiver forwards to a target; this one takes over when that one stops."""

    target: str


@dataclass(frozen=True)
class StoreFailure:
    """The store cannot be used; both fields are texts for the user."""

    consequence: str
    reason: str


ForwardReport = ForwardAttempt | TargetBusy | StoreFailure


class Forwarder:
    """Background threads that forward the queue of a target; `report` is called from them.

    The `secrets` are redacted in the responses that are stored.
    """

    def __init__(
        self,
        store: DeliveryStore,
        target: ForwardTarget,
        clock: Clock,
        report: Callable[[ForwardReport], None],
        secrets: Sequence[str] = (),
    ) -> None:
        self._store, self._target, self._clock, self._report = store, target, clock, report
        self._secrets = secrets
        self._stopped = threading.Event()
        self._wakeup = threading.Condition()
        self._in_flight: set[int] = set()
        self._lease: TargetLease | None = None
        self._next_acquisition = 0.0
        self._is_busy = self._has_failed = False
        self._poll_seconds = _REMOTE_POLL_SECONDS if store.is_remote else _POLL_SECONDS
        self._threads = [
            threading.Thread(target=self._work, name=f"forward {target.name}", daemon=True)
            for _ in range(target.concurrency)
        ]

    def start(self) -> None:
        """Start to forward, first what earlier runs left in the queue."""
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

    def abort(self) -> None:
        """Abort attempts in progress, if possible."""
        self._target.abort()

    @property
    def in_flight(self) -> int:
        """The number of attempts in progress."""
        return len(self._in_flight)

    def has_due(self) -> bool:
        """Whether this receiver forwards a delivery now, or would start to.

        A delivery that is due later, or at a target of another receiver, does not count.
        """
        with self._wakeup:
            try:
                return bool(self._in_flight) or self._find_due() is not None
            except StorageError:
                return False

    def join(self, seconds: float) -> None:
        """Wait up to `seconds` for attempts in progress, then let others forward to the target."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        # An attempt still in progress keeps the lease until the process ends.
        if self._lease is not None and not any(thread.is_alive() for thread in self._threads):
            self._lease.release()
            self._lease = None

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._wakeup:
                claimed = self._try_to_claim()
                if claimed is None:
                    self._wakeup.wait(self._poll_seconds)
                    continue
            queued, lease = claimed
            try:
                self._attempt(queued, lease)
            finally:
                with self._wakeup:
                    self._in_flight.discard(queued.forward.number)

    def _try_to_claim(self) -> tuple[QueuedDelivery, TargetLease] | None:
        try:
            claimed = self._claim()
        except TargetTakenOverError:
            return None
        except StorageError as error:
            # The queue is kept.
            if not self._has_failed:
                consequence = f"nothing is forwarded to {self._target.name}"
                self._report(StoreFailure(consequence, error.message))
            self._has_failed = True
            return None
        self._has_failed = False
        return claimed

    def _claim(self) -> tuple[QueuedDelivery, TargetLease] | None:
        found = None if self._stopped.is_set() else self._find_due()
        if found is None:
            return None
        queued, lease = found
        if self._target.runs_once and not self._store.start_forward(queued.forward, lease):
            return None
        self._in_flight.add(queued.forward.number)
        return found

    def _find_due(self) -> tuple[QueuedDelivery, TargetLease] | None:
        lease = self._hold_lease()
        if lease is None:
            return None
        now = self._clock.now().timestamp()
        queued = self._store.next_pending(
            self._target.name, now, in_flight=self._in_flight, is_ordered=self._target.is_ordered
        )
        return (queued, lease) if queued is not None and queued.forward.is_due(now) else None

    def _hold_lease(self) -> TargetLease | None:
        if self._lease is not None and self._lease.is_held():
            return self._lease
        self._lease = None
        if self._clock.monotonic() < self._next_acquisition:
            return None
        self._next_acquisition = self._clock.monotonic() + _LEASE_POLL_SECONDS
        lease = self._store.acquire_target(self._target.name)
        if lease is None:
            if not self._is_busy:
                self._report(TargetBusy(self._target.name))
            self._is_busy = True
            return None
        now = self._clock.now().timestamp()
        try:
            interrupted = self._store.resume(self._target.name, now, lease)
        except BaseException:
            lease.release()
            raise
        for queued in interrupted:
            self._report(ForwardAttempt(
                queued.delivery, self._target.name, DeliveryResult(None, queued.forward.error, 0.0),
                queued.forward.attempts, None,
            ))  # fmt: skip
        self._lease, self._is_busy = lease, False
        return lease

    def _attempt(self, queued: QueuedDelivery, lease: TargetLease) -> None:
        forward, target = queued.forward, self._target
        started_at = self._clock.now().timestamp()
        result = redact_result(target.send(queued.delivery), self._secrets)
        retry_in = None
        if result.is_accepted:
            state = ForwardState.FORWARDED
        elif target.runs_once and result.is_connected:
            state = ForwardState.FAILED
        else:
            state = ForwardState.QUEUED
            delays = RETRY_SECONDS if result.is_connected else UNREACHABLE_SECONDS
            retry_in = delays[min(forward.attempts, len(delays) - 1)]
        due_at = None if retry_in is None else self._clock.now().timestamp() + retry_in
        attempt = Attempt(target.name, started_at, result)
        self._record(partial(self._store.record_forward, forward, attempt, state, due_at, lease))
        waiting = 0
        if target.is_ordered and retry_in is not None:
            with suppress(StorageError):
                waiting = self._store.count_behind(forward)
        self._report(ForwardAttempt(
            queued.delivery, target.name, result, forward.attempts + 1, retry_in, waiting
        ))  # fmt: skip

    def _record(self, record: Callable[[], None]) -> None:
        """Record an attempt, waiting for the store if needed: else it would be repeated."""
        while True:
            try:
                record()
            except TargetTakenOverError:
                return
            except StorageError:
                # The receiver stops: the next one repeats the attempt.
                if self._stopped.wait(_RECORD_SECONDS):
                    return
            else:
                return
