"""Machines that work on one account, their calendars, and the posts that the server has."""

import csv
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import CalendarRow, make_rows
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.reliability.proxy import RuleProxy

FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)
DAY = 86_400.0
HOUR = 3_600.0


@dataclass(frozen=True)
class World:
    """An account on a server behind a proxy, and the machines that work on it."""

    emulator: EmulatorServer
    proxy: RuleProxy
    clock: ManualClock
    directory: Path

    def machine(self, name: str, *, token: str | None = None) -> CommandLine:
        """Return a machine with an empty state; by default with the account's first token."""
        environ = {
            "OUTREPLY_API_KEY": token or self.emulator.token,
            "OUTREPLY_BASE_URL": self.proxy.url,
        }
        return CommandLine(self.directory / name, self.clock, environ)

    def new_token(self) -> str:
        """Return another token of the same account."""
        return str(self.emulator.handle.request("token", name="second")["token"])

    def calendar(self, rows: Sequence[CalendarRow], name: str = "calendar.csv") -> Path:
        """Write `rows` as a calendar and return its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(["key", "page", "scheduled_at", "message"])
        writer.writerows([r.key, r.page, r.scheduled_at.isoformat(), r.message] for r in rows)
        path.write_text(stream.getvalue(), encoding="utf-8")
        return path

    def live(self) -> Counter[tuple[str, str]]:
        """Return page and text of each scheduled or published post that a test made."""
        rows = self.emulator.state.connection.execute(
            "SELECT platform || ':' || username AS page, message FROM posts "
            "JOIN pages ON pages.id = posts.page_id "
            "WHERE status IN ('scheduled', 'published') AND trim(message) LIKE 'Row %'"
        ).fetchall()
        return Counter((row["page"], row["message"].strip()) for row in rows)

    def live_ids(self) -> dict[str, str]:
        """Return the ID of each scheduled or published post that a test made, by its text."""
        rows = self.emulator.state.connection.execute(
            "SELECT id, message FROM posts "
            "WHERE status IN ('scheduled', 'published') AND trim(message) LIKE 'Row %'"
        ).fetchall()
        return {str(row["message"]).strip(): str(row["id"]) for row in rows}

    def texts(self) -> Counter[str]:
        """Return the text of each scheduled or published post that a test made."""
        return Counter(text for _, text in self.live().elements())

    def page_id(self, platform: str) -> str:
        """Return the ID of the page on `platform`."""
        row = self.emulator.state.connection.execute(
            "SELECT id FROM pages WHERE platform = ?", (platform,)
        ).fetchone()
        return str(row["id"])

    def add_other_posts(self, platform: str, count: int, first: datetime) -> None:
        """Add scheduled posts of another program to a page, one every 10 minutes."""
        at = first.timestamp()
        with self.emulator.state.transaction() as db:
            db.executemany(
                "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media) "
                "VALUES (?, ?, 'scheduled', ?, 0, 'other', '[]')",
                [
                    (f"other{platform}{n}", self.page_id(platform), at + 600 * n)
                    for n in range(count)
                ],
            )

    def remove_other_posts(self) -> None:
        """Remove the posts of `add_other_posts`."""
        with self.emulator.state.transaction() as db:
            db.execute("DELETE FROM posts WHERE message = 'other'")

    def assert_each_once(self, rows: Iterable[CalendarRow]) -> None:
        """Assert that the live posts are exactly those of `rows`."""
        assert self.live() == Counter((row.page, row.message.strip()) for row in rows)

    def assert_none_twice(self) -> None:
        """Assert that no text is live twice on a page."""
        assert [post for post, count in self.live().items() if count > 1] == []


def make_rows_on_one_page(count: int, page: str = "instagram:acme") -> list[CalendarRow]:
    """Return rows of one page, six hours apart."""
    return [
        CalendarRow(f"k{n}", page, FIRST + timedelta(hours=6 * n), f"Row {n}") for n in range(count)
    ]


def make_rows_on_pages(count: int) -> list[CalendarRow]:
    """Return rows on the account's pages in turn, hours apart on each."""
    return make_rows(count, FIRST)


def without_keys(rows: Iterable[CalendarRow]) -> list[CalendarRow]:
    """Return `rows` without keys."""
    return [replace(row, key="") for row in rows]


def edit_texts(rows: Iterable[CalendarRow], suffix: str = ", edited") -> list[CalendarRow]:
    """Return `rows` with longer texts."""
    return [replace(row, message=row.message + suffix) for row in rows]


def schedule(machine: CommandLine, calendar: Path, *options: str) -> Result:
    """Run `bulk schedule` with JSON output."""
    return machine.run("bulk", "schedule", str(calendar), "--json", *options)


def reconcile(machine: CommandLine, calendar: Path, *options: str) -> Result:
    """Run `bulk reconcile --yes` with JSON output."""
    return machine.run("bulk", "reconcile", str(calendar), "--yes", "--json", *options)


def get_summary(ran: Result) -> dict[str, int]:
    """Return the counts of a run that are not zero."""
    return {name: count for name, count in json.loads(ran.out)["summary"].items() if count}


def get_rows(ran: Result) -> list[dict[str, Any]]:
    """Return the rows of a run's report."""
    return list(json.loads(ran.out)["rows"])


def get_statuses(ran: Result) -> Counter[str]:
    """Return how many rows of a run have each status."""
    return Counter(row["status"] for row in get_rows(ran))


def assert_harmless(ran: Result) -> None:
    """Assert that a run gives no advice that could double a post, and shows no internals."""
    text = ran.out + ran.err
    assert "--spread" not in text
    assert "--adopt" not in text
    assert "Traceback" not in text
    assert "INTERNAL" not in text


def assert_held(ran: Result) -> None:
    """Assert that a run holds rows as unknown and names the command that settles them."""
    assert_harmless(ran)
    assert ran.code == 3, ran.err
    assert get_statuses(ran)["unknown"] > 0
    assert "outreply bulk reconcile" in ran.err


def assert_clean(ran: Result) -> None:
    """Assert that a run has nothing left to do or to settle."""
    assert_harmless(ran)
    assert ran.code == 0, ran.err
    assert set(get_statuses(ran)) <= {"done"}


def settle(machine: CommandLine, calendar: Path) -> None:
    """Run a calendar; where rows are held, follow the hint: the next run must be clean."""
    ran = schedule(machine, calendar)
    assert_harmless(ran)
    if ran.code != 0:
        assert ran.code in {2, 3}, ran.err
        assert "outreply bulk reconcile" in ran.err
        reconciled = reconcile(machine, calendar)
        assert reconciled.code == 0, reconciled.err
        assert_clean(schedule(machine, calendar))
    assert_clean(schedule(machine, calendar))


def save_state(machine: CommandLine, name: str = "backup") -> Path:
    """Copy a machine's state directory, and return the copy."""
    copy = machine.home.with_name(f"{machine.home.name}-{name}")
    shutil.copytree(machine.home / "state", copy)
    return copy


def restore_state(machine: CommandLine, copy: Path) -> None:
    """Replace a machine's state directory with a copy."""
    lose_state(machine)
    shutil.copytree(copy, machine.home / "state")


def lose_state(machine: CommandLine) -> None:
    """Delete a machine's state directory."""
    shutil.rmtree(machine.home / "state")


@contextmanager
def without_guardrails() -> Iterator[None]:
    """Run the emulator without guardrails: a second copy of a post is accepted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("outreply_cli.emulator.posts.check_guardrails", lambda *_, **__: None)
        yield
