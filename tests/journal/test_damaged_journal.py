"""Journals with damaged values."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreply_cli.errors import StorageError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import JournalEntryDraft

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("scheduled_at", "soon"),
        ("scheduled_at", b"\x00"),
        ("body", "[" * 100_000),
        ("body", "[]"),
        ("state", "lost"),
        ("generation", "two"),
        ("sent_at", 1e300),
        ("row", b"\xff"),
    ],
)
def test_damaged_value_raises_storage_error(
    tmp_path: Path, column: str, value: str | bytes | float
) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.adopt(JournalEntryDraft("a", "c", "r", 1, "p", NOW, {"message": "Hi"}, "f", "k"), "p1")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE entries SET {column} = ?", (value,))  # noqa: S608 - a name above
    with pytest.raises(StorageError, match="damaged"):
        journal.rows("a", "c")
    journal.close()
