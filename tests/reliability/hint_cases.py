"""Calendars that are edited, and journals that are damaged, rolled back or foreign, by seed."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from tests.bulk.calendars import PAGES, CalendarRow
from tests.reliability.machines import DAY, FIRST, HOUR

_SUBJECTS = (
    "Our bakery opens at seven", "Meet the new team in Lyon", "Winter sale: half the price",
    "How we roast our coffee", "Thank you for ten years", "Photos of the harbor run",
    "Tickets are on sale now", "A recipe with pumpkin", "Behind the scenes of the film",
    "Question of the week", "The workshop is fully booked", "Two chairs, one table, no screws",
    "Free delivery until Sunday", "What our neighbors say", "Maps of the old town",
    "Jobs in design and sales", "Last call for volunteers", "Green tea has arrived",
    "We repair bicycles again", "The garden is open late", "Listen to episode twelve",
    "A new song by the choir", "Snow on the north slope", "Lost and found: a red scarf",
    "Breakfast moves upstairs", "Learn to sail in a week", "Chess night with prizes",
    "The library lends tools", "Fresh figs from the south", "Doors close at midnight",
)  # fmt: skip
_SHORT, _LONG = 40.0, 25 * HOUR


@dataclass(frozen=True)
class Item:
    """A row of a calendar; `number` identifies the row across edits."""

    number: int
    row: CalendarRow


@dataclass(frozen=True)
class Setting:
    """The circumstances of a case, besides its calendar and the damage.

    Attributes:
        damage: Name of what happens to the journal, see DAMAGES.
        runs: Versions of the calendar that were scheduled before, 1 or 2.
        name: Name of the calendar, given as `--name`; "" for none.
        is_renamed: Whether the file has another name than when it was scheduled.
        other_token: Whether another token of the account is used from then on.
        others: Number of foreign posts on the same pages.
        trims: Whether the server trims texts.
        guardrails: Whether the server rejects a second post of a page within 60 seconds.
        prune: Whether posts of removed rows are cancelled.
        as_json: Whether output and errors are JSON.
        pause: Seconds between the damage and the run.
    """

    damage: str
    runs: int
    name: str
    is_renamed: bool
    other_token: bool
    others: int
    trims: bool
    guardrails: bool
    prune: bool
    as_json: bool
    pause: float

    def __str__(self) -> str:
        facts = [
            self.damage,
            f"{self.runs} runs",
            *(["named"] if self.name else []),
            *(["renamed"] if self.is_renamed else []),
            *(["other token"] if self.other_token else []),
            *([f"{self.others} foreign posts"] if self.others else []),
            *(["trims"] if self.trims else []),
            *(["guardrails"] if self.guardrails else []),
            *(["prune"] if self.prune else []),
            f"{self.pause:.0f} s later",
        ]
        return ", ".join(facts)


def make_setting(random: Random, damage: str) -> Setting:
    """Return the circumstances of a case."""

    def chance(share: float) -> bool:
        return random.random() < share

    return Setting(
        damage=damage,
        runs=random.choice((1, 2, 2)),
        name="spring" if chance(0.2) else "",
        is_renamed=chance(0.3),
        other_token=chance(0.3),
        others=random.randint(1, 5) if chance(0.5) else 0,
        trims=chance(0.2),
        guardrails=chance(0.3),
        prune=chance(0.25),
        as_json=chance(0.5),
        pause=random.choice((0.0, _SHORT, _LONG)),
    )


class Author:
    """Writes and edits a calendar; knows which row each text has ever belonged to.

    Attributes:
        items: Rows of the present version.
        owners: Number of the row of each page and text.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._subjects = random.sample(_SUBJECTS, len(_SUBJECTS))
        self._keyed = random.choice((0.0, 0.5, 1.0))
        self._alike = random.random() < 0.3
        self._pages = random.sample(PAGES, random.randint(1, 3))
        self._count = 0
        self._slots: dict[str, int] = {}
        self.owners: dict[tuple[str, str], int] = {}
        self.items = [self._new_item() for _ in range(random.randint(6, 12))]

    @property
    def rows(self) -> list[CalendarRow]:
        """The rows as they are written to the file."""
        return [item.row for item in self.items]

    def lines(self) -> dict[int, Item]:
        """Return the rows by their line in the file."""
        lines, line = {}, 2
        for item in self.items:
            lines[line] = item
            line += 1 + item.row.message.count("\n")
        return lines

    def edit(self) -> None:
        """Make the next version: each row is changed in one way at most, so it is recognizable."""
        random = self._random
        items = []
        for item in self.items:
            kind = random.choices(
                ("keep", "touch", "rewrite", "move", "touch and move", "remove"),
                (5, 2, 1, 2, 1, 1),
            )[0]
            if kind == "touch and move" and not item.row.key:
                # By definition another row.
                kind = "move"
            if kind != "remove":
                items.append(self._change(item, kind))
        if random.random() < 0.2:
            self._swap_times(items)
        for _ in range(random.choice((0, 1, 1, 2))):
            items.insert(random.randint(0, len(items)), self._new_item())
        self.items = items or self.items

    def free_slot(self, page: str) -> CalendarRow:
        """Return a row of another client on a page, at a time that no row ever has."""
        at = FIRST + timedelta(hours=6 * self._random.randint(0, 8) + 2, minutes=self._next(page))
        return CalendarRow("", page, at, "")

    def make_foreign_text(self) -> tuple[str, str]:
        """Return a page and a text of another client: a new one, or one like that of a row."""
        item = self._random.choice(self.items)
        page, text = item.row.page, item.row.message.strip()
        kind = self._random.choice(("new", "similar", "similar", "equal"))
        if kind == "new":
            return page, f"{self._subjects[self._count % len(self._subjects)]}, says a partner"
        return page, f"{text} (shared)" if kind == "similar" else text

    def _next(self, page: str) -> int:
        self._slots[f"minute {page}"] = self._slots.get(f"minute {page}", 0) + 2
        return self._slots[f"minute {page}"]

    def _new_item(self) -> Item:
        number, random = self._count, self._random
        self._count += 1
        page = random.choice(self._pages)
        slot = self._slots.get(page, 0)
        self._slots[page] = slot + 1
        at = FIRST + timedelta(hours=6 * slot, minutes=PAGES.index(page))
        key = f"k{number}" if random.random() < self._keyed else ""
        subject = self._subjects[number % len(self._subjects)]
        text = f"Tip {number} of the season from our shop" if self._alike else subject
        # Servers may trim the line break.
        end = random.choice(("", "", "", "\n", " "))
        return self._record_owner(
            Item(number, CalendarRow(key, page, at, f"{text}, #{number}{end}"))
        )

    def _change(self, item: Item, kind: str) -> Item:
        row = item.row
        if "touch" in kind:
            row = replace(row, message=row.message.rstrip() + self._random.choice("!?…") + "!")
        if kind == "rewrite":
            subject = self._random.choice(self._subjects)
            row = replace(row, message=f"{subject}: what is new, #{item.number}.{self._count}")
            self._count += 1
        if "move" in kind:
            minutes = self._random.choice((45, 50, 55, -45))
            row = replace(row, scheduled_at=row.scheduled_at + timedelta(minutes=minutes))
        return self._record_owner(Item(item.number, row))

    def _swap_times(self, items: list[Item]) -> None:
        page = self._random.choice(self._pages)
        there = [index for index, item in enumerate(items) if item.row.page == page]
        if len(there) < 2:
            return
        first, second = self._random.sample(there, 2)
        first_row, second_row = items[first].row, items[second].row
        first_at, second_at = first_row.scheduled_at, second_row.scheduled_at
        before = {item.row.message.strip() for item in self.items}
        if {first_row.message.strip(), second_row.message.strip()} <= before:
            items[first] = Item(items[first].number, replace(first_row, scheduled_at=second_at))
            items[second] = Item(items[second].number, replace(second_row, scheduled_at=first_at))

    def _record_owner(self, item: Item) -> Item:
        self.owners[item.row.page, item.row.message.strip()] = item.number
        return item


def make_other_calendar(author: Author, random: Random) -> list[CalendarRow]:
    """Return a calendar of another client on the same pages, with some of the same keys."""
    rows = []
    for number in range(random.randint(2, 5)):
        page, _ = author.make_foreign_text()
        at = author.free_slot(page).scheduled_at + timedelta(hours=1)
        key = f"k{number}" if random.random() < 0.5 else ""
        rows.append(CalendarRow(key, page, at, f"Mountain railway, timetable {number}"))
    return rows


@dataclass(frozen=True)
class Copies:
    """Copies of the state directory that a damage may use.

    Attributes:
        first: Copy made after the first run.
        last: Copy made after the last run.
        during: Copy made during a request of the last run.
        foreign: Copy of another calendar's state.
    """

    first: Path
    last: Path
    during: Path
    foreign: Path


Damage = Callable[[Path, Copies, Random], None]


def restore_first(state: Path, copies: Copies, random: Random) -> None:
    """Put back the state after the first run."""
    _replace(state, copies.first)


def delete(state: Path, copies: Copies, random: Random) -> None:
    """Delete the state."""
    shutil.rmtree(state)


def restore_during(state: Path, copies: Copies, random: Random) -> None:
    """Put back the state in the middle of the last run."""
    _replace(state, copies.during)


def drop_log(state: Path, copies: Copies, random: Random) -> None:
    """Put back the state in the middle of the last run, without its write-ahead log."""
    _replace(state, copies.during)
    for path in state.glob("journal.db-*"):
        path.unlink()


def truncate_log(state: Path, copies: Copies, random: Random) -> None:
    """Put back the state in the middle of the last run, with a part of its write-ahead log."""
    _replace(state, copies.during)
    log = state / "journal.db-wal"
    content = log.read_bytes()
    log.write_bytes(content[: random.randrange(len(content) + 1)])
    (state / "journal.db-shm").unlink(missing_ok=True)


def tear_log(state: Path, copies: Copies, random: Random) -> None:
    """Put back the state in the middle of the last run, with zeros in its write-ahead log."""
    _replace(state, copies.during)
    log = state / "journal.db-wal"
    content = bytearray(log.read_bytes())
    start = random.randrange(len(content))
    part = min(random.choice((512, 4096)), len(content) - start)
    content[start : start + part] = bytes(part)
    log.write_bytes(content)
    (state / "journal.db-shm").unlink(missing_ok=True)


def overwrite(state: Path, copies: Copies, random: Random) -> None:
    """Overwrite some bytes of the journal."""
    path = state / "journal.db"
    content = bytearray(path.read_bytes())
    for _ in range(random.choice((1, 3, 30))):
        content[random.randrange(len(content))] = random.randrange(256)
    path.write_bytes(content)


def truncate(state: Path, copies: Copies, random: Random) -> None:
    """Cut the journal off."""
    path = state / "journal.db"
    os.truncate(path, random.randrange(path.stat().st_size))


def delete_rows(state: Path, copies: Copies, random: Random) -> None:
    """Delete some entries, and sometimes the calendars."""
    share = random.choice((20, 50, 90))
    with open_journal(state) as database:
        for (entry,) in database.execute("SELECT id FROM entries").fetchall():
            if random.randrange(100) < share:
                database.execute("DELETE FROM entries WHERE id = ?", (entry,))
        if random.random() < 0.3:
            database.execute("DELETE FROM calendars")


def _set_state(name: str) -> Damage:
    def change(state: Path, copies: Copies, random: Random) -> None:
        age = random.choice((0.0, HOUR, DAY, 3 * DAY))
        token = random.choice((None, "f" * 16))
        with open_journal(state) as database:
            rows = database.execute("SELECT id FROM entries WHERE state = 'done'").fetchall()
            for (entry,) in rows:
                if random.random() < 0.5:
                    continue
                if name == "cancelling":
                    sql = "UPDATE entries SET state = 'cancelling' WHERE id = ?"
                elif name == "planned":
                    sql = (
                        "UPDATE entries SET state = 'planned', post_id = NULL, sent_at = NULL, "
                        "attempted_at = NULL, token = NULL WHERE id = ?"
                    )
                else:
                    sql = "UPDATE entries SET state = 'sent', post_id = NULL WHERE id = ?"
                database.execute(sql, (entry,))
                if name == "sent":
                    database.execute(
                        "UPDATE entries SET sent_at = sent_at - ?, attempted_at = "
                        "attempted_at - ?, token = coalesce(?, token) WHERE id = ?",
                        (age, age, token, entry),
                    )

    return change


def forget_calendars(state: Path, copies: Copies, random: Random) -> None:
    """Delete the calendars, but no entry."""
    with open_journal(state) as database:
        database.execute("DELETE FROM calendars")


def swap_calendar_journal(state: Path, copies: Copies, random: Random) -> None:
    """Put the journal of another calendar in place."""
    _replace(state, copies.foreign)


def swap_account_journal(state: Path, copies: Copies, random: Random) -> None:
    """Put a journal of another account in place."""
    _replace(state, random.choice((copies.last, copies.foreign)))
    with open_journal(state) as database:
        for table in ("entries", "calendars", "separate_posts"):
            database.execute(f"UPDATE {table} SET account = ?", ("0" * 16,))  # noqa: S608


def restore_nothing(state: Path, copies: Copies, random: Random) -> None:
    """Leave the journal as it is."""


DAMAGES: Mapping[str, Damage] = {
    "restored": restore_first,
    "deleted": delete,
    "copied during a run": restore_during,
    "log lost": drop_log,
    "log cut off": truncate_log,
    "log torn": tear_log,
    "bytes overwritten": overwrite,
    "cut off": truncate,
    "rows deleted": delete_rows,
    "states sent": _set_state("sent"),
    "states planned": _set_state("planned"),
    "states cancelling": _set_state("cancelling"),
    "calendars deleted": forget_calendars,
    "of another calendar": swap_calendar_journal,
    "of another account": swap_account_journal,
    "intact": restore_nothing,
}


class open_journal(closing[sqlite3.Connection]):  # noqa: N801 - used like open()
    """The journal in a state directory; committed when it is closed."""

    def __init__(self, state: Path) -> None:
        super().__init__(sqlite3.connect(state / "journal.db", isolation_level=None))


def _replace(state: Path, copy: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(copy, state)


def add_foreign_posts(
    database: sqlite3.Connection, author: Author, count: int, page_ids: Mapping[str, str]
) -> list[str]:
    """Insert posts of another client into the server, and return their IDs."""
    ids = []
    for number in range(count):
        page, text = author.make_foreign_text()
        at = author.free_slot(page).scheduled_at
        ids.append(f"{number:04d}{'0' * 20}")
        database.execute(
            "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media) "
            "VALUES (?, ?, 'scheduled', ?, 0, ?, '[]')",
            (ids[-1], page_ids[page], at.timestamp(), text),
        )
    return ids


def list_expected_posts(rows: Iterable[CalendarRow]) -> set[tuple[str, str, float]]:
    """Return page, text and time of each row."""
    return {(row.page, row.message.strip(), row.scheduled_at.timestamp()) for row in rows}


def describe(rows: Sequence[CalendarRow]) -> str:
    """Return the rows, one a line."""
    return "\n".join(f"{r.key}\t{r.page}\t{r.scheduled_at:%d %H:%M}\t{r.message!r}" for r in rows)
