"""Calendars that violate no guardrail, and the posts that the server has."""

import csv
import io
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outreply_cli.emulator.server import EmulatorServer

PAGES = (
    "facebook:acme",
    "instagram:acme",
    "linkedin:acme-co",
    "tiktok:bluebirdcoffee",
    "twitter:bluebird",
    "youtube:bluebirdathome",
)


@dataclass(frozen=True)
class CalendarRow:
    """A row of a test calendar."""

    key: str
    page: str
    scheduled_at: datetime
    message: str


def make_rows(count: int, first: datetime, pages: Sequence[str] = PAGES) -> list[CalendarRow]:
    """Return `count` rows over all pages, hours apart on each page."""
    return [
        CalendarRow(
            f"k{n}",
            pages[n % len(pages)],
            first + timedelta(hours=2 * (n // len(pages)), minutes=n % len(pages)),
            f"Row {n}",
        )
        for n in range(count)
    ]


def edit_rows(rows: Sequence[CalendarRow]) -> list[CalendarRow]:
    """Return `rows` with changed texts and times, some rows removed and some added."""
    kept = []
    for n, row in enumerate(rows):
        if n % 6 == 5:
            continue
        if n % 6 == 2:
            kept.append(replace(row, message=row.message + ", edited"))
        elif n % 6 == 4:
            kept.append(replace(row, scheduled_at=row.scheduled_at + timedelta(minutes=45)))
        else:
            kept.append(row)
    last = max(row.scheduled_at for row in rows)
    return kept + [
        replace(
            row, key=f"new-{row.key}", message=f"New {row.message}", scheduled_at=row.scheduled_at
        )
        for row in make_rows(len(rows) // 6, last + timedelta(hours=6))
    ]


def write_calendar(path: Path, rows: Sequence[CalendarRow]) -> None:
    """Write `rows` as a CSV calendar."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["key", "page", "scheduled_at", "message"])
    for row in rows:
        writer.writerow([row.key, row.page, row.scheduled_at.isoformat(), row.message])
    path.write_text(stream.getvalue(), encoding="utf-8")


def expected_posts(rows: Sequence[CalendarRow]) -> Counter[tuple[str, str, str]]:
    """Return the posts that the server should have."""
    return Counter(
        (row.page, f"{row.scheduled_at.astimezone(UTC):%FT%T}", row.message) for row in rows
    )


def server_posts(emulator: EmulatorServer) -> Counter[tuple[str, str, str]]:
    """Return page, time and text of each scheduled or published post of the server."""
    with emulator.state.transaction() as db:
        posts = db.execute(
            "SELECT platform || ':' || username AS page, scheduled_at, message FROM posts "
            "JOIN pages ON pages.id = posts.page_id WHERE status IN ('scheduled', 'published') "
            "AND scheduled_at > 0 AND message LIKE '%Row %'"
        ).fetchall()
    return Counter(
        (row["page"], f"{datetime.fromtimestamp(row['scheduled_at'], UTC):%FT%T}", row["message"])
        for row in posts
    )


class Snapshot:
    """A copy of the server's state, made on an account without limits."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self._copy = sqlite3.connect(":memory:", check_same_thread=False)
        with emulator.state.transaction() as db:
            db.execute("UPDATE users SET tier = 'elite'")
        emulator.state.connection.backup(self._copy)

    def restore(self, emulator: EmulatorServer) -> None:
        """Restore the server's state."""
        self._copy.backup(emulator.state.connection)

    def close(self) -> None:
        """Delete the copy."""
        self._copy.close()
