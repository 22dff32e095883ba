"""Copies of a journal: JSON lines for backups, and the move into a team's store.

A copy is added to what a store has: an entry, a claim or an event that is there already stays as
it is, so that a copy can be added again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.journal.journal import Journal

_FORMAT = "outreply-store"
_VERSION = 1
# The columns of each table with their types, in the order in which rows are added.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "calendars": {"account": str, "id": str, "path": str, "knows_all": int},
    "entries": {
        "id": int, "account": str, "calendar": str, "row": str, "generation": int, "page_id": str,
        "scheduled_at": str, "body": str, "fingerprint": str, "idempotency_key": str, "state": str,
        "sent_at": float | int | None, "post_id": str | None, "replaces": int | None,
        "error_code": str | None, "error": str | None, "token": str | None,
        "attempted_at": float | int | None,
    },
    "uploads": {
        "account": str, "sha256": str, "started_at": float | int, "media_id": str | None,
    },
    "separate_posts": {"account": str, "row": str, "post_id": str},
    "media_names": {"media_id": str, "name": str},
    "slot_schedules": {"account": str, "kind": str, "id": str, "slots": str, "timezone": str},
    "slot_claims": {
        "account": str, "page_id": str, "scheduled_at": str, "calendar": str, "row": str,
    },
    "events": {
        "at": float | int, "action": str, "account": str, "entry_id": int, "page_id": str,
        "scheduled_at": str, "post_id": str | None, "error_code": str | None, "host": str,
        "username": str, "command": str,
    },
}  # fmt: skip
Rows = Mapping[str, list[dict[str, Any]]]


@dataclass
class CopyReport:
    """What `add_rows` did.

    Attributes:
        added: Rows that were added, by table.
        present: Rows that were there already, by table.
        different: Entries that were there in another state, as `calendar: row`.
    """

    added: dict[str, int] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)


def read_rows(journal: Journal) -> Rows:
    """Return all rows of a journal, as they are at one time."""
    with journal.snapshot() as db:
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


def parse_lines(name: str, lines: Iterable[str]) -> Rows:
    """Return the rows of a copy, for messages called `name`.

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
        except (ValueError, TypeError, LookupError) as problem:
            reason = str(problem) if isinstance(problem, _InvalidLineError) else "is not a row"
            raise InvalidInputError(
                f"{name}:{number}: the line {reason}",
                hint="Use a file that `outreply store export` has written.",
            ) from None
    if not number:
        raise InvalidInputError(f"{name} is empty", hint="Use a file of `outreply store export`.")
    return rows


class _InvalidLineError(ValueError):
    pass


def _check_header(item: Any) -> None:
    if not isinstance(item, dict) or item.get("format") != _FORMAT:
        raise _InvalidLineError("is not the start of a copy of a store")
    if item.get("version") != _VERSION:
        raise _InvalidLineError("is from another version of outreply")


def _check_row(table: str, row: Any) -> dict[str, Any]:
    columns = TABLES[table]
    if not isinstance(row, dict) or row.keys() != columns.keys():
        raise _InvalidLineError(f"does not have the columns of {table}")
    for name, expected in columns.items():
        if not isinstance(row[name], expected) or isinstance(row[name], bool):
            raise _InvalidLineError(f"has an invalid {name}")
    return row


def add_rows(journal: Journal, rows: Rows) -> CopyReport:
    """Add rows that a journal does not have, all or none; raises StorageError."""
    report = CopyReport()
    with journal.rewrite() as db:
        ids = _add_entries(db, rows["entries"], report)
        for table, columns in TABLES.items():
            if table == "entries":
                continue
            items = rows[table]
            if table == "events":
                items = [{**row, "entry_id": ids[row["entry_id"]]} for row in items]
            _insert(db, table, list(columns), items, report)
    return report


def _add_entries(db: Any, rows: list[dict[str, Any]], report: CopyReport) -> dict[int, int]:
    """Add entries, and return their IDs in the journal by those in `rows`."""
    columns = [name for name in TABLES["entries"] if name not in {"id", "replaces"}]
    _insert(db, "entries", columns, rows, report)
    known = {
        _identity(row): row
        for row in db.execute(
            "SELECT id, account, calendar, row, generation, state, idempotency_key, replaces "
            "FROM entries"
        ).fetchall()
    }
    ids = {row["id"]: int(known[_identity(row)]["id"]) for row in rows}
    for row in rows:
        other = known[_identity(row)]
        if (other["state"], other["idempotency_key"]) != (row["state"], row["idempotency_key"]):
            report.different.append(f"{row['calendar']}: {row['row']}")
    db.executemany(
        "UPDATE entries SET replaces = ? WHERE id = ? AND replaces IS NULL",
        [(ids[row["replaces"]], ids[row["id"]]) for row in rows if row["replaces"] is not None],
    )
    return ids


def _identity(row: Any) -> tuple[str, str, str, int]:
    return row["account"], row["calendar"], row["row"], row["generation"]


def _insert(
    db: Any, table: str, columns: list[str], rows: list[dict[str, Any]], report: CopyReport
) -> None:
    count = f"SELECT count(*) AS number FROM {table}"  # noqa: S608 - a constant
    before = db.execute(count).fetchone()["number"]
    db.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - constants
        f"VALUES ({', '.join('?' * len(columns))}) ON CONFLICT DO NOTHING",
        [tuple(row[name] for name in columns) for row in rows],
    )
    added = db.execute(count).fetchone()["number"] - before
    report.added[table], report.present[table] = added, len(rows) - added
