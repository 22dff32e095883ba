"""Carries a plan out: concurrently, nearest first, each row exactly once."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from outreply_cli.api.errors import (
    AuthenticationError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
)
from outreply_cli.bulk.matching import new_entry
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.clock import Clock
from outreply_cli.errors import InterruptedRunError, OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import JournalEntry, JournalEntryDraft
from outreply_cli.posts.sender import Sender, SendResult

_WAKE_SECONDS = 0.2
_NONE: Mapping[int, Any] = MappingProxyType({})
# Codes that end a run: what is left can't succeed until something outside it changes.
_ENDING_CODES = frozenset(
    {"MONTHLY_QUOTA_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "SANDBOX_EXHAUSTED", "MISSING_SCOPE",
     "IP_NOT_ALLOWED", "COLLABORATOR_INSUFFICIENT", "RATE_LIMITED"}
)  # fmt: skip


class RowStatus(StrEnum):
    """How a row went."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    PENDING = "pending"


class RowResult(NamedTuple):
    """How one action went.

    Attributes:
        post_id: The server's id of the row's post, where there is one.
        error: What went wrong.
    """

    action: Action
    status: RowStatus
    post_id: str | None = None
    error: OutReplyError | None = None


@dataclass(frozen=True)
class RunReport:
    """How a run went.

    Attributes:
        results: One for each action, in the plan's order.
        stopped_by: What ended the run before its end, if anything did.
    """

    results: list[RowResult]
    stopped_by: OutReplyError | None = None


class CancellationToken:
    """Says that a run has to end; a first cause stays the cause."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._turn = threading.Lock()
        self.cause: OutReplyError | None = None

    @property
    def is_set(self) -> bool:
        """Whether the run has to end."""
        return self._event.is_set()

    def set(self, cause: OutReplyError) -> None:
        """End the run because of `cause`."""
        with self._turn:
            self.cause = self.cause or cause
            self._event.set()


class InterruptibleClock:
    """A clock whose waits end when the run has to: nobody sits out a limit after Ctrl-C."""

    def __init__(self, clock: Clock, stop: CancellationToken) -> None:
        self._clock = clock
        self._stop = stop

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that never run backwards, from an arbitrary start."""
        return self._clock.monotonic()

    def random(self) -> float:
        """A random number from 0 up to, not including, 1."""
        return self._clock.random()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; raises InterruptedRunError when the run is to end meanwhile."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            if self._stop.is_set:
                raise InterruptedRunError("the run was ended while it waited")
            self._clock.sleep(min(left, _WAKE_SECONDS))


class PlanExecutor:
    """Carries out plans of one calendar.

    Args:
        sender: Sends and cancels.
        journal: Written before and after each step.
        account: As the journal calls it.
        calendar: As the journal calls it.
        stop: Ends the run; its clock is the client's.
        concurrency: Requests in flight at most.
        on_result: Called after each action, from any thread.
    """

    def __init__(
        self,
        sender: Sender,
        journal: Journal,
        *,
        account: str,
        calendar: str,
        stop: CancellationToken,
        concurrency: int,
        on_result: Callable[[RowResult], None] = lambda _: None,
    ) -> None:
        self._sender = sender
        self._journal = journal
        self._account = account
        self._calendar = calendar
        self._stop = stop
        self._concurrency = concurrency
        self._on_result = on_result

    def run(self, actions: Sequence[Action], settled: Mapping[int, RowResult] = _NONE) -> RunReport:
        """Carry `actions` out, but for those whose results are `settled` already, by their place.

        Ctrl-C, a used-up quota, a revoked token and a dead network end it politely: what is in
        flight is finished, the rest stays planned for the next run.

        Raises:
            StorageError: The journal can't be written.
        """
        results: dict[int, RowResult] = dict(settled)
        work = [
            i
            for i, action in enumerate(actions)
            if action.kind != ActionType.KEEP and i not in settled
        ]
        for place, action in enumerate(actions):
            if action.kind == ActionType.KEEP:
                results[place] = _kept(action)
        entries = self._write_down(actions, work)
        early = [i for i in work if actions[i].cancel_first or actions[i].kind == ActionType.CANCEL]
        self._each(early, lambda i: self._clear_way(actions[i]), actions, results)
        rest = [i for i in work if i not in results]
        # Nearest first, so that none falls under the 10-minute floor while it waits.
        rest.sort(key=lambda i: actions[i].instant)
        self._each(rest, lambda i: self._send(actions[i], entries[i]), actions, results)
        return RunReport(
            [results.get(i) or RowResult(a, RowStatus.PENDING) for i, a in enumerate(actions)],
            self._stop.cause,
        )

    def _write_down(
        self, actions: Sequence[Action], work: Sequence[int]
    ) -> dict[int, JournalEntry]:
        new = {i: entry for i in work if (entry := self._new_entry(actions[i])) is not None}
        for place in new:
            old = actions[place].entry
            if old is not None and actions[place].kind == ActionType.CREATE:
                self._journal.mark_cancelled(old)
        return dict(zip(new, self._journal.record_planned(list(new.values())), strict=True))

    def _new_entry(self, action: Action) -> JournalEntryDraft | None:
        one = action.matched
        if one is None or action.kind not in {ActionType.CREATE, ActionType.CHANGE}:
            return None
        replaced = action.entry if action.kind == ActionType.CHANGE else None
        return new_entry(one, self._account, self._calendar, replaced)

    def _each(
        self,
        places: Sequence[int],
        step: Callable[[int], RowResult | None],
        actions: Sequence[Action],
        results: dict[int, RowResult],
    ) -> None:
        if not places:
            return
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="bulk")
        futures = {pool.submit(self._guarded, step, i, actions[i]): i for i in places}
        try:
            for future in as_completed(futures):
                self._collect(future, futures[future], results)
        except KeyboardInterrupt:
            self._stop.set(InterruptedRunError("interrupted"))
        except Exception as fault:
            self._stop.set(InterruptedRunError(str(fault)))
            raise
        finally:
            # Whatever happens, what is in flight ends in the journal.
            pool.shutdown(wait=True)
        for future, place in futures.items():
            self._collect(future, place, results)

    def _guarded(
        self, step: Callable[[int], RowResult | None], place: int, action: Action
    ) -> RowResult | None:
        if self._stop.is_set:
            return None
        try:
            return step(place)
        except InterruptedRunError as error:
            self._stop.set(error)
            return RowResult(action, RowStatus.PENDING)

    def _collect(
        self, future: Future[RowResult | None], place: int, results: dict[int, RowResult]
    ) -> None:
        result = future.result()
        if result is not None and place not in results:
            results[place] = result
            self._on_result(result)

    def _clear_way(self, action: Action) -> RowResult | None:
        assert action.entry is not None
        outcome = self._sender.cancel(action.entry)
        if outcome.error is not None:
            return self._failed(action, outcome)
        if action.kind == ActionType.CANCEL:
            return RowResult(action, RowStatus.DONE, action.entry.post_id)
        return None

    def _send(self, action: Action, entry: JournalEntry) -> RowResult:
        outcome = self._sender.send(entry)
        if outcome.error is not None:
            return self._failed(action, outcome)
        return RowResult(action, RowStatus.DONE, outcome.entry.post_id)

    def _failed(self, action: Action, outcome: SendResult) -> RowResult:
        error = outcome.error
        assert error is not None
        if isinstance(error, InterruptedRunError):
            self._stop.set(error)
            return RowResult(action, RowStatus.PENDING)
        if is_fatal(error):
            self._stop.set(error)
            return RowResult(action, RowStatus.PENDING, outcome.entry.post_id, error)
        if error.maybe_applied:
            return RowResult(action, RowStatus.PENDING, outcome.entry.post_id, error)
        return RowResult(action, RowStatus.FAILED, outcome.entry.post_id, error)


def is_fatal(error: OutReplyError) -> bool:
    """Whether `error` will meet every other row too."""
    if isinstance(error, (AuthenticationError, NetworkError, InvalidResponseError)):
        return True
    return error.code in _ENDING_CODES or (
        isinstance(error, LimitExceededError) and error.status == 402
    )


def _kept(action: Action) -> RowResult:
    status = RowStatus.PENDING if action.unresolved else RowStatus.DONE
    return RowResult(action, status, action.entry.post_id if action.entry else None)
