"""Copies of a journal: JSON lines for backups, and the move into a team's store.

Adding a copy to a store changes none of its rows, except that an entry with a post replaces one
without. A copy that adds no entry adds nothing else either, so that it can be added again after
slots and uploads have changed.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.journal.journal import TABLES, Journal, entry_from_row
from outreply_cli.journal.models import EntryState, EventAction
from outreply_cli.spec.text import is_unicode
from outreply_cli.storage.sqlite import insert_missing
from outreply_cli.timestamps import parse_timestamp

_FORMAT = "outreply-store"
_VERSION = 1
_MAX_INTEGER = 1 << 62
# States of an entry whose post was never made.
_WITHOUT_POST = frozenset({EntryState.PLANNED, EntryState.FAILED})
Rows = Mapping[str, list[dict[str, Any]]]


@dataclass
class CopyReport:
    """Result of `add_rows`.

    Attributes:
        added: Entries that were added, or whose post the journal did not have.
        present: Entries that the journal already had.
        different: Entries that it had with another state or post, as `calendar: row`.
    """

    added: int = 0
    present: int = 0
    different: list[str] = field(default_factory=list)


def read_rows(journal: Journal) -> Rows:
    """Return a consistent snapshot of all rows of a journal."""
    with journal.tables.snapshot() as db:
        return {
            table: [
                dict(row)
                for row in db.execute(
                    f"SELECT {', '.join(columns)} FROM {table} "  # noqa: S608 - constants
                    f"ORDER BY {'id' if table in {'entries', 'events'} else next(iter(columns))}"
                ).fetchall()
            ]
            for table, columns in TABLES.items()
        }


def dump_lines(rows: Rows) -> Iterator[str]:
    """Yield the lines of a copy, without line breaks."""
    yield json.dumps({"format": _FORMAT, "version": _VERSION})
    for table, items in rows.items():
        for row in items:
            yield json.dumps({"table": table, "row": row})


def is_backup(content: bytes) -> bool:
    """Return whether the content of a file is that of a backup."""
    return content.startswith(json.dumps({"format": _FORMAT})[:-1].encode())


def parse_lines(name: str, lines: Iterable[str]) -> Rows:
    """Return the rows of a backup; error messages call it `name`.

    Raises:
        InvalidInputError: A line is invalid; nothing was added.
    """
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    number = 0
    for number, line in enumerate(lines, start=1):
        try:
            item = parse_json(line)
            if number == 1:
                _check_header(item)
            else:
                rows[item["table"]].append(_check_row(item["table"], item["row"]))
        except (ValueError, TypeError, LookupError, sqlite3.DatabaseError) as problem:
            reason = (
                str(problem)
                if isinstance(problem, _InvalidLineError)
                else "is not a row of a backup"
            )
            raise InvalidInputError(
                f"{name}:{number}: the line {reason}",
                hint="Use a file written by: outreply store export",
            ) from None
    if not number:
        hint = "Use a file written by: outreply store export"
        raise InvalidInputError(f"{name} is empty", hint=hint)
    ids = {row["id"] for row in rows["entries"]}
    used = {row["replaces"] for row in rows["entries"]} - {None}
    used |= {row["entry_id"] for row in rows["events"]}
    if not used <= ids:
        raise InvalidInputError(
            f"{name} is not complete: post {min(used - ids)} is missing",
            hint="Use a file written by: outreply store export",
        )
    return rows


class _InvalidLineError(ValueError):
    pass


def _check_header(item: Any) -> None:
    if not isinstance(item, dict) or item.get("format") != _FORMAT:
        raise _InvalidLineError("is not the start of a store backup")
    if item.get("version") != _VERSION:
        raise _InvalidLineError("is from another version of outreply")


def _check_row(table: str, row: Any) -> dict[str, Any]:
    columns = TABLES[table]
    if not isinstance(row, dict) or row.keys() != columns.keys():
        raise _InvalidLineError(f"does not have the columns of {table}")
    for name, expected in columns.items():
        value = row[name]
        is_valid = isinstance(value, expected) and not isinstance(value, bool)
        if isinstance(value, str):
            is_valid = is_valid and is_unicode(value) and "\x00" not in value
        elif isinstance(value, int | float):
            is_valid = is_valid and abs(value) < _MAX_INTEGER
        if not is_valid:
            raise _InvalidLineError(f"has an invalid {name}")
    # Reject values that the journal could not read again.
    if table == "entries":
        entry_from_row(row)
    elif table == "events":
        EventAction(row["action"])
    if "scheduled_at" in row:
        parse_timestamp(row["scheduled_at"])
    return row


def add_rows(journal: Journal, rows: Rows) -> CopyReport:
    """Add rows that a journal does not have, all or none; raises StorageError."""
    report = CopyReport()
    with journal.tables.change_without_timeout() as db:
        ids = _add_entries(db, rows["entries"], report)
        if rows["entries"] and not report.added:
            return report
        # Posts that were sent since the copy was made are not in it.
        calendars = [{**row, "knows_all": 0} for row in rows["calendars"]]
        db.executemany(
            "UPDATE calendars SET knows_all = 0 WHERE account = ? AND id = ?",
            [(row["account"], row["id"]) for row in calendars],
        )
        events = [{**row, "entry_id": ids[row["entry_id"]]} for row in rows["events"]]
        changed = {"calendars": calendars, "events": events}
        for table, columns in TABLES.items():
            if table != "entries":
                _insert(db, table, columns, changed.get(table, rows[table]))
    return report


def _add_entries(db: Any, rows: list[dict[str, Any]], report: CopyReport) -> dict[int, int]:
    """Add entries, and return their IDs in the journal by those in `rows`."""
    columns = [name for name in TABLES["entries"] if name not in {"id", "replaces"}]
    before = _known_entries(db)
    _insert(db, "entries", columns, rows)
    # An entry with a post replaces one that only planned it.
    made = [
        (row, planned)
        for row in rows
        if row["state"] not in _WITHOUT_POST
        and (planned := before.get(_identity(row))) is not None
        and planned["state"] in _WITHOUT_POST
    ]
    # A run may have sent it in the meantime.
    db.executemany(
        f"UPDATE entries SET {', '.join(f'{name} = ?' for name in columns)} "  # noqa: S608
        "WHERE id = ? AND state = ?",
        [
            (*(row[name] for name in columns), planned["id"], planned["state"])
            for row, planned in made
        ],
    )
    known = _known_entries(db)
    report.added = len({_identity(row) for row in rows} - before.keys()) + len(made)
    report.present = len(rows) - report.added
    ids = {row["id"]: int(known[_identity(row)]["id"]) for row in rows}
    for row in rows:
        other = known[_identity(row)]
        if any(other[name] != row[name] for name in ("state", "idempotency_key", "post_id")):
            report.different.append(f"{row['calendar']}: {row['row']}")
    db.executemany(
        "UPDATE entries SET replaces = ? WHERE id = ?",
        [
            (ids[row["replaces"]], ids[row["id"]])
            for row in rows
            if row["replaces"] is not None and _identity(row) not in before
        ],
    )
    return ids


def _known_entries(db: Any) -> dict[tuple[str, str, str, int], Any]:
    rows = db.execute(
        "SELECT id, account, calendar, row, generation, state, idempotency_key, post_id "
        "FROM entries"
    ).fetchall()
    return {_identity(row): row for row in rows}


def _identity(row: Any) -> tuple[str, str, str, int]:
    return row["account"], row["calendar"], row["row"], row["generation"]


def _insert(db: Any, table: str, columns: Iterable[str], rows: list[dict[str, Any]]) -> None:
    names = list(columns)
    insert_missing(db, table, names, [tuple(row[name] for name in names) for row in rows])
