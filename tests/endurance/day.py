"""Simulated activity: a changing calendar, forwarded deliveries, replies and media."""

import random
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.daemon import STATE_FILE
from tests.clocks import HurriedClock
from tests.command_line import CommandLine
from tests.endurance.assertions import Comparison, Databases, compare
from tests.endurance.changing_calendar import ChangingCalendar
from tests.endurance.handler import Handler, digest
from tests.endurance.long_running import (
    Receiver,
    Usage,
    add_faults,
    get_usage,
    run_emulator,
    run_receiver,
)

TOKEN = "outreply_live_endurance"
SECRET = "whsec_endurance"
FAULT_RATE = 0.05
# Maximum growth between the two measurements; a few open connections are not a leak.
MAX_MEMORY_GROWTH = 1.2
MAX_DESCRIPTOR_GROWTH = 1.5
_ROUND = timedelta(minutes=30)
_STEP = timedelta(minutes=5)
_COMMENT_HOURS = 96
_STEP_SECONDS = 0.1
_TRIES = 10
_DRAIN_SECONDS = 180.0
_COMMAND_SECONDS = 300.0


@dataclass(frozen=True)
class ResourceGrowth:
    """Resource usage of a process, early and at the end."""

    process: str
    early: Usage
    late: Usage

    @property
    def memory(self) -> float:
        """Memory at the end, as a multiple of the early usage."""
        return self.late.memory_mb / self.early.memory_mb

    @property
    def descriptors(self) -> float:
        """Open files at the end, as a multiple of the early usage."""
        return self.late.descriptors / self.early.descriptors


@dataclass(frozen=True)
class Outcome:
    """The outcome of an endurance run.

    Attributes:
        comparisons: Comparisons of all kinds of items.
        resources: Resource growth of the long-running processes.
        runs: Number of commands run.
        requests: Number of API requests while faults were active.
        faults: Number of these requests that failed.
        refused: Number of deliveries that the application refused.
    """

    comparisons: list[Comparison]
    resources: list[ResourceGrowth]
    runs: int
    requests: int
    faults: int
    refused: int

    @property
    def is_success(self) -> bool:
        """Whether nothing is duplicated or lost, and no process grows."""
        exact = all(item.duplicated == item.lost == 0 for item in self.comparisons)
        flat = all(
            usage.memory <= MAX_MEMORY_GROWTH and usage.descriptors <= MAX_DESCRIPTOR_GROWTH
            for usage in self.resources
        )
        return exact and flat


class Day:
    """Simulated activity in one account.

    Args:
        directory: Directory for all files.
        hours: Emulated hours; a round is half an hour.
        early: Hours until the first measurement of resources.
        seed: Random seed.
    """

    def __init__(self, directory: Path, hours: float, early: float, seed: int) -> None:
        self._rounds = round(timedelta(hours=hours) / _ROUND)
        self._early_round = round(timedelta(hours=early) / _ROUND)
        self._directory, self._seed = directory, seed
        # Comments arrive within a day of their post, so short runs receive few of them.
        self._comments = round(_COMMENT_HOURS / hours)
        self._generator = random.Random(seed)  # noqa: S311 - the same changes each time
        self._cli = CommandLine(directory / "home", HurriedClock(1.0))
        self._databases = Databases(
            directory / "emulator" / STATE_FILE, directory / "home" / "state"
        )
        self._uploaded: list[Path] = []
        self._runs = 0

    def run(self) -> Outcome:
        """Run all rounds, wait until everything is delivered, and compare."""
        (self._directory / "home").mkdir()
        options = ["--fail-rate", f"{FAULT_RATE}", "--seed", f"{self._seed}", "--forward-to"]
        with (
            Handler(FAULT_RATE, self._seed) as handler,
            run_receiver(self._cli, self._directory, SECRET, *options, handler.url) as receiver,
            run_emulator(
                self._cli, self._directory / "emulator", self._seed, self._comments
            ) as emulator,
        ):
            self._set_up(emulator, receiver)
            calendar = ChangingCalendar(self._directory, self._now(emulator), self._generator)
            processes = {"emulator": emulator.pid, "serve-webhook": receiver.pid}
            early: dict[str, Usage] = {}
            for number in range(self._rounds):
                if number == self._early_round:
                    early = {name: get_usage(pid) for name, pid in processes.items()}
                if number > 0:
                    calendar.change(self._now(emulator))
                self._run_round(emulator, calendar, handler, number)
            self._finish(emulator, calendar, handler)
            resources = [
                ResourceGrowth(name, early[name], get_usage(pid)) for name, pid in processes.items()
            ]
            faults = emulator.request("fault")["faults"]
        return Outcome(
            self._compare(calendar, handler), resources, self._runs,
            faults[0]["seen"], sum(fault["hits"] for fault in faults), handler.refused,
        )  # fmt: skip

    def _set_up(self, emulator: EmulatorHandle, receiver: Receiver) -> None:
        seed = Path(__file__).with_name("account.yaml").read_text(encoding="utf-8")
        for word, value in (("TOKEN", TOKEN), ("SECRET", SECRET), ("URL", receiver.url)):
            seed = seed.replace(word, value)
        emulator.request("seed", text=seed, name="account.yaml")
        add_faults(emulator, FAULT_RATE, self._seed)
        self._cli.environ["OUTREPLY_API_KEY"] = TOKEN
        self._cli.environ["OUTREPLY_BASE_URL"] = emulator.base_url

    def _now(self, emulator: EmulatorHandle) -> datetime:
        return datetime.fromisoformat(emulator.request("status")["now"])

    def _run_round(
        self, emulator: EmulatorHandle, calendar: ChangingCalendar, handler: Handler, number: int
    ) -> None:
        calendar.write()
        self._uploaded.append(calendar.write_picture(f"upload-{number}"))
        running = {
            "bulk": self._start("bulk", "schedule", str(calendar.path), "--prune"),
            "media": self._start("media", "upload", str(self._uploaded[-1])),
        }
        for _ in range(_ROUND // _STEP):
            # The clock advances while the commands run.
            with suppress(subprocess.TimeoutExpired):
                running["bulk"].wait(_STEP_SECONDS)
            emulator.request("advance", seconds=_STEP.total_seconds())
            self._reply(handler)
        codes = {name: process.wait(_COMMAND_SECONDS) for name, process in running.items()}
        # A command that failed because of faults is run again.
        if codes["bulk"] != 0:
            self._run_until_success("bulk", "schedule", str(calendar.path), "--prune")
        if codes["media"] != 0:
            self._run_until_success("media", "upload", str(self._uploaded[-1]))

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        self._runs += 1
        return subprocess.Popen(
            self._cli.words(*words), env=self._cli.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _run_until_success(self, *words: str) -> None:
        for _ in range(_TRIES):
            self._runs += 1
            result = self._cli.spawn(*words, seconds=_COMMAND_SECONDS)
            if result.code == 0:
                return
        raise AssertionError(f"{words}: {result.err}")

    def _reply(self, handler: Handler) -> None:
        for comment in handler.pop_comments():
            for _ in range(_TRIES):
                result = self._cli.run("comments", "reply", comment, "-m", "Thank you!", "--yes")
                if result.code == 0:
                    break
            else:
                raise AssertionError(result.err)

    def _finish(
        self, emulator: EmulatorHandle, calendar: ChangingCalendar, handler: Handler
    ) -> None:
        self._run_until_success("bulk", "schedule", str(calendar.path), "--prune")
        started_at = time.monotonic()
        while (pending := self._databases.pending_deliveries()) > 0 or handler.has_comments:
            assert time.monotonic() - started_at < _DRAIN_SECONDS, f"{pending} pending deliveries"
            emulator.request("advance", seconds=30.0)
            self._reply(handler)
            time.sleep(0.1)

    def _compare(self, calendar: ChangingCalendar, handler: Handler) -> list[Comparison]:
        databases = self._databases
        files = {*calendar.pictures, *self._uploaded}
        uploaded = Counter(digest(path.read_bytes()) for path in files)
        return [
            compare("calendar rows as posts", calendar.list_expected_posts(), databases.posts()),
            compare("posts in the journal", databases.post_ids(), databases.journal_post_ids()),
            compare("events", databases.expected_events(), databases.events()),
            compare("deliveries received", databases.deliveries(), databases.received_digests()),
            compare("deliveries forwarded", databases.deliveries(), handler.accepted),
            compare("comments with a reply", databases.comments(), databases.replied_comment_ids()),
            compare("replies stored", databases.reply_ids(), databases.stored_reply_ids()),
            compare("files uploaded", uploaded, databases.media()),
        ]
