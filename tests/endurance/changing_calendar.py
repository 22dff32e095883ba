"""A calendar that somebody keeps working at."""

import csv
import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.media.sample_files import png

# Each page's distance between two posts keeps its platform's rules, replacements included.
_PAGES = {
    "twitter:day": timedelta(minutes=12),
    "youtube:day": timedelta(minutes=12),
    "tiktok:day": timedelta(minutes=75),
    "facebook:day": timedelta(minutes=90),
}
# What is nearer than this is left as it is: it may be out before the change arrives.
_SETTLED = timedelta(minutes=60)


@dataclass(frozen=True)
class Row:
    """One row; `picture` is a file's name, or empty."""

    key: str
    page: str
    instant: datetime
    message: str
    picture: str


class ChangingCalendar:
    """A CSV file whose rows are added, edited and taken out between two runs.

    Args:
        directory: Where the file and its pictures are.
        now: When the first rows are written; they begin 45 minutes later.
        generator: Decides what is changed.

    Attributes:
        pictures: Those of every row that was in the file at some time.
    """

    def __init__(self, directory: Path, now: datetime, generator: random.Random) -> None:
        self.path = directory / "calendar.csv"
        self.rows: list[Row] = []
        self.pictures: set[Path] = set()
        self._directory, self._generator = directory, generator
        self._next = {page: now + timedelta(minutes=45) for page in _PAGES}
        self._count = 0
        self._add_until(now + timedelta(hours=4))

    def change(self, now: datetime) -> None:
        """Add rows up to four hours ahead; edit two and take one out of those that are not near."""
        self._add_until(now + timedelta(hours=4))
        free = [row for row in self.rows if row.instant > now + _SETTLED]
        worded, moved, gone = self._generator.sample(free, 3)
        self._swap(worded, replace(worded, message=f"{worded.message}, edited"))
        # Later by less than what lies between two posts, and more than the least gap.
        self._swap(moved, replace(moved, instant=moved.instant + timedelta(minutes=5)))
        self.rows.remove(gone)

    def write(self) -> None:
        """Write the file."""
        with self.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["key", "page", "scheduled_at", "message", "media_files"])
            for row in self.rows:
                writer.writerow(
                    [row.key, row.page, row.instant.isoformat(), row.message, row.picture]
                )
                # A row that goes before it is ever written leaves a picture that nobody sees.
                if row.picture:
                    self.pictures.add(self._directory / row.picture)

    def wanted(self) -> Counter[tuple[str, str, str]]:
        """What the account has to hold: page, instant and text of each post."""
        return Counter(
            (row.page, f"{row.instant.astimezone(UTC):%FT%T}", row.message) for row in self.rows
        )

    def picture(self, name: str) -> Path:
        """A new picture that is like no other."""
        path = self._directory / f"{name}.png"
        path.write_bytes(png(name.encode()))
        return path

    def _swap(self, old: Row, new: Row) -> None:
        self.rows[self.rows.index(old)] = new

    def _add_until(self, horizon: datetime) -> None:
        for page, step in _PAGES.items():
            while self._next[page] <= horizon:
                self._count += 1
                key = f"row-{self._count}"
                picture = self.picture(key).name if self._count % 10 == 0 else ""
                self.rows.append(Row(key, page, self._next[page], f"Post {self._count}", picture))
                self._next[page] += step
