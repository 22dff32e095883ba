"""Execution of a plan: concurrent, nearest posts first, each row exactly once."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from outreply_cli.api.errors import stops_batch
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.cancellation import CancellationToken
from outreply_cli.errors import InterruptedRunError, OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import JournalEntry
from outreply_cli.posts.sender import Sender, SendResult


class RowStatus(StrEnum):
    """The status of a row."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"
    PENDING = "pending"
    UNKNOWN = "unknown"


class RowResult(NamedTuple):
    """The result of one action, with the ID of the row's post, if there is one."""

    action: Action
    status: RowStatus
    post_id: str | None = None
    error: OutReplyError | None = None


@dataclass(frozen=True)
class RunReport:
    """One result per action, in the order of the plan, and the error that stopped the run early."""

    results: list[RowResult]
    stopped_by: OutReplyError | None = None


class PlanExecutor:
    """Executes the actions of a plan; calls `on_result` after each of them, from any thread."""

    def __init__(
        self,
        sender: Sender,
        journal: Journal,
        *,
        stop: CancellationToken,
        concurrency: int,
        on_result: Callable[[RowResult], None],
    ) -> None:
        self._sender = sender
        self._journal = journal
        self._stop = stop
        self._concurrency = concurrency
        self._on_result = on_result

    def run(self, actions: Sequence[Action], finished: Mapping[int, RowResult]) -> RunReport:
        """Execute `actions`, except for those with a result in `finished`, by index.

        After Ctrl-C, an exhausted quota, a revoked token or a network failure, requests in flight
        are finished, and the rest stays planned for the next run.

        Raises:
            StorageError: The journal cannot be written.
        """
        results = dict(finished)
        work = []
        for i, action in enumerate(actions):
            if action.kind == ActionType.KEEP:
                status = RowStatus.UNKNOWN if action.unresolved else RowStatus.DONE
                results[i] = RowResult(action, status, action.post_id)
            elif i not in results:
                work.append(i)
        entries = self._record_intent(actions, work)
        early = [i for i in work if actions[i].cancel_first or actions[i].kind == ActionType.CANCEL]
        self._run_all(early, lambda i: self._cancel_old(actions[i], entries.get(i)), results)
        rest = [i for i in work if i not in results]
        # Nearest first, so that no post comes closer than the 10-minute minimum while it waits.
        rest.sort(key=lambda i: actions[i].scheduled_at)
        self._run_all(rest, lambda i: self._send(actions[i], entries[i]), results)
        return RunReport(
            [results.get(i) or RowResult(a, RowStatus.PENDING) for i, a in enumerate(actions)],
            self._stop.cause,
        )

    def _record_intent(
        self, actions: Sequence[Action], work: Sequence[int]
    ) -> dict[int, JournalEntry]:
        drafts = {i: draft for i in work if (draft := actions[i].draft) is not None}
        for i in drafts:
            old = actions[i].entry
            if old is not None and actions[i].kind == ActionType.CREATE:
                self._journal.mark_cancelled(old)
        return dict(zip(drafts, self._journal.record_planned(list(drafts.values())), strict=True))

    def _run_all(
        self,
        indexes: Sequence[int],
        step: Callable[[int], RowResult | None],
        results: dict[int, RowResult],
    ) -> None:
        if not indexes:
            return
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="bulk")
        futures = {pool.submit(self._run_one, step, i): i for i in indexes}
        try:
            for future in as_completed(futures):
                self._collect(future, futures[future], results)
        except KeyboardInterrupt:
            self._stop.set(
                InterruptedRunError("interrupted", hint="Run the same command again to continue.")
            )
        except Exception as fault:
            self._stop.set(InterruptedRunError(str(fault)))
            raise
        finally:
            # The outcome of requests in flight must reach the journal.
            pool.shutdown(wait=True)
        for future, i in futures.items():
            self._collect(future, i, results)

    def _run_one(self, step: Callable[[int], RowResult | None], index: int) -> RowResult | None:
        if self._stop.is_set:
            return None
        try:
            return step(index)
        except InterruptedRunError as error:
            self._stop.set(error)
            return None

    def _collect(
        self, future: Future[RowResult | None], index: int, results: dict[int, RowResult]
    ) -> None:
        result = future.result()
        if result is not None and index not in results:
            results[index] = result
            self._on_result(result)

    def _cancel_old(self, action: Action, new: JournalEntry | None) -> RowResult | None:
        """Cancel the post of `action`; a `new` one that replaces it is to be sent later."""
        assert action.entry is not None
        if new is None:
            return self._to_result(action, self._sender.cancel(action.entry))
        outcome = self._sender.start_replacing(new)
        return None if outcome.error is None else self._to_result(action, outcome)

    def _send(self, action: Action, entry: JournalEntry) -> RowResult:
        if action.is_in_place:
            outcome = self._sender.replace(entry)
        elif action.cancel_first:
            outcome = self._sender.finish_replacing(entry)
        else:
            outcome = self._sender.send(entry)
        return self._to_result(action, outcome)

    def _to_result(self, action: Action, outcome: SendResult) -> RowResult:
        """Return the result of an action; stop the run if the others would fail with its error."""
        error, post_id = outcome.error, outcome.entry.post_id
        if error is None:
            return RowResult(action, RowStatus.DONE, post_id)
        interrupted = isinstance(error, InterruptedRunError)
        fatal = interrupted or stops_batch(error)
        if fatal:
            self._stop.set(error)
        if error.maybe_applied:
            status = RowStatus.UNKNOWN
        else:
            status = RowStatus.PENDING if fatal else RowStatus.FAILED
        return (
            RowResult(action, status) if interrupted else RowResult(action, status, post_id, error)
        )
