"""Damaged, rolled-back and foreign journals, with every hint followed literally.

A calendar is scheduled and edited, its journal is damaged, and `bulk schedule` is run. Whatever a
message names is done as written: commands, options, placeholders filled in by a user who knows
which post belongs to which row, in every order that the messages allow. After each command no row
may have two posts, none may have lost its post, and no post of another client may be cancelled that
was not paired. From every resulting state, `bulk reconcile` must lead to a clean `bulk schedule`.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self
from unittest.mock import patch

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.guardrails import check_guardrails
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import JOURNAL_FILE
from tests.bulk.calendars import CalendarRow, Snapshot
from tests.clocks import ManualClock
from tests.command_line import Result
from tests.reliability.hint_cases import (
    DAMAGES,
    Author,
    Copies,
    Setting,
    add_foreign_posts,
    describe,
    list_expected_posts,
    make_other_calendar,
    make_setting,
    open_journal,
)
from tests.reliability.hint_reader import (
    MOVE_AWAY,
    NEW_STATE,
    Step,
    all_messages,
    commands_in_table,
    find_forbidden,
    parse_messages,
    title,
)
from tests.reliability.machines import World
from tests.reliability.outcomes import find_traceback
from tests.reliability.proxy import Exchange, Request, RuleProxy, change_text

CASES = 200
_START = datetime(2026, 11, 23, 12, tzinfo=UTC)
_WINDOW_SECONDS = 61.0
_MAX_DEPTH = 5
_MAX_COMMANDS = 30
_MAX_ROUNDS = 4
_SHOWN_NOTES = 12
_NEW_NAME = "another"
_MEMORY = Path("/dev/shm")  # noqa: S108 - a separate directory in it
_ENTRIES = (
    "SELECT calendar, row, generation, fingerprint, state, post_id FROM entries "
    "ORDER BY calendar, row, generation"
)
_COUNTS = ("commands", "endings", "doubled", "lost", "cancelled", "stuck", "faults")
_PAIRED = re.compile(r"paired with (\S+)")


class CaseClock(ManualClock):
    """A clock that can be set back, while rate limits continue."""

    def __init__(self) -> None:
        super().__init__(_START)
        self._offset = 0.0

    def monotonic(self) -> float:
        return self.current.timestamp() + self._offset

    def set_time(self, now: datetime) -> None:
        """Set the time; a minute passes for rate limits."""
        self._offset += (self.current - now).total_seconds() + _WINDOW_SECONDS
        self.current = now


@dataclass
class Outcome:
    """Findings of a case.

    Attributes:
        commands: Number of commands that were run.
        endings: Number of states from which `reconcile` was tried.
        doubled: Rows that had two posts at some time.
        lost: Rows that lost their post, or had none in the end.
        cancelled: Foreign posts that were cancelled, though never paired.
        stuck: Endings from which no clean run was reached.
        faults: Tracebacks, forbidden hints and hints that lead nowhere.
    """

    seed: int
    damage: str
    commands: int = 0
    endings: int = 0
    doubled: int = 0
    lost: int = 0
    cancelled: int = 0
    stuck: int = 0
    faults: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.doubled or self.lost or self.cancelled or self.stuck or self.faults)


class Server:
    """An emulator and its proxy, for many cases."""

    def __init__(self, directory: Path) -> None:
        self._stack = ExitStack()
        self.clock = CaseClock()
        self.has_guardrails = False

        def check_if_any(*values: Any, **options: Any) -> None:
            if self.has_guardrails:
                check_guardrails(*values, **options)

        self._stack.enter_context(
            patch("outreply_cli.emulator.posts.check_guardrails", check_if_any)
        )
        self.emulator = self._stack.enter_context(
            EmulatorServer(
                directory / "emulator.db",
                self.clock,
                config=EmulatorConfig(seed=1, is_lenient=True),
            )
        )
        self.proxy = self._stack.enter_context(RuleProxy(self.emulator.app))
        self.tokens = [
            self.emulator.token,
            str(self.emulator.handle.request("token", name="second")["token"]),
        ]
        rows = self.emulator.state.connection.execute(
            "SELECT id, platform || ':' || username AS page FROM pages"
        ).fetchall()
        self.page_ids = {str(row["page"]): str(row["id"]) for row in rows}
        self._empty = Snapshot(self.emulator)
        self._stack.callback(self._empty.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def reset(self, setting: Setting) -> None:
        """Make the account as it is before a case."""
        self.restore(self._empty, _START)
        self.has_guardrails = setting.guardrails
        self.proxy.recover()
        self.proxy.received.clear()
        self.proxy.request_filters[:] = [change_text(str.strip)] if setting.trims else []

    def restore(self, account: Snapshot, now: datetime) -> None:
        """Put an account back."""
        with self.emulator.state._lock:
            account.restore(self.emulator)
        self.clock.set_time(now)

    def posts(self) -> list[Any]:
        """Return all posts with their pages, in the order of their creation."""
        return self.emulator.state.connection.execute(
            "SELECT posts.id, platform || ':' || username AS page, page_id, posts.status, "
            "scheduled_at, message FROM posts JOIN pages ON pages.id = posts.page_id "
            "ORDER BY posts.number"
        ).fetchall()


class Saved(NamedTuple):
    """A state of the world, to continue from it several times."""

    account: Snapshot
    files: dict[str, bytes]
    now: datetime
    paired: frozenset[str]
    state: Path


class Decisions(NamedTuple):
    """The true decisions about ambiguous rows and posts.

    Attributes:
        pairs: Lines and the posts that are theirs, as `--pair` takes them.
        new: Lines that were never scheduled.
        separate: Posts that belong to no row.
        changed: Lines whose posts the journal knows, and whose edits were never scheduled.
    """

    pairs: list[str]
    new: list[str]
    separate: list[str]
    changed: list[str]


class Case:
    """One calendar and its damaged journal."""

    def __init__(self, server: Server, directory: Path, seed: int, max_commands: int) -> None:
        damages = list(DAMAGES)
        self._random = Random(seed)  # noqa: S311 - the same each time
        self._server, self._directory = server, directory
        self._max_commands = max_commands
        self.setting = make_setting(self._random, damages[seed % len(damages)])
        self.outcome = Outcome(seed, self.setting.damage)
        self._author = Author(self._random)
        self._others: set[str] = set()
        self._paired: set[str] = set()
        self._calendar_ids_before: set[str] = set()
        self._seen: set[str] = set()
        self._path: list[str] = []
        self._has_failed = False
        server.reset(self.setting)
        self._world = World(server.emulator, server.proxy, server.clock, directory)
        self._machine = self._world.machine("machine")
        if not (self.setting.trims or "log" in self.setting.damage or self._copies_run):
            self._machine.environ["OUTREPLY_BASE_URL"] = server.emulator.base_url
        self._state = self._machine.home / "state"
        self._file = "my calendar.csv" if seed % 3 == 0 else "calendar.csv"

    @property
    def _keeps_posts(self) -> bool:
        """Whether the journal does not say that posts are to be cancelled."""
        return self.setting.damage != "states cancelling"

    @property
    def _copies_run(self) -> bool:
        return "run" in self.setting.damage

    def run(self) -> Outcome:
        """Make the calendar and the damage, then follow every hint."""
        self._prepare()
        self._visit(Step(self._base), 0)
        return self.outcome

    # The calendar and the damage.

    def _prepare(self) -> None:
        setting, author, server = self.setting, self._author, self._server
        foreign = self._make_foreign_journal()
        copies = []
        for number in range(setting.runs):
            if number:
                author.edit()
            during = self._directory / f"during-{number}"
            self._copy_during_next_run(during)
            self._schedule_before(author.rows)
            copies.append(self._copy_state(f"after-{number}"))
        self._calendar_ids_before = self._calendar_ids(copies[-1])
        if not during.exists():
            during = copies[0]
        with server.emulator.state.transaction() as db:
            self._others.update(add_foreign_posts(db, author, setting.others, server.page_ids))
        author.edit()
        path = self._world.calendar(author.rows, self._file)
        if setting.is_renamed:
            renamed = path.with_name("renamed.csv")
            path.rename(renamed)
            path = renamed
        self._path_of_file = str(path)
        if setting.damage == "intact" or (setting.damage == "rows deleted" and setting.others):
            # Both calendars were scheduled from the same machine.
            self._merge_foreign(foreign)
        damage = DAMAGES[setting.damage]
        damage(self._state, Copies(copies[0], copies[-1], during, foreign), self._random)
        if setting.other_token:
            self._machine.environ["OUTREPLY_API_KEY"] = server.tokens[1]
        server.clock.advance(setting.pause)
        self._before = self._count_live()

    @property
    def _base(self) -> tuple[str, ...]:
        words = ["bulk", "schedule", self._path_of_file, *self._name_words]
        words += ["--prune"] if self.setting.prune else []
        words += ["--json"] if self.setting.as_json else []
        return (*words, "--concurrency", "1")

    @property
    def _name_words(self) -> list[str]:
        return ["--name", self.setting.name] if self.setting.name else []

    def _schedule_before(self, rows: Sequence[CalendarRow]) -> None:
        path = self._world.calendar(rows, self._file)
        words = ["bulk", "schedule", str(path), *self._name_words, "--concurrency", "1"]
        words += ["--prune", "--max-cancel", "99"] if self.setting.prune else []
        result = self._machine.run(*words)
        assert result.code == 0, result.err
        self._server.proxy.recover()

    def _make_foreign_journal(self) -> Path:
        """Schedule the calendar of another client from another machine; return its state."""
        random = self._random
        machine = self._world.machine("other")
        machine.environ["OUTREPLY_BASE_URL"] = self._machine.environ["OUTREPLY_BASE_URL"]
        state = machine.home / "state"
        needed = self.setting.damage in {"of another calendar", "of another account", "intact"}
        if not needed and not (self.setting.damage == "rows deleted" and self.setting.others):
            return state
        before = {post["id"] for post in self._server.posts()}
        path = self._world.calendar(
            make_other_calendar(self._author, random), "client/calendar.csv"
        )
        result = machine.run("bulk", "schedule", str(path))
        assert result.code == 0, result.err
        self._others.update({post["id"] for post in self._server.posts()} - before)
        return state

    def _merge_foreign(self, foreign: Path) -> None:
        with open_journal(self._state) as database:
            database.execute("ATTACH ? AS foreign_journal", (str(foreign / JOURNAL_FILE),))
            columns = ", ".join(
                row[1]
                for row in database.execute("PRAGMA main.table_info(entries)").fetchall()
                if row[1] not in {"id", "replaces"}
            )
            database.execute(
                f"INSERT INTO main.entries ({columns}) "  # noqa: S608
                f"SELECT {columns} FROM foreign_journal.entries"
            )
            database.execute(
                "INSERT OR IGNORE INTO main.calendars SELECT * FROM foreign_journal.calendars"
            )
            database.execute("DETACH foreign_journal")

    def _copy_during_next_run(self, copy: Path) -> None:
        def act(request: Request, exchange: Exchange) -> None:
            del request, exchange
            shutil.copytree(self._state, copy)

        number = self._random.randint(1, 4)
        self._server.proxy.on("POST", "/posts/schedule", act, numbers=[number])

    def _copy_state(self, name: str) -> Path:
        copy = self._directory / name
        shutil.copytree(self._state, copy)
        return copy

    def _calendar_ids(self, state: Path) -> set[str]:
        with open_journal(state) as database:
            rows = database.execute("SELECT id FROM calendars").fetchall()
        return {str(row[0]).removeprefix("name:") for row in rows}

    # Following hints.

    def _visit(self, step: Step, depth: int) -> None:
        """Do a step, then every step that its messages name, each from the same state."""
        result = self._do(step)
        if self._has_failed:
            return
        words = step.words
        if words[:2] == ("bulk", "schedule") and result.code == 0:
            self._check_end(words)
            return
        steps = self._steps(result, words)
        key = self._state_key(steps)
        if key in self._seen:
            return
        self._seen.add(key)
        if not steps:
            self._fault(f"nothing to follow after exit code {result.code}")
        if not steps or depth >= _MAX_DEPTH or self.outcome.commands >= self._max_commands:
            self._recover_with_reconcile()
            return
        saved = self._save()
        try:
            path = list(self._path)
            for number, following in enumerate(steps):
                if number:
                    self._restore(saved)
                    self._path = list(path)
                self._visit(following, depth + 1)
                self._has_failed = False
                if self.outcome.commands >= self._max_commands * 2:
                    break
        finally:
            saved.account.close()

    def _do(self, step: Step) -> Result:
        if step.before == MOVE_AWAY:
            self._move_away()
        elif step.before == NEW_STATE:
            self._state = self._machine.home / "another state"
            self._machine.environ["OUTREPLY_STATE_DIR"] = str(self._state)
        return self._run(*step.words, before=step.before)

    def _run(self, *words: str, before: str = "") -> Result:
        result = self._machine.run(*words)
        self.outcome.commands += 1
        self._path.append(
            f"{Step(words, before)} -> {result.code}\n{_indent(all_messages(result))}"
        )
        if words[:2] == ("bulk", "reconcile") and "--dry-run" not in words:
            self._paired |= _paired_posts(result)
        self._check(result)
        return result

    def _steps(self, result: Result, words: tuple[str, ...]) -> list[Step]:
        """Return what the messages of a command allow to do next."""
        advice = parse_messages(result, self._path_of_file)
        steps = self._named_commands(result, words)
        if advice.says_yes and "--yes" not in words:
            steps.append(Step((*words, "--yes")))
        if advice.requires_decisions:
            plain = _without_decisions(words)
            decided = [Step((*plain, *decisions)) for decisions in self._decisions(words)]
            # Rows whose candidates were paired with other rows are no longer ambiguous.
            steps += decided or [Step(self._base)]
        if advice.says_without:
            steps.append(Step(_without_decisions(words)))
        steps += [Step((*_without_name(words), "--name", name)) for name in self._names(result)]
        if advice.max_cancel is not None:
            steps.append(Step((*words, "--max-cancel", advice.max_cancel)))
        if advice.changes_state:
            steps.append(Step(words, NEW_STATE))
        if advice.says_again:
            steps.append(Step(words))
        is_settled = words[:2] != ("bulk", "schedule") and result.code == 0
        if is_settled and not (words[1] == "status" and steps):
            steps.append(Step(self._base))
        return list(dict.fromkeys(steps))

    def _named_commands(self, result: Result, words: tuple[str, ...]) -> list[Step]:
        advice = parse_messages(result, self._path_of_file)
        commands = list(advice.commands)
        if words[:2] == ("store", "status"):
            commands += commands_in_table(result, self._path_of_file)
        return [
            Step(command, MOVE_AWAY if advice.moves_away and command[0] == "bulk" else "")
            for command in commands
            if command[:2] != ("posts", "cancel") or self._is_earlier_version(command[2])
        ]

    def _is_earlier_version(self, post_id: str) -> bool:
        """Return whether a post is that of a row before its last edit."""
        rows = {item.number: item.row for item in self._author.items}
        for post, number in self._live_posts():
            if post["id"] == post_id and number is not None and number in rows:
                row = rows[number]
                version = (post["page"], post["message"].strip(), post["scheduled_at"])
                return version not in list_expected_posts([row])
        return False

    def _names(self, result: Result) -> list[str]:
        """Return the names that a message offers, as far as they are true."""
        advice = parse_messages(result, self._path_of_file)
        valid = [name for name in advice.names if name in self._valid_names()]
        if valid or not advice.names:
            return valid
        return [_NEW_NAME] if advice.is_separate_possible else list(advice.names)

    def _valid_names(self) -> set[str]:
        return {*self._calendar_ids_before, self.setting.name, _NEW_NAME} - {""}

    def _decisions(self, words: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield options by which a user who knows the truth decides: all, or some at first."""
        pairs, new, separate, changed = self._decide(words)
        groups = [
            tuple(word for item in items for word in (option, item))
            for option, items in (("--pair", pairs), ("--new", new), ("--separate", separate))
            if items
        ]
        if not groups:
            return
        yield tuple(word for group in groups for word in group)
        if len(groups) > 1:
            yield from groups
        if len(groups[0]) > 2:
            yield groups[0][-2:]
        if changed:
            # Their present versions were never scheduled.
            yield tuple(word for line in changed for word in ("--new", line))

    def _decide(self, words: Sequence[str]) -> Decisions:
        """Return the true decisions about the ambiguous rows."""
        options = {"--json", "--yes"}
        plain = [word for word in _without_decisions(words) if word not in options]
        result = self._machine.run(*plain, "--dry-run", "--json")
        status = self._machine.run("bulk", "status", *plain[2:], "--json")
        self.outcome.commands += 2
        self._check(result)
        if result.code != 0 or status.code != 0:
            return Decisions([], [], [], [])
        # An ambiguous row may have its post already: only the candidates are decided about.
        known = {row["line"]: row["id"] for row in json.loads(status.out)}
        row_posts: dict[int, str] = {}
        foreign_ids: set[str] = set()
        present = {item.number for item in self._author.items}
        for post, number in self._live_posts():
            if number in present:
                row_posts.setdefault(number, post["id"])
            else:
                foreign_ids.add(post["id"])
        lines = self._author.lines()
        pairs, new, separate, changed = [], [], [], []
        for row in json.loads(result.out)["rows"]:
            if row["action"] != "hold":
                continue
            post_id = row_posts.get(lines[row["line"]].number)
            if post_id is not None and known.get(row["line"]) == post_id:
                changed.append(str(row["line"]))
            elif post_id is not None:
                pairs.append(f"{row['line']}={post_id}")
            else:
                new.append(str(row["line"]))
            separate += [post["id"] for post in row["candidates"] if post["id"] in foreign_ids]
        return Decisions(pairs, new, list(dict.fromkeys(separate)), changed)

    # Recovery with reconcile.

    def _recover_with_reconcile(self) -> None:
        self.outcome.endings += 1
        plain = ("bulk", "reconcile", self._path_of_file)
        result: Result | None = None
        for number in range(_MAX_ROUNDS):
            settled = self._settle((*plain, *(("--yes",) if number == 1 else ())))
            if settled is not None and settled.code == 3:
                pairs, new, separate, _ = self._decide(plain)
                options = [w for pair in pairs for w in ("--pair", pair)]
                options += [w for line in new for w in ("--new", line)]
                options += [w for post in separate for w in ("--separate", post)]
                # The first round shows what is held, the next one confirms what it can.
                if number:
                    settled = self._settle((*plain, *options))
            result = self._settle(self._base)
            if self._has_failed:
                return
            if result is not None and result.code == 0:
                self._check_end(self._base)
                return
        self._note("stuck", f"stuck: {title(result) if result else ''}")
        self.outcome.stuck += 1

    def _settle(self, words: tuple[str, ...]) -> Result | None:
        """Run a command; where a message names an option or a file to move, do it."""
        step = Step(words)
        for _ in range(_MAX_ROUNDS):
            result = self._do(step)
            if self._has_failed:
                return None
            advice = parse_messages(result, self._path_of_file)
            names = self._names(result)
            if advice.moves_away:
                step = Step(step.words, MOVE_AWAY)
            elif names:
                step = Step((*_without_name(step.words), "--name", names[0]))
            elif advice.max_cancel is not None:
                step = Step((*step.words, "--max-cancel", advice.max_cancel))
            else:
                break
        return result

    # Checks.

    def _check(self, result: Result) -> None:
        live = self._count_live()
        for number, count in live.items():
            if count > 1 and self._before[number] <= 1:
                self.outcome.doubled += 1
                self._note("doubled", f"row #{number} has {count} posts")
        for number, count in self._before.items():
            if count and not live[number] and number in self._numbers() and self._keeps_posts:
                self.outcome.lost += 1
                self._note("lost", f"row #{number} has lost its post")
        statuses = {post["id"]: post["status"] for post in self._server.posts()}
        for post_id in self._others - self._paired:
            if statuses[post_id] not in {"scheduled", "published"}:
                self.outcome.cancelled += 1
                self._note("cancelled", f"foreign post {post_id} is {statuses[post_id]}")
        traceback = find_traceback(result.err + result.out)
        if traceback is not None:
            self._fault(traceback)
        for option in find_forbidden(result):
            self._fault(f"a message names {option}")
        self._before = live

    def _check_end(self, words: Sequence[str]) -> None:
        """Check that each row has exactly one post, and that a second run has nothing to do."""
        posts = Counter(
            (post["page"], post["message"].strip(), post["scheduled_at"])
            for post in self._server.posts()
            if post["status"] in {"scheduled", "published"} and post["id"] not in self._others
        )
        rows = list_expected_posts(self._author.rows)
        missing = sorted(row for row in rows if not posts[row])
        surplus = sorted(row for row in rows if posts[row] > 1)
        live = self._count_live()
        surplus_numbers = sorted(n for n in self._numbers() if live[n] > 1)
        # A post of another client that was paired by a person and has the row's content.
        missing = [row for row in missing if not self._has_paired(row)]
        if missing:
            self.outcome.lost += len(missing)
            self._note("lost", f"a clean run, but missing: {missing}")
        if surplus or surplus_numbers:
            self.outcome.doubled += len(surplus) or len(surplus_numbers)
            self._note("doubled", f"a clean run, but twice: {surplus} {surplus_numbers}")
        if self._has_failed:
            return
        result = self._run(*words)
        if not self._has_failed and result.code != 0:
            self.outcome.stuck += 1
            self._note("stuck", f"not clean when run again: {title(result)}")

    def _has_paired(self, row: tuple[str, str, float]) -> bool:
        return any(
            post["id"] in self._paired
            and post["status"] == "scheduled"
            and (post["page"], post["message"].strip(), post["scheduled_at"]) == row
            for post in self._server.posts()
        )

    def _numbers(self) -> set[int]:
        return {item.number for item in self._author.items}

    def _live_posts(self) -> Iterator[tuple[Any, int | None]]:
        """Yield each live post, and the number of its row, if it came from the calendar."""
        for post, owner in self._all_posts():
            if post["status"] in {"scheduled", "published"}:
                yield post, owner

    def _all_posts(self) -> Iterator[tuple[Any, int | None]]:
        for post in self._server.posts():
            owner = self._author.owners.get((post["page"], (post["message"] or "").strip()))
            yield post, owner if post["id"] not in self._others else None

    def _count_live(self) -> Counter[int]:
        return Counter(number for _, number in self._live_posts() if number is not None)

    def _fault(self, text: str) -> None:
        self.outcome.faults += 1
        self._note("fault", text)

    def _note(self, kind: str, text: str) -> None:
        self._has_failed = True
        history = "\n".join(self._path)
        posts = "\n".join(
            f"{post['id']} {post['status']:9} {post['page']:24} "
            f"{datetime.fromtimestamp(post['scheduled_at'] or 0, UTC):%d %H:%M} "
            f"{owner if owner is not None else '-':>3} {post['message']!r}"
            for post, owner in self._all_posts()
        )
        self.outcome.notes.append(
            f"seed {self.outcome.seed}, {kind}: {text}\n{self.setting}\n"
            f"{describe(self._author.rows)}\n{history}\n{posts}"
        )

    # States.

    def _move_away(self) -> None:
        for path in self._state.glob(f"{JOURNAL_FILE}*"):
            path.unlink()

    def _save(self) -> Saved:
        files = {
            str(path.relative_to(self._machine.home)): path.read_bytes()
            for path in self._machine.home.rglob("*")
            if path.is_file()
        }
        return Saved(
            Snapshot(self._server.emulator), files, self._server.clock.now(),
            frozenset(self._paired), self._state,
        )  # fmt: skip

    def _restore(self, saved: Saved) -> None:
        shutil.rmtree(self._machine.home)
        for name, content in saved.files.items():
            path = self._machine.home / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
        self._server.restore(saved.account, saved.now)
        self._paired = set(saved.paired)
        self._state = saved.state
        self._machine.environ["OUTREPLY_STATE_DIR"] = str(saved.state)
        self._before = self._count_live()

    def _state_key(self, steps: Iterable[Step]) -> str:
        """Return a digest of the posts, the journal and the next steps."""
        content = [str(step) for step in steps]
        content += [str(tuple(post)) for post in self._server.posts()]
        content.append(self._journal_content())
        return hashlib.sha256("\n".join(content).encode()).hexdigest()

    def _journal_content(self) -> str:
        path = self._state / JOURNAL_FILE
        if not path.exists():
            return ""
        try:
            with open_journal(self._state) as database:
                return str([
                    database.execute(sql).fetchall()
                    for sql in (_ENTRIES, "SELECT * FROM separate_posts ORDER BY 1, 2")
                ])  # fmt: skip
        except Exception:  # noqa: BLE001 - a damaged file
            return hashlib.sha256(path.read_bytes()).hexdigest()


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _without_name(words: Sequence[str]) -> tuple[str, ...]:
    if "--name" not in words:
        return tuple(words)
    index = list(words).index("--name")
    return (*words[:index], *words[index + 2 :])


def _without_decisions(words: Sequence[str]) -> tuple[str, ...]:
    options = {"--pair", "--new", "--separate"}
    return tuple(
        word
        for index, word in enumerate(words)
        if word not in options and (index == 0 or words[index - 1] not in options)
    )


def _paired_posts(result: Result) -> set[str]:
    try:
        rows = json.loads(result.out)["rows"]
    except (ValueError, TypeError, LookupError):
        return set(_PAIRED.findall(result.out))
    return {str(row["id"]) for row in rows if row["action"] == "pair"}


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Create a directory, in memory if possible."""
    parent = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="outreply-hints-", dir=parent) as name:
        yield Path(name)


def run_case(
    server: Server, directory: Path, seed: int, max_commands: int = _MAX_COMMANDS
) -> Outcome:
    """Run one case in a new directory below `directory`.

    After `max_commands`, paths are not extended; after twice as many, no new path starts.
    """
    with tempfile.TemporaryDirectory(dir=directory) as name:
        return Case(server, Path(name), seed, max_commands).run()


def run_cases(seeds: Sequence[int]) -> list[Outcome]:
    """Run cases on one server."""
    with scratch_directory() as directory, Server(directory) as server:
        return [run_case(server, directory, seed) for seed in seeds]


def run_all(seeds: Sequence[int], workers: int) -> list[Outcome]:
    """Run cases in parallel processes; the outcomes are in the order of their seeds."""
    if workers == 1:
        return run_cases(seeds)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        parts = pool.map(run_cases, [seeds[first::workers] for first in range(workers)])
        return sorted(
            (outcome for part in parts for outcome in part), key=lambda outcome: outcome.seed
        )


def print_report(outcomes: Sequence[Outcome]) -> bool:
    """Print a table and the failures; return whether it is a success."""
    print(f"{'':24}{' '.join(f'{head:>9}' for head in ('cases', *_COUNTS))}")
    for damage in DAMAGES:
        print_line(damage, [outcome for outcome in outcomes if outcome.damage == damage])
    print_line("total", outcomes)
    failures = [outcome for outcome in outcomes if not outcome.is_success]
    for outcome in failures[:_SHOWN_NOTES]:
        print(f"\n{outcome.notes[0]}")
    for outcome in failures:
        for note in outcome.notes:
            print(note.split("\n", 1)[0])
    if failures:
        seeds = ", ".join(str(outcome.seed) for outcome in failures)
        print(f"\n{len(failures)} cases failed, by seed: {seeds}")
    return not failures


def print_line(title: str, outcomes: Sequence[Outcome]) -> None:
    """Print the sums of outcomes."""
    sums = (sum(getattr(outcome, name) for outcome in outcomes) for name in _COUNTS)
    counts = [len(outcomes), *sums]
    print(f"{title:24}{' '.join(f'{count:9,}' for count in counts)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--cases", type=int, default=CASES, help="number of cases")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")


def run(arguments: argparse.Namespace) -> bool:
    """Run the part and print its table; return whether it is a success."""
    started_at = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.cases)
    is_success = print_report(run_all(seeds, arguments.workers))
    print(f"hints: {(time.monotonic() - started_at) / 60:.1f} minutes")
    return is_success
