"""Everything that the simulation knows about the product: how it is run, and what is replaced.

The command line runs in this process. Replaced are the connection to the server, the clock, the
executor's threads and the number of posts in a list; the journal, the rate limit and all decisions
are the product's own.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import httpx

from outreply_cli import cancellation
from outreply_cli.api import client as api_client, transport as api_transport
from outreply_cli.app import main
from outreply_cli.bulk import executor
from outreply_cli.bulk.plan import Action
from outreply_cli.bulk.service import BulkService
from outreply_cli.cli.typer_adapter import LazyGroup
from outreply_cli.clock import Clock
from outreply_cli.context import Context
from outreply_cli.journal.journal import Journal
from tests.reliability.simulation.server import BASE_URL

_WHOLE_SLEEP = 1e12


class Process(Protocol):
    """A run of the product, for the parts of it that are replaced."""

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises httpx.TransportError."""

    def before_write(self) -> None:
        """The journal is about to be written."""

    def after_write(self) -> None:
        """The journal is written."""

    def plan(self, cancels_first: frozenset[int]) -> None:
        """A plan is made; `cancels_first` are the lines whose old post is cancelled first."""

    def fork(self, body: Callable[[], None]) -> None:
        """Run `body` as another thread of this run."""

    def wait(self) -> None:
        """Wait until a thread of this run calls `notify`."""

    def notify(self) -> None:
        """Let the waiting thread continue."""


@dataclass(frozen=True)
class ExitReport:
    """The report of a finished command.

    Attributes:
        code: Exit code.
        rows: Rows of the JSON report, by their line.
        error: The JSON error; empty if there was none.
        text: Everything else that was printed.
    """

    code: int
    rows: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    def names(self, words: str) -> bool:
        """Whether the command advised something that contains `words`."""
        hints = [str(self.error.get("hint") or ""), str(self.error.get("message") or "")]
        problems = (self.error.get("details") or {}).get("problems") or ()
        hints += [str(problem.get("message")) for problem in problems]
        return any(words in hint for hint in (*hints, self.text))


@contextmanager
def replace_parts(current: Callable[[], Process], list_limit: int) -> Iterator[None]:
    """Replace connection, threads and journal hooks; `current` returns the run that is active."""
    change, apply_actions = Journal._change, BulkService.apply_actions

    @contextmanager
    def change_with_pauses(journal: Journal) -> Iterator[Any]:
        current().before_write()
        with change(journal) as db:
            yield db
        current().after_write()

    def apply_planned(service: BulkService, actions: Sequence[Action], *args: Any) -> Any:
        current().plan(
            frozenset(
                action.line
                for action in actions
                if (action.cancel_first or action.is_in_place) and action.line is not None
            )
        )
        return apply_actions(service, actions, *args)

    def build_http_client(*_: object) -> httpx.Client:
        return httpx.Client(transport=_Connection(current()), trust_env=False)

    with ExitStack() as stack:
        for target, name, replacement in (
            (Journal, "_change", change_with_pauses),
            (BulkService, "apply_actions", apply_planned),
            (api_transport, "build_http_client", build_http_client),
            (api_client, "MAX_LIST_LIMIT", list_limit),
            (executor, "ThreadPoolExecutor", lambda size, **_: _Pool(current(), size)),
            (executor, "as_completed", lambda futures: _as_completed(current(), futures)),
            # Typer would take longer than a request to make a command.
            (LazyGroup, "get_command", _get_command),
            # A wait is one pause, however long.
            (cancellation, "_WAKE_SECONDS", _WHOLE_SLEEP),
        ):
            stack.enter_context(patch.object(target, name, replacement))
        yield


def run_command(words: Sequence[str], directory: Path, token: str, clock: Clock) -> ExitReport:
    """Run `outreply WORDS` with the state in `directory`."""
    environ = {
        "HOME": str(directory),
        "OUTREPLY_API_KEY": token,
        "OUTREPLY_BASE_URL": BASE_URL,
        "OUTREPLY_CONFIG_DIR": str(directory / "config"),
        "OUTREPLY_STATE_DIR": str(directory / "state"),
        "OUTREPLY_TIMEZONE": "UTC",
    }
    output, notes = io.StringIO(), io.StringIO()
    context = Context(environ, io.StringIO(), output, notes, clock)
    code = main([*words, "--json"], context)
    return _parse(code, output.getvalue(), notes.getvalue())


_make_command = LazyGroup.get_command
_commands: dict[tuple[str, str], Any] = {}


def _get_command(group: LazyGroup, context: Any, name: str) -> Any:
    key = group._package, name
    if key not in _commands:
        _commands[key] = _make_command(group, context, name)
    return _commands[key]


def _parse(code: int, output: str, notes: str) -> ExitReport:
    rows: dict[int, Mapping[str, Any]] = {}
    error: Mapping[str, Any] = {}
    if output.startswith("{"):
        rows = {row["line"]: row for row in json.loads(output).get("rows", ()) if row.get("line")}
    text = []
    for line in notes.splitlines():
        if line.startswith('{"error"'):
            error = json.loads(line)["error"]
        else:
            text.append(line)
    return ExitReport(code, rows, error, "\n".join(text))


class _Connection(httpx.BaseTransport):
    """The connection of one run."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._process.send(request)


class _Pool:
    """Threads of a run, as the executor uses them."""

    def __init__(self, process: Process, size: int) -> None:
        self._process, self._size = process, size
        self._work: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []
        self._running = 0

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._work.append((future, call, args))
        if self._running < self._size:
            self._running += 1
            self._process.fork(self._run)
        return future

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        while wait and self._running:
            self._process.wait()

    def _run(self) -> None:
        try:
            while self._work:
                future, call, args = self._work.pop(0)
                try:
                    future.set_result(call(*args))
                except BaseException as error:
                    future.set_exception(error)
                    if not isinstance(error, Exception):
                        raise
                finally:
                    self._process.notify()
        finally:
            self._running -= 1
            self._process.notify()


def _as_completed(process: Process, futures: Iterable[Future[Any]]) -> Iterator[Future[Any]]:
    pending = list(futures)
    while pending:
        finished = [future for future in pending if future.done()]
        pending = [future for future in pending if not future.done()]
        if not finished:
            process.wait()
        yield from finished
