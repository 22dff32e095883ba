"""A simulated world: a seed decides what happens, when, and to whom.

A person edits a calendar and runs the product on several machines. Machines crash, stop and sleep,
their clocks and tokens change, their journals get lost or restored; requests and responses get
lost.

Excluded, because no client can handle it:

- two runs at once on machines that do not have the same past, file and token (see `_may_overlap`);
- another machine's run, or one with an older journal, within the seconds for which lists are late;
- a list that is cut off, together with posts that the journal cannot know of, because another
  machine made them or an older journal was restored. A lost journal is noticed.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.reliability.checker import (
    CalendarVersion,
    History,
    PostRecord,
    RunRecord,
    Violation,
    check,
)
from tests.reliability.simulation.calendar import SimulatedCalendar, format_content, parse_marker
from tests.reliability.simulation.product import (
    ExitReport,
    replace_parts,
    run_command,
)
from tests.reliability.simulation.scheduler import Scheduler, Sleeper, Task
from tests.reliability.simulation.server import (
    PAGES,
    TOKENS,
    ServerRules,
    SimulatedServer,
    StoredPost,
)

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()
_MINUTE, _HOUR = 60.0, 3600.0
_RESPONSE_TIMEOUT = 60.0
_TICK_SECONDS = 0.001
_MIN_EVENTS = 100
_MIN_ROUNDS, _MAX_ROUNDS = 7, 60
_LAST_ROUNDS = 5
_MAX_STEPS = 3_000
_LIST_LIMIT = 100
# How the product says that it is too late for a row.
_TOO_LATE = ("in the past", "minutes are required")
_RETRY_AFTER = (None, "1", "30", "3600", "90000")
# Faults of requests, with their weights; lost responses are the most frequent.
_FAULTS = {
    "refused": 1,
    "request lost": 2,
    "busy": 1,
    "response lost": 4,
    "response late": 2,
    "busy afterwards": 3,
    "response garbled": 2,
}


class KilledError(BaseException):
    """Ends a run as SIGKILL does: the product does not catch it."""


@dataclass(frozen=True)
class Setting:
    """Choices of a seed for its whole history.

    Attributes:
        machines: Number of machines.
        tokens: Number of tokens in use.
        pages: Number of pages that have posts.
        calendars: Number of calendars, whose rows have nothing to do with each other.
        faults: Share of requests that fail.
        outages: Share of failures that last for a while.
        crashes, sleeps: Shares of runs that are killed, or stopped for long.
        suspensions: Seconds for which a run may be stopped.
        accidents: Share of rounds with one of `accident_kinds`.
        prunes: Whether runs cancel the posts of removed rows.
        concurrency: Requests in flight of a run.
        is_named: Whether runs name the calendar.
    """

    rules: ServerRules
    machines: int
    tokens: int
    pages: int
    calendars: int
    rows: int
    key_share: float
    faults: float
    outages: float
    crashes: float
    sleeps: float
    suspensions: tuple[float, ...]
    accidents: float
    accident_kinds: tuple[str, ...]
    prunes: bool
    concurrency: int
    is_named: bool


_ACCIDENTS = ("token", "clock", "backup", "restore", "lost", "renamed", "cancelled elsewhere")
# Themes of seeds: changes of its setting and rules, so that rare things happen together.
_THEMES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({}, {}),
    # Another token before the lists show what the last one sent.
    (
        {
            "machines": 1,
            "tokens": 3,
            "crashes": 0.6,
            "accidents": 0.7,
            "accident_kinds": ("token",),
        },
        {"has_guardrails": False, "ignores_keys": False, "lag": 20.0},
    ),
    # Keys are forgotten, and lists do not show everything.
    (
        {"sleeps": 0.6, "faults": 0.25, "suspensions": (23 * _HOUR, 25 * _HOUR), "pages": 1},
        {"has_guardrails": False, "ignores_keys": False, "list_limit": 3},
    ),
    ({"accidents": 0.7, "accident_kinds": ("backup", "restore", "lost"), "pages": 2}, {}),
    ({"machines": 3, "accidents": 0.3, "accident_kinds": ("renamed", "backup", "restore")}, {}),
    (
        {"crashes": 0.6, "outages": 0.5, "accidents": 0.5, "accident_kinds": ("token", "clock")},
        {},
    ),
)


def choose_setting(generator: random.Random) -> Setting:
    """Return the setting of a seed."""
    choice = generator.choice

    def chance(share: float) -> bool:
        return generator.random() < share

    ignores_keys = chance(0.12)
    is_current = ignores_keys or chance(0.5)
    rules = ServerRules(
        lag=0.0 if is_current else generator.uniform(1, 20),
        list_limit=_LIST_LIMIT if ignores_keys or chance(0.6) else generator.randint(2, 5),
        has_cursors=chance(0.15),
        ignores_keys=ignores_keys,
        trims_text=chance(0.15),
        has_guardrails=chance(0.35),
    )
    setting = Setting(
        rules=rules,
        machines=choice((1, 1, 2, 2, 3)),
        tokens=choice((1, 1, 1, 2, 3)),
        pages=choice((1, 2, 3, 3)),
        calendars=choice((1, 1, 1, 2)),
        rows=generator.randint(4, 7),
        key_share=choice((0.0, 0.0, 0.5, 1.0)),
        faults=choice((0.0, 0.03, 0.1, 0.25)),
        outages=choice((0.0, 0.3)),
        crashes=choice((0.0, 0.15, 0.4)),
        sleeps=choice((0.0, 0.1, 0.3)),
        suspensions=(_MINUTE, 3 * _HOUR, 23 * _HOUR, 25 * _HOUR),
        accidents=choice((0.0, 0.2, 0.5)),
        accident_kinds=_ACCIDENTS,
        prunes=chance(0.5),
        concurrency=choice((1, 1, 2, 4)),
        is_named=chance(0.3),
    )
    changes, rule_changes = choice(_THEMES)
    setting = replace(setting, rules=replace(rules, **rule_changes), **changes)
    if setting.rules.list_limit < _LIST_LIMIT and not setting.rules.has_cursors:
        # What a cut-off list leaves out is known from the journal alone.
        kinds = tuple(kind for kind in setting.accident_kinds if kind != "restore")
        return replace(setting, machines=1, accident_kinds=kinds)
    return setting


class Machine(Sleeper):
    """A computer with its own clock, token and files."""

    def __init__(self, world: "World", number: int) -> None:
        self.name = f"m{number}"
        self.directory = world.directory / self.name
        names = ("launch", "season") if world.setting.is_named else (None, None)
        # The files of the calendars, and the names that runs give them.
        self.files = [self.directory / name / "calendar.csv" for name in ("work", "home")]
        self.names: list[str | None] = [*names]
        self.token = TOKENS[0]
        self.skew = 0.0
        self.journals = 1
        self.backup: Path | None = None
        self._world = world
        for file in self.files:
            file.parent.mkdir(parents=True)

    def name_option(self, calendar: SimulatedCalendar) -> list[str]:
        """Return the option that names a calendar, if it has a name."""
        name = self.names[calendar.number]
        return [] if name is None else [f"--name={name}"]

    def now(self) -> datetime:
        """Return the time by this machine's clock."""
        return datetime.fromtimestamp(self._world.scheduler.now + self.skew, UTC)

    def monotonic(self) -> float:
        """Return seconds that count while the machine sleeps, too."""
        return self._world.scheduler.now - START

    def sleep(self, seconds: float) -> None:
        """Wait."""
        # Less would be lost in the precision of Unix times.
        self._world.current_run().pause(max(seconds, 1e-4))

    def random(self) -> float:
        """Return a random number."""
        return self._world.random.random()


class Run(Sleeper):
    """A run of the product on a machine.

    Attributes:
        report: Report of the run; None until then, or if it was killed.
        steps, commits: Numbers of pauses, and of writes that the server carried out, so far.
    """

    def __init__(
        self,
        world: "World",
        machine: Machine,
        calendar: SimulatedCalendar,
        words: Sequence[str],
    ) -> None:
        world.run_count += 1
        self.id = f"run {world.run_count}"
        self.machine, self.calendar, self.words = machine, calendar, words
        self.version = world.find_version(calendar)
        self.journal = f"{machine.name} {machine.journals}"
        self.started_at, self.stopped_at = world.scheduler.now, 0.0
        self.report: ExitReport | None = None
        self.cancels_first: frozenset[str] = frozenset()
        self.planned_at: float | None = None
        self.steps = self.commits = 0
        # Where the run is killed or stopped: at a pause, or before it has the response of a write.
        self.killed_at_step = self.suspended_at_step = 0
        self.killed_at_commit = self.suspended_at_commit = 0
        self.suspended_for = 0.0
        self._world = world
        self._lines = {line: row.name for line, row in enumerate(calendar.rows, 2)}
        self._is_killed = False
        self._tasks: list[Task] = []
        self._parked: list[Task] = []
        self.task = world.scheduler.spawn(self._body, self)
        self._tasks.append(self.task)

    @property
    def suspended_until(self) -> float:  # type: ignore[override]
        """Time at which its machine resumes."""
        return self.machine.suspended_until

    def to_record(self) -> RunRecord:
        """Return the run as histories have it."""
        rows = self.report.rows if self.report is not None else {}
        return RunRecord(
            self.id,
            self.version,
            self.journal,
            self.started_at,
            self.stopped_at if self.report is not None else None,
            {
                self._lines[line]: str(row["status"])
                for line, row in rows.items()
                if "status" in row
            },
            self.cancels_first,
            is_cancellation="cancel" in self.words,
            planned_at=self.planned_at,
        )

    def pause(self, seconds: float) -> None:
        """Let others run; the run may be killed or suspended meanwhile."""
        scheduler = self._world.scheduler
        if self._is_killed:
            raise KilledError
        scheduler.pause(seconds)
        self.steps += 1
        if self.steps == self.killed_at_step:
            self.kill()
            raise KilledError
        if self.steps == self.suspended_at_step:
            self._suspend()
        if self.steps > _MAX_STEPS:
            detail = f"{self.id} continues for ever"
            self._world.bugs.append(Violation("no end", "", scheduler.now, detail))
            self.kill()
            raise KilledError

    def _suspend(self) -> None:
        scheduler = self._world.scheduler
        self.machine.suspended_until = scheduler.now + self.suspended_for
        self._world.log("suspended", run=self.id, seconds=self.suspended_for)
        scheduler.pause(0.0)

    def kill(self) -> None:
        """End all threads of the run."""
        self._is_killed = True
        self._world.log("killed", run=self.id)
        for task in self._tasks:
            if task is not self._world.scheduler.current:
                self._world.scheduler.interrupt(task, KilledError())

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the simulated network."""
        world, body = self._world, request.read()
        self.pause(world.random.uniform(0.01, 0.3))
        method, path = request.method, request.url.path.removeprefix("/api/v1")
        fault = world.pick_fault()
        headers = dict(request.headers)
        record = {
            "run": self.id, "method": method, "path": path, "query": request.url.query.decode(),
            "key": world.number_key(headers.get("idempotency-key")), "fault": fault,
            "token": TOKENS.index(headers["authorization"].removeprefix("Bearer ")),
        }  # fmt: skip
        if fault in {"refused", "request lost", "busy"}:
            world.log("request", **record)
            return self._fail(request, fault)
        response = world.server.respond(
            method, path, request.url.query.decode(), headers, body=body, run=self.id
        )
        is_replay = any(name == "Idempotency-Replayed" for name, _ in response.headers)
        world.log("request", **record, status=response.status, replayed=is_replay)
        if method != "GET" and response.status < 400:
            fault = self._count_commit() or fault
        if fault is not None:
            return self._fail(request, fault)
        self.pause(world.random.uniform(0.01, 0.3))
        return _to_httpx(response.status, response.headers, response.body)

    def before_write(self) -> None:
        """Give others the chance to run before the journal is written."""
        self.pause(self._world.random.uniform(0.0005, 0.005))

    def after_write(self) -> None:
        """Give others the chance to run after the journal is written."""
        self._world.log("journal", run=self.id)
        self.pause(self._world.random.uniform(0.0005, 0.005))

    def plan(self, cancels_first: frozenset[int]) -> None:
        """Remember the plan."""
        self.planned_at = self._world.scheduler.now
        self.cancels_first = frozenset(self._lines[line] for line in cancels_first)
        if cancels_first:
            self._world.log("planned", run=self.id, cancels_first=sorted(self.cancels_first))

    def fork(self, body: Callable[[], None]) -> None:
        """Start another thread of the run."""
        self._tasks.append(self._world.scheduler.spawn(body, self))

    def wait(self) -> None:
        """Wait for `notify`."""
        if self._is_killed:
            # The other threads end by themselves.
            raise KilledError
        self._parked.append(self._world.scheduler.current)
        self._world.scheduler.park()

    def notify(self) -> None:
        """Let the waiting thread continue."""
        for task in self._parked:
            self._world.scheduler.wake(task)
        self._parked.clear()

    def _count_commit(self) -> str | None:
        """Return what happens to the response of a write that was carried out, if anything."""
        self.commits += 1
        if self.commits == self.killed_at_commit:
            self.kill()
            raise KilledError
        if self.commits == self.suspended_at_commit:
            self._suspend()
            # The connection drops while the machine sleeps.
            return "response lost"
        return None

    def _fail(self, request: httpx.Request, fault: str) -> httpx.Response:
        world = self._world
        if fault == "response late":
            self.pause(_RESPONSE_TIMEOUT)
            raise httpx.ReadTimeout("timed out", request=request)
        self.pause(world.random.uniform(0.01, 0.3))
        if fault == "refused":
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        if fault in {"request lost", "response lost"}:
            raise httpx.ReadError("connection reset", request=request)
        if fault == "response garbled":
            return _to_httpx(200, [("Content-Type", "text/html")], b"<html>\xff\xfe upstream")
        seconds = world.random.choice(_RETRY_AFTER)
        headers = [("Content-Type", "application/json")]
        if seconds is not None:
            headers.append(("Retry-After", seconds))
        return _to_httpx(503, headers, b'{"error": "busy", "code": "SERVER_ERROR"}')

    def _body(self) -> None:
        machine, world = self.machine, self._world
        try:
            self.report = run_command(self.words, machine.directory, machine.token, machine)
        except KilledError:
            return
        finally:
            self.stopped_at = world.scheduler.now
        rows = {line: row.get("status") or row["action"] for line, row in self.report.rows.items()}
        code = self.report.error.get("code")
        if code == "INTERNAL_ERROR":
            detail = f"{self.id}: {self.report.error['message']}"
            world.bugs.append(Violation("internal error", "", self.stopped_at, detail))
        world.log("reported", run=self.id, code=self.report.code, error=code, rows=rows)


class Outcome(NamedTuple):
    """The outcome of a seed.

    Attributes:
        digest: Digest of all events; equal for equal seeds.
        is_settled: Whether a last run finished everything.
    """

    seed: int
    digest: str
    events: int
    violations: list[Violation]
    is_settled: bool
    log: list[str]


class World:
    """The world of one seed; `directory` must be empty."""

    def __init__(
        self, seed: int, directory: Path, changes: Mapping[str, Any] | None = None
    ) -> None:
        self.seed, self.directory = seed, directory
        self.random = random.Random(f"simulation {seed}")  # noqa: S311 - reproducible
        self.setting = replace(choose_setting(self.random), **(changes or {}))
        self.scheduler = Scheduler(START)
        self.server = SimulatedServer(_ServerClock(self), self.setting.rules)
        taken: dict[str, list[float]] = {page: [] for page in PAGES[: self.setting.pages]}
        self.calendars = [
            SimulatedCalendar(
                self.random,
                START,
                number=number,
                taken=taken,
                rows=self.setting.rows // self.setting.calendars,
                key_share=self.setting.key_share,
            )
            for number in range(self.setting.calendars)
        ]
        self.versions: list[CalendarVersion] = []
        self.events: list[str] = []
        self.run_count = 0
        self._runs: list[Run] = []
        self._machines = [Machine(self, number) for number in range(self.setting.machines)]
        self._is_calm = False
        self._outage: tuple[float, str] = (0.0, "")
        self._wants_adoption = False
        self._is_distant = True
        self.bugs: list[Violation] = []
        self._keys: dict[str, int] = {}

    def live(self) -> Outcome:
        """Let everything happen, and check the history."""
        self.log("setting", **_plain(self.setting))
        for calendar in self.calendars:
            self._save_version(calendar, "write")
        with replace_parts(self.current_run, self.setting.rules.list_limit):
            rounds = 0
            while rounds < _MAX_ROUNDS and (len(self.events) < _MIN_EVENTS or rounds < _MIN_ROUNDS):
                self._play_round()
                rounds += 1
            is_settled = self._settle()
        self.server.publish_due()
        self.scheduler.close()
        history = self._history(is_settled=is_settled)
        violations = [*self.bugs, *check(history)]
        for found in violations:
            self.log("violation", rule=found.rule, row=found.row, detail=found.detail)
        digest = hashlib.sha256("\n".join(self.events).encode()).hexdigest()
        return Outcome(self.seed, digest, len(self.events), violations, is_settled, self.events)

    def current_run(self) -> Run:
        """Return the run that is active now."""
        owner = self.scheduler.current.owner
        assert isinstance(owner, Run)
        return owner

    def find_version(self, calendar: SimulatedCalendar) -> int:
        """Return the index of the present version of a calendar."""
        index = len(self.versions) - 1
        while self.versions[index].calendar != calendar.name:
            index -= 1
        return index

    def log(self, event: str, **values: object) -> None:
        """Add an event to the history."""
        at = round(self.scheduler.now - START, 4)
        self.events.append(json.dumps({"at": at, "event": event, **values}))

    def number_key(self, key: str | None) -> int | None:
        """Return the number of an idempotency key, by their first use: digests vary with paths."""
        return None if key is None else self._keys.setdefault(key, len(self._keys) + 1)

    def pick_fault(self) -> str | None:
        """Return what happens to the next request, if anything."""
        if self._is_calm:
            return None
        until, fault = self._outage
        if self.scheduler.now < until:
            return fault
        if self.random.random() >= self.setting.faults:
            return None
        (fault,) = self.random.choices(list(_FAULTS), list(_FAULTS.values()))
        if self.random.random() < self.setting.outages:
            seconds = self.random.choice((20.0, 5 * _MINUTE, 2 * _HOUR))
            self._outage = (self.scheduler.now + seconds, fault)
        return fault

    def _play_round(self) -> None:
        chance = self.random.random
        if self._runs and chance() < 0.5:
            for _ in range(self.random.choice((1, 1, 2, 4))):
                self._edit()
        if self._runs and chance() < self.setting.accidents:
            self._have_accident()
        if chance() < 0.5:
            hours = self.random.choice((0.02, 0.3, 1, 3, 13, 23, 25, 49))
            self._wait(hours * _HOUR)
        machine = self.random.choice(self._machines)
        if self._is_distant or (self._runs and self._runs[-1].machine is not machine):
            # Wait longer than lists lag.
            self._wait(self.setting.rules.lag + self.random.uniform(5, 300))
        self._is_distant = False
        run = self._start(machine, self.random.choice(self.calendars))
        other = self._interfere(run) if chance() < 0.3 else None
        self._finish(run)
        if other is not None:
            self._finish(other)
            self._is_distant = self._is_distant or other.machine is not machine

    def _interfere(self, run: Run) -> Run | None:
        """Do something while a run continues: start another one, or edit."""
        self.scheduler.pause(self.random.uniform(0, 3))
        machine = self.random.choice(self._machines)
        if machine is run.machine:
            return self._start(machine, self.random.choice(self.calendars))
        if self._may_overlap(run, machine):
            return self._start(machine, run.calendar)
        if self.random.random() < 0.5 and not run.task.is_done:
            self._edit()
        return None

    def _may_overlap(self, run: Run, machine: Machine) -> bool:
        """Whether a client could know what to do if another machine runs too.

        Runs on two machines know of each other by equal keys alone: so they must have the same
        past, file and token. A second run on one machine finds the first one's lock.
        """
        return (
            len(self._runs) == 1
            and run.version == self.find_version(run.calendar)
            and machine.token == run.machine.token
            and not self.setting.rules.ignores_keys
            and run.suspended_for < _HOUR
        )

    def _start(self, machine: Machine, calendar: SimulatedCalendar) -> Run:
        chance = self.random.random
        file = str(machine.files[calendar.number])
        words = ["bulk", "schedule", file, "--wait-lock", "0s"]
        words += [
            *machine.name_option(calendar),
            "--concurrency",
            str(self.setting.concurrency),
            "--max-cancel",
            "100",
        ]
        if self.setting.prunes:
            words.append("--prune")
        if self._wants_adoption:
            words.append("--adopt")
        if self._runs and chance() < 0.03 and not self._is_calm:
            words = ["bulk", "cancel", file, "--yes", "--wait-lock", "0s"]
            words += machine.name_option(calendar)
        run = self._run(machine, calendar, words)
        if self._is_calm:
            return run
        if chance() < self.setting.crashes:
            if chance() < 0.5:
                run.killed_at_step = self._choose_step()
            else:
                run.killed_at_commit = self.random.randint(1, 5)
        if chance() < self.setting.sleeps:
            if chance() < 0.5:
                run.suspended_at_step = self._choose_step()
            else:
                run.suspended_at_commit = self.random.randint(1, 5)
            run.suspended_for = self.random.choice(self.setting.suspensions)
        return run

    def _choose_step(self) -> int:
        return int(self.random.triangular(1, 80, 15))

    def _run(self, machine: Machine, calendar: SimulatedCalendar, words: Sequence[str]) -> Run:
        machine.files[calendar.number].write_text(calendar.to_csv(), encoding="utf-8")
        run = Run(self, machine, calendar, words)
        self._runs.append(run)
        calendar.note_run()
        self.log("run", run=run.id, machine=machine.name, words=_without_paths(words))
        return run

    def _finish(self, run: Run) -> None:
        """Wait for a run, and act on its report."""
        self.scheduler.join(run.task)
        report = run.report
        if report is None:
            return
        calendar = run.calendar
        is_current = run.version == self.find_version(calendar)
        if report.code == 0 and is_current and "schedule" in run.words:
            calendar.note_success()
        problems = (report.error.get("details") or {}).get("problems") or ()
        late = [
            problem["line"]
            for problem in problems
            if any(words in problem["message"] for words in _TOO_LATE)
        ]
        if late and is_current:
            for change in calendar.remove_lines(late):
                self._save_version(calendar, change)
            if not calendar.rows:
                self._save_version(calendar, calendar.add(self.scheduler.now))
        self._wants_adoption = report.names("--adopt")
        if report.error.get("code") == "AMBIGUOUS_CALENDAR":
            # Calendars have no row in common: all that it might be are earlier versions of it.
            run.machine.names[calendar.number] = report.error["details"]["calendars"][0]
        if report.names("bulk reconcile"):
            self._reconcile(run.machine, calendar)

    def _reconcile(self, machine: Machine, calendar: SimulatedCalendar) -> None:
        """Settle ambiguous rows, as a person who looks at the dashboard does."""
        self._wait(self.setting.rules.lag + self.random.uniform(5, 300))
        is_trusting = self.random.random() < 0.5
        report = self._run_reconcile(machine, calendar, ["--yes"] if is_trusting else [])
        decisions: list[str] = []
        for line, row in report.rows.items():
            if row["action"] == "hold":
                shown = {candidate["id"] for candidate in row["candidates"]}
                post = self._choose_post(calendar.rows[line - 2].name, shown)
                decisions += [f"--pair={line}={post.id}" if post else f"--new={line}"]
        if not decisions:
            return
        report = self._run_reconcile(machine, calendar, decisions)
        if report.code == 2:
            # The list that the product reads has none of the posts.
            for decision in decisions:
                if decision.startswith("--pair="):
                    self._cancel_elsewhere(decision.rpartition("=")[2])
            self._wait(self.setting.rules.lag + _MINUTE)
            lines = [decision.split("=")[1] for decision in decisions]
            self._run_reconcile(machine, calendar, [f"--new={line}" for line in lines])
        # A decision is valid for one run: another machine may send the row next.
        self.scheduler.join(self._start(machine, calendar).task)

    def _run_reconcile(
        self, machine: Machine, calendar: SimulatedCalendar, options: Sequence[str]
    ) -> ExitReport:
        words = [
            "bulk",
            "reconcile",
            str(machine.files[calendar.number]),
            "--wait-lock",
            "0s",
            *machine.name_option(calendar),
            *options,
        ]
        run = self._run(machine, calendar, words)
        self.scheduler.join(run.task)
        assert run.report is not None
        return run.report

    def _choose_post(self, row: str, shown: Collection[str]) -> StoredPost | None:
        """Return the post of a row: one of those `shown` if it is published, else a pending one.

        If a killed run left two pending posts, the older one is cancelled.
        """
        now = self.scheduler.now
        live = [
            post
            for post in self.server.posts.values()
            if post.cancelled_at is None and parse_marker(post.message)[0] == row
        ]
        for post in live:
            if post.published_at is not None and post.id in shown:
                return post
        pending = [post for post in live if post.scheduled_at > now]
        for post in pending[:-1]:
            self._cancel_elsewhere(post.id)
        return pending[-1] if pending else None

    def _cancel_elsewhere(self, post_id: str) -> None:
        # Events are ordered by timestamp only; do not share one with a run's write.
        self.scheduler.pause(_TICK_SECONDS)
        self.server.cancel_elsewhere(post_id)
        self.log("cancelled elsewhere", post=post_id)
        self._is_distant = True

    def _have_accident(self) -> None:
        machine = self.random.choice(self._machines)
        kind = self.random.choice(self.setting.accident_kinds)
        state = machine.directory / "state"
        if kind == "token":
            machine.token = self.random.choice(TOKENS[: self.setting.tokens])
        elif kind == "clock":
            machine.skew += self.random.choice((-1, 1)) * self.random.choice(
                (30.0, 2 * _HOUR, 26 * _HOUR, 400 * 24 * _HOUR)
            )
        elif kind == "backup":
            machine.backup = machine.directory / f"backup {len(self.events)}"
            shutil.rmtree(machine.backup, ignore_errors=True)
            if state.exists():
                shutil.copytree(state, machine.backup)
        elif kind == "restore" and machine.backup is not None and machine.backup.exists():
            shutil.rmtree(state, ignore_errors=True)
            shutil.copytree(machine.backup, state)
            machine.journals += 1
            self._is_distant = True
        elif kind == "lost":
            shutil.rmtree(state, ignore_errors=True)
            machine.journals += 1
            self._is_distant = True
        elif kind == "renamed":
            calendar = self.random.choice(self.calendars)
            folder = machine.directory / self.random.choice(("work", "home", "other"))
            folder.mkdir(exist_ok=True)
            name = self.random.choice(("calendar.csv", "posts.csv", "käse 2.csv"))
            machine.files[calendar.number] = folder / name
            self._is_distant = True
        elif kind == "cancelled elsewhere":
            now = self.scheduler.now
            pending = [
                post.id
                for post in self.server.posts.values()
                if post.cancelled_at is None and post.scheduled_at > now
            ]
            if pending:
                self._cancel_elsewhere(self.random.choice(pending))
        self.log("accident", kind=kind, machine=machine.name)

    def _settle(self) -> bool:
        """Run on every machine until everything is done, while nothing goes wrong any more."""
        self._is_calm = True
        pairs = list(dict.fromkeys((run.machine, run.calendar) for run in self._runs))
        for calendar in self.calendars:
            if all(calendar is not other for _, other in pairs):
                pairs.append((self.random.choice(self._machines), calendar))
        self.random.shuffle(pairs)
        for _ in range(_LAST_ROUNDS):
            reports = []
            for machine, calendar in pairs:
                self._wait(self.setting.rules.lag + 2 * _MINUTE)
                run = self._start(machine, calendar)
                self._finish(run)
                reports.append(run.report)
            if all(report is not None and report.code == 0 for report in reports):
                return True
        return False

    def _wait(self, seconds: float) -> None:
        self.scheduler.pause(seconds)
        self.server.publish_due()

    def _edit(self) -> None:
        calendar = self.random.choice(self.calendars)
        self._save_version(calendar, calendar.edit(self.scheduler.now))

    def _save_version(self, calendar: SimulatedCalendar, change: str) -> None:
        now = self.scheduler.now
        self.versions.append(CalendarVersion(now, calendar.contents, calendar.name))
        self.log("calendar", change=change)

    def _history(self, *, is_settled: bool) -> History:
        posts = []
        for post in self.server.posts.values():
            row, version = parse_marker(post.message)
            posts.append(
                PostRecord(
                    post.id,
                    row,
                    format_content(version, post.scheduled_at),
                    post.scheduled_at,
                    post.created_at,
                    post.created_by,
                    post.cancelled_at,
                    post.cancelled_by,
                    post.published_at,
                )
            )
        runs = [run.to_record() for run in self._runs]
        return History(self.versions, posts, runs, is_settled, self.scheduler.now)


class _ServerClock:
    """The server's clock, without skew."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._world.scheduler.now, UTC)

    def monotonic(self) -> float:
        return self._world.scheduler.now

    def sleep(self, seconds: float) -> None:
        """Return immediately."""

    def random(self) -> float:
        return 0.5


def _to_httpx(status: int, headers: Sequence[tuple[str, str]], body: bytes) -> httpx.Response:
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return httpx.Response(status, headers=kept, stream=_Body(body))


class _Body(httpx.SyncByteStream):
    """The body of a response."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Any:
        yield self._content


def _without_paths(words: Sequence[str]) -> list[str]:
    return [Path(word).name if word.startswith("/") else word for word in words]


def _plain(setting: Setting) -> dict[str, object]:
    return {**vars(setting), "rules": vars(setting.rules)}
