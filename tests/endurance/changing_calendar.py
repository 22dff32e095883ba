"""A calendar file that changes between runs."""

import csv
import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.media.sample_files import png

# Time between two posts of a page; it satisfies the guardrails even for moved rows.
_PAGES = {
    "twitter:day": timedelta(minutes=12),
    "youtube:day": timedelta(minutes=12),
    "tiktok:day": timedelta(minutes=75),
    "facebook:day": timedelta(minutes=90),
}
# Rows nearer than this are not changed, because they may be published before the next run.
_FROZEN_FOR = timedelta(minutes=60)


@dataclass(frozen=True)
class Row:
    """A row; `picture` is a file name or empty."""

    key: str
    page: str
    when: datetime
    message: str
    picture: str


class ChangingCalendar:
    """A CSV file whose rows are added, edited and removed between runs.

    Args:
        directory: Directory of the file and its pictures.
        now: Current time; the first row is 45 minutes later.
        generator: Source of randomness.

    Attributes:
        pictures: Pictures of all rows that were ever in the file.
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
        """Add rows up to four hours ahead; edit two rows and remove one."""
        self._add_until(now + timedelta(hours=4))
        changeable = [row for row in self.rows if row.when > now + _FROZEN_FOR]
        edited, moved, removed = self._generator.sample(changeable, 3)
        self._replace(edited, replace(edited, message=f"{edited.message}, edited"))
        self._replace(moved, replace(moved, when=moved.when + timedelta(minutes=5)))
        self.rows.remove(removed)

    def write(self) -> None:
        """Write the file."""
        with self.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["key", "page", "scheduled_at", "message", "media_files"])
            for row in self.rows:
                writer.writerow([row.key, row.page, row.when.isoformat(), row.message, row.picture])
                # Rows removed before the first write have no uploaded picture.
                if row.picture:
                    self.pictures.add(self._directory / row.picture)

    def list_expected_posts(self) -> Counter[tuple[str, str, str]]:
        """Expected posts: page, time and text."""
        return Counter(
            (row.page, f"{row.when.astimezone(UTC):%FT%T}", row.message) for row in self.rows
        )

    def write_picture(self, name: str) -> Path:
        """Write a unique picture."""
        path = self._directory / f"{name}.png"
        path.write_bytes(png(name.encode()))
        return path

    def _replace(self, old: Row, new: Row) -> None:
        self.rows[self.rows.index(old)] = new

    def _add_until(self, horizon: datetime) -> None:
        for page, step in _PAGES.items():
            while self._next[page] <= horizon:
                self._count += 1
                key = f"row-{self._count}"
                picture = self.write_picture(key).name if self._count % 10 == 0 else ""
                self.rows.append(Row(key, page, self._next[page], f"Post {self._count}", picture))
                self._next[page] += step
