"""Deliveries passed on: to URLs in their order, tried again; to commands, several at once."""

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
    """Where deliveries go.

    Attributes:
        name: What the queue knows it by, and people.
        at_once: How many may be under way.
        retries: Seconds before each further attempt.
    """

    name: str
    at_once: int
    retries: Sequence[float]

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Pass one on; never raises for what the other side does."""


class UrlTarget:
    """A URL that gets the raw bytes with the original headers, in order.

    Raises:
        InvalidInputError: It is no URL that deliveries can go to.
    """

    at_once = 1
    retries: Sequence[float] = RETRY_SECONDS

    def __init__(self, url: str, *, reach: Reach = Reach.PRIVATE) -> None:
        self.name = validate_url(url, "--forward-to", reach=reach)
        self._reach = reach

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Pass one on."""
        return deliver(self.name, delivery.body, delivery.headers, reach=self._reach)


class CommandTarget:
    """A command that gets the body on stdin, without a shell; it is run once for each event.

    Raises:
        InvalidInputError: It is no command that can be run.
    """

    retries: Sequence[float] = ()

    def __init__(
        self, line: str, environ: Mapping[str, str], *, at_once: int, seconds: float,
        hidden: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._words = resolve_command(line, "--exec", environ)
        self.name = f"exec:{line}"
        self.at_once = at_once
        self._seconds = seconds
        self._environ = strip_secrets(environ, hidden)

    def send(self, delivery: Delivery) -> DeliveryResult:
        """Run it; its exit code 0 counts as 200, any other as 500."""
        began = time.monotonic()
        told = {"OUTREPLY_EVENT": delivery.event, "OUTREPLY_DELIVERY": delivery.id}
        was_started, error = run_command(
            self._words, {**self._environ, **told}, delivery.body, seconds=self._seconds
        )
        if not was_started:
            return DeliveryResult(None, error, 0.0)
        taken = (time.monotonic() - began) * 1000
        return DeliveryResult(200 if error is None else 500, error, taken)


@dataclass(frozen=True)
class ForwardAttempt:
    """One attempt to pass a delivery on.

    Attributes:
        attempt: 1 for the first.
        retry_in: Seconds until the next one; None when there is none.
    """

    delivery: Delivery
    target: str
    outcome: DeliveryResult
    attempt: int
    retry_in: float | None


class Forwarder:
    """Empties one target's queue from threads of its own.

    Args:
        inbox: Where the queue is.
        target: Where it goes.
        clock: Decides what is due.
        tell: Called with each attempt, from any thread.
    """

    def __init__(
        self,
        inbox: DeliveryStore,
        target: ForwardTarget,
        clock: Clock,
        tell: Callable[[ForwardAttempt], None],
    ) -> None:
        self._inbox, self._target, self._clock, self._tell = inbox, target, clock, tell
        self._ended = threading.Event()
        self._woken = threading.Condition()
        self._under_way: set[int] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"forward {target.name}", daemon=True)
            for _ in range(target.at_once)
        ]

    def start(self) -> None:
        """Begin with what waits since an earlier run."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at the queue now."""
        with self._woken:
            self._woken.notify_all()

    def stop(self) -> None:
        """Begin nothing more; the queue is kept."""
        self._ended.set()
        self.wake()

    def join(self, seconds: float) -> None:
        """Wait for what is under way, at most `seconds`."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while not self._ended.is_set():
            with self._woken:
                waiting = self._claim()
                if waiting is None:
                    self._woken.wait(_POLL_SECONDS)
                    continue
            try:
                self._attempt(waiting)
            except StorageError:
                # The queue is as it was; what was sent may be sent again.
                self._ended.wait(_POLL_SECONDS)
            finally:
                with self._woken:
                    self._under_way.discard(waiting.number)

    def _claim(self) -> QueuedDelivery | None:
        waiting = self._inbox.next_pending(self._target.name, self._under_way)
        if waiting is None or waiting.due_at > self._clock.now().timestamp():
            return None
        self._under_way.add(waiting.number)
        return waiting

    def _attempt(self, waiting: QueuedDelivery) -> None:
        outcome = self._target.send(waiting.delivery)
        pauses = self._target.retries
        again = not outcome.is_accepted and waiting.attempts < len(pauses)
        pause = pauses[waiting.attempts] if again else None
        due_at = None if pause is None else self._clock.now().timestamp() + pause
        self._inbox.record_forward(
            waiting,
            status=outcome.status,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
            due_at=due_at,
        )
        attempt = waiting.attempts + 1
        self._tell(ForwardAttempt(waiting.delivery, self._target.name, outcome, attempt, pause))
