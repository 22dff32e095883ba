"""The calendar of a simulation: rows that a person adds, edits, moves and removes.

Each text names its row and version, so that a post shows what it was made from.

An edit leaves something to recognize a row by: its time, or nearly its text. So a row has either
texts that stay nearly the same and times that change, or any text and one time; and between two
runs that finish everything, its text or its time changes, not both.
"""

import csv
import io
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

_WORDS = """
autumn beans bench bread bridge candle ceramic copper cotton cupboard dinner evening fabric flower
garden glass harbour honey island kettle ladder lantern lathe leather lemon market marble meadow
mirror morning mountain museum oven paper pencil pepper piano picture pillow plaster poppy pottery
river saddle sailor salad silver spring station summer table tailor theatre thunder timber valley
velvet village violin walnut window winter workshop
""".split()  # noqa: SIM905 - a list literal takes fifty lines
_MARKER = re.compile(r"row (\d+) v(\d+)\b")
_HOUR = 3600.0
# Edits closer to the time of a post may meet its publication.
_TOO_LATE = 2 * _HOUR
_CLEARANCE = 300.0


@dataclass
class SimulatedRow:
    """A row.

    Attributes:
        at: Time as a Unix time.
        can_move: Whether times change; otherwise the whole text may.
        texts, times: Earlier versions and times, to revert to.
        seen: Versions and times that runs have read since everything was done.
    """

    number: int
    page: str
    key: str | None
    at: float
    version: int = 1
    latest: int = 1
    can_move: bool = True
    tail: str = ""
    texts: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    seen: set[tuple[int, float]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Name in histories."""
        return f"row {self.number}"

    @property
    def message(self) -> str:
        """Text with the marker."""
        seed = self.number if self.can_move else self.number * 1000 + self.version
        words = random.Random(seed)  # noqa: S311 - not secret
        text = " ".join(words.sample(_WORDS, 9))
        return f"row {self.number} v{self.version} {text}{self.tail}"

    @property
    def content(self) -> str:
        """Content of the row's post."""
        return format_content(self.version, self.at)


def format_content(version: int, at: float) -> str:
    """Return how histories call a text at a time."""
    return f"v{version} {datetime.fromtimestamp(at, UTC):%d %H:%M:%S}"


def parse_marker(message: str) -> tuple[str, int]:
    """Return the row and the version that a text names."""
    found = _MARKER.search(message)
    assert found is not None, message
    return f"row {found[1]}", int(found[2])


class SimulatedCalendar:
    """A calendar file that one person edits.

    Args:
        number: Number among the calendars; the rows' numbers begin with it.
        taken: Times of all rows ever, by page: another row never takes one of them.
    """

    def __init__(
        self,
        generator: random.Random,
        now: float,
        *,
        number: int,
        taken: dict[str, list[float]],
        rows: int,
        key_share: float,
    ) -> None:
        self.rows: list[SimulatedRow] = []
        self.number = number
        self.name = f"calendar {number}"
        self._random, self._key_share = generator, key_share
        self._taken = taken
        self._numbers = number * 100
        for _ in range(rows):
            self.add(now)

    @property
    def contents(self) -> Mapping[str, str]:
        """Content of each row's post."""
        return {row.name: row.content for row in self.rows}

    def to_csv(self) -> str:
        """Return the file; the first row is on line 2."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["key", "page", "scheduled_at", "message"])
        for row in self.rows:
            at = datetime.fromtimestamp(row.at, UTC).isoformat()
            writer.writerow([row.key or "", row.page, at, row.message])
        return stream.getvalue()

    def add(self, now: float) -> str:
        """Add a row."""
        self._numbers += 1
        page = self._random.choice(list(self._taken))
        key = f"k{self._numbers}" if self._random.random() < self._key_share else None
        row = SimulatedRow(self._numbers, page, key, self._find_time(page, now))
        row.can_move = self._random.random() < 0.7
        row.tail = self._random.choice(("", "", "", " "))
        self.rows.insert(self._random.randint(0, len(self.rows)), row)
        return f"add {row.name} {row.content}"

    def edit(self, now: float) -> str:
        """Make a change, and return what it was."""
        pending = [row for row in self.rows if row.at > now + _TOO_LATE]
        if not pending or self._random.random() < 0.15:
            return self.add(now)
        row = self._random.choice(pending)
        kind = self._random.random()
        if kind < 0.12 and len(pending) > 1:
            return self.remove(row)
        texts, times, version, at = [*row.texts], [*row.times], row.version, row.at
        if kind < 0.4 and row.can_move:
            times.append(at)
            at = self._find_time(row.page, now)
        elif kind < 0.5 and row.can_move:
            # So near that both posts at once violate the guardrail.
            times.append(at)
            at += self._random.choice((-30.0, 30.0))
        elif kind < 0.6 and times and times[-1] > now + _TOO_LATE:
            at = times.pop()
        elif kind < 0.75 and texts:
            version = texts.pop()
        else:
            texts.append(version)
            row.latest += 1
            version = row.latest
        if any(version != seen[0] and at != seen[1] for seen in row.seen):
            return f"no change to {row.name}"
        row.texts, row.times, row.version, row.at = texts, times, version, at
        return f"edit {row.name} {row.content}"

    def note_run(self) -> None:
        """Remember that a run reads the file."""
        for row in self.rows:
            row.seen.add((row.version, row.at))

    def note_success(self) -> None:
        """Remember that a run finished everything that the file says."""
        for row in self.rows:
            row.seen = {(row.version, row.at)}

    def remove(self, row: SimulatedRow) -> str:
        """Remove a row."""
        self.rows.remove(row)
        return f"remove {row.name}"

    def remove_lines(self, lines: Sequence[int]) -> list[str]:
        """Remove the rows on some lines."""
        rows = [self.rows[line - 2] for line in sorted({*lines}) if 0 <= line - 2 < len(self.rows)]
        return [self.remove(row) for row in rows]

    def _find_time(self, page: str, now: float) -> float:
        while True:
            hours = self._random.choice((3, 5, 8, 13, 20, 30, 50, 80, 120))
            at = float(int(now + _HOUR * hours + self._random.uniform(-1800, 1800)))
            if all(abs(at - other) > _CLEARANCE for other in self._taken[page]):
                self._taken[page].append(at)
                return at
