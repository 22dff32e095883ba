"""Hours of everything at once: a calendar that changes, deliveries passed on, replies, media."""

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
from tests.endurance.assertions import Books, Match, match
from tests.endurance.changing_calendar import ChangingCalendar
from tests.endurance.handler import Handler, digest
from tests.endurance.long_running import Receiver, Size, emulating, misbehave, receiving, size_of

TOKEN = "outreply_live_endurance"
SECRET = "whsec_endurance"
FAULT_RATE = 0.05
# Of what was held before; a connection that is open at one of the two moments is no leak.
MEMORY_MOST = 1.2
DESCRIPTORS_MOST = 1.5
_ROUND = timedelta(minutes=30)
_STEP = timedelta(minutes=5)
_COMMENTS_AND_HOURS = 96
_STEP_SECONDS = 0.1
_TRIES = 10
_DRAIN_SECONDS = 180.0
_COMMAND_SECONDS = 300.0


@dataclass(frozen=True)
class Flatness:
    """What a process held early and at the end."""

    process: str
    early: Size
    late: Size

    @property
    def memory(self) -> float:
        """Memory at the end, as a multiple of before."""
        return self.late.memory_mb / self.early.memory_mb

    @property
    def descriptors(self) -> float:
        """Open files at the end, as a multiple of before."""
        return self.late.descriptors / self.early.descriptors


@dataclass(frozen=True)
class Outcome:
    """How the hours ended.

    Attributes:
        matches: Each kind of thing, counted on both sides.
        flatness: Each long-running process.
        runs: How many processes of commands were run.
        requests: How many the API was asked for while faults were in force.
        struck: How many of them met one.
        refused: How many deliveries the application did not take at once.
    """

    matches: list[Match]
    flatness: list[Flatness]
    runs: int
    requests: int
    struck: int
    refused: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is twice or lost, and nothing grows."""
        exact = all(each.twice == 0 and each.lost == 0 for each in self.matches)
        flat = all(
            each.memory <= MEMORY_MOST and each.descriptors <= DESCRIPTORS_MOST
            for each in self.flatness
        )
        return exact and flat


class Day:
    """One account's hours.

    Args:
        directory: Where everything is kept.
        hours: Of emulated time; half an hour is one round.
        early: After how many hours the processes are looked at first.
        seed: Makes changes and faults the same again.
    """

    def __init__(self, directory: Path, hours: float, early: float, seed: int) -> None:
        self._rounds = round(timedelta(hours=hours) / _ROUND)
        self._early_round = round(timedelta(hours=early) / _ROUND)
        self._directory, self._seed = directory, seed
        # They come within a day of their post: the fewer hours, the fewer of them.
        self._comments = round(_COMMENTS_AND_HOURS / hours)
        self._generator = random.Random(seed)  # noqa: S311 - the same changes each time
        self._cli = CommandLine(directory / "home", HurriedClock(1.0))
        self._books = Books(directory / "emulator" / STATE_FILE, directory / "home" / "state")
        self._uploaded: list[Path] = []
        self._runs = 0

    def live(self) -> Outcome:
        """Let the hours pass, wait until nothing is under way, and reckon."""
        (self._directory / "home").mkdir()
        passing_on = ["--fail-rate", f"{FAULT_RATE}", "--seed", f"{self._seed}", "--forward-to"]
        with (
            Handler(FAULT_RATE, self._seed) as handler,
            receiving(self._cli, self._directory, SECRET, *passing_on, handler.url) as receiver,
            emulating(
                self._cli, self._directory / "emulator", self._seed, self._comments
            ) as emulator,
        ):
            self._set_up(emulator, receiver)
            calendar = ChangingCalendar(self._directory, self._now(emulator), self._generator)
            processes = {"emulator": emulator.pid, "serve-webhook": receiver.pid}
            early: dict[str, Size] = {}
            for number in range(self._rounds):
                if number == self._early_round:
                    early = {name: size_of(pid) for name, pid in processes.items()}
                if number > 0:
                    calendar.change(self._now(emulator))
                self._pass_round(emulator, calendar, handler, number)
            self._finish(emulator, calendar, handler)
            flatness = [
                Flatness(name, early[name], size_of(pid)) for name, pid in processes.items()
            ]
            faults = emulator.request("fault")["faults"]
        return Outcome(
            self._reckon(calendar, handler), flatness, self._runs,
            faults[0]["seen"], sum(fault["struck"] for fault in faults), handler.refused,
        )  # fmt: skip

    def _set_up(self, emulator: EmulatorHandle, receiver: Receiver) -> None:
        seed = Path(__file__).with_name("account.yaml").read_text(encoding="utf-8")
        for word, value in (("TOKEN", TOKEN), ("SECRET", SECRET), ("URL", receiver.url)):
            seed = seed.replace(word, value)
        emulator.request("seed", text=seed, name="account.yaml")
        misbehave(emulator, FAULT_RATE, self._seed)
        self._cli.environ["OUTREPLY_API_KEY"] = TOKEN
        self._cli.environ["OUTREPLY_BASE_URL"] = emulator.base_url

    def _now(self, emulator: EmulatorHandle) -> datetime:
        return datetime.fromisoformat(emulator.request("status")["now"])

    def _pass_round(
        self, emulator: EmulatorHandle, calendar: ChangingCalendar, handler: Handler, number: int
    ) -> None:
        calendar.write()
        self._uploaded.append(calendar.picture(f"upload-{number}"))
        running = {
            "bulk": self._start("bulk", "schedule", str(calendar.path), "--prune"),
            "media": self._start("media", "upload", str(self._uploaded[-1])),
        }
        for _ in range(_ROUND // _STEP):
            # Time goes on while they are at it.
            with suppress(subprocess.TimeoutExpired):
                running["bulk"].wait(_STEP_SECONDS)
            emulator.request("advance", seconds=_STEP.total_seconds())
            self._reply(handler)
        codes = {name: process.wait(_COMMAND_SECONDS) for name, process in running.items()}
        # What the faults did not let through is carried out by the next run, as it would be.
        if codes["bulk"] != 0:
            self._until_done("bulk", "schedule", str(calendar.path), "--prune")
        if codes["media"] != 0:
            self._until_done("media", "upload", str(self._uploaded[-1]))

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        self._runs += 1
        return subprocess.Popen(
            self._cli.words(*words), env=self._cli.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _until_done(self, *words: str) -> None:
        for _ in range(_TRIES):
            self._runs += 1
            ran = self._cli.spawn(*words, seconds=_COMMAND_SECONDS)
            if ran.code == 0:
                return
        raise AssertionError(f"{words}: {ran.err}")

    def _reply(self, handler: Handler) -> None:
        for comment in handler.comments():
            for _ in range(_TRIES):
                ran = self._cli.run("comments", "reply", comment, "-m", "Thank you!", "--yes")
                if ran.code == 0:
                    break
            else:
                raise AssertionError(ran.err)

    def _finish(
        self, emulator: EmulatorHandle, calendar: ChangingCalendar, handler: Handler
    ) -> None:
        self._until_done("bulk", "schedule", str(calendar.path), "--prune")
        began = time.monotonic()
        while (waiting := self._books.deliveries_waiting()) > 0 or handler.has_comments:
            assert time.monotonic() - began < _DRAIN_SECONDS, f"{waiting} deliveries wait"
            emulator.request("advance", seconds=30.0)
            self._reply(handler)
            time.sleep(0.1)

    def _reckon(self, calendar: ChangingCalendar, handler: Handler) -> list[Match]:
        books = self._books
        files = {*calendar.pictures, *self._uploaded}
        stored = Counter(digest(path.read_bytes()) for path in files)
        return [
            match("rows of the calendar, as posts", calendar.wanted(), books.posts()),
            match("posts, in the journal", books.post_ids(), books.journal_post_ids()),
            match("happenings, as events", books.told(), books.events()),
            match("deliveries, in the inbox", books.deliveries(), books.inbox()),
            match("deliveries, taken by the application", books.deliveries(), handler.taken),
            match("comments, answered", books.comments(), books.answered()),
            match("replies, in the memory", books.reply_ids(), books.remembered_reply_ids()),
            match("files, stored", stored, books.media()),
        ]
