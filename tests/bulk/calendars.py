"""Calendars that keep every rule, and what the server holds of them."""

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
class Line:
    """One row of a test's calendar."""

    key: str
    page: str
    instant: datetime
    message: str


def lines(count: int, first: datetime) -> list[Line]:
    """`count` rows over all pages, hours apart on each."""
    return [
        Line(
            f"k{n}", PAGES[n % 6], first + timedelta(hours=2 * (n // 6), minutes=n % 6), f"Row {n}"
        )
        for n in range(count)
    ]


def edited(rows: Sequence[Line]) -> list[Line]:
    """Every third row changed in text or time, every sixth taken out, some new."""
    kept = []
    for n, row in enumerate(rows):
        if n % 6 == 5:
            continue
        if n % 6 == 2:
            kept.append(replace(row, message=row.message + ", edited"))
        elif n % 6 == 4:
            kept.append(replace(row, instant=row.instant + timedelta(minutes=45)))
        else:
            kept.append(row)
    last = max(row.instant for row in rows)
    return kept + [
        replace(row, key=f"new-{row.key}", message=f"New {row.message}", instant=row.instant)
        for row in lines(len(rows) // 6, last + timedelta(hours=6))
    ]


def write(path: Path, rows: Sequence[Line]) -> None:
    """Write `rows` as a CSV calendar."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["key", "page", "scheduled_at", "message"])
    for row in rows:
        writer.writerow([row.key, row.page, row.instant.isoformat(), row.message])
    path.write_text(stream.getvalue(), encoding="utf-8")


def wanted(rows: Sequence[Line]) -> Counter[tuple[str, str, str]]:
    """What the server should hold."""
    return Counter((row.page, f"{row.instant.astimezone(UTC):%FT%T}", row.message) for row in rows)


def held(emulator: EmulatorServer) -> Counter[tuple[str, str, str]]:
    """What the server holds: page, instant and text of each scheduled or published post."""
    found = emulator.state.connection.execute(
        "SELECT platform || ':' || username AS page, scheduled_at, message FROM posts "
        "JOIN pages ON pages.id = posts.page_id "
        "WHERE status IN ('scheduled', 'published') AND scheduled_at > 0 AND message LIKE '%Row %'"
    ).fetchall()
    return Counter(
        (row["page"], f"{datetime.fromtimestamp(row['scheduled_at'], UTC):%FT%T}", row["message"])
        for row in found
    )


class Snapshot:
    """The server's state at one instant, to go back to."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        with emulator.state.transaction() as db:
            db.execute("UPDATE users SET tier = 'elite'")
        emulator.state.connection.backup(self._kept)

    def restore(self, emulator: EmulatorServer) -> None:
        """Make the server forget what came after."""
        self._kept.backup(emulator.state.connection)

    def close(self) -> None:
        """Let go of it."""
        self._kept.close()
