"""Local databases with damaged bytes or values: a StorageError, never a crash."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from outreply_cli.api.rate_limit import MachineRateLimiter
from outreply_cli.comments.store import SCHEMA, CommentStore, SentReply
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.journal.journal import Journal, journal_health
from outreply_cli.journal.models import JournalEntryDraft
from outreply_cli.spec.token import Token
from outreply_cli.storage.tables import LocalTables
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DeliveryNotFoundError, DeliveryStore
from tests.clocks import ManualClock
from tests.fuzzing.target import InputReader, Refused, Target, expect_errors, scratch

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_TOKEN = Token("outreply_live_x")
_NEW = JournalEntryDraft("a", "c", "row-1", 1, "p", _NOW, {"message": "Hi"}, "f", "k")
_COMMENT = {"id": "c1", "created_at": "2026-11-24T12:00:00Z", "message": "Hello"}


def _use_journal(path: Path) -> None:
    journal = Journal(path)
    try:
        journal.rows("a", "c")
        journal.list_unsettled("a")
        journal.post_ids("a")
        journal.by_post_id("a", "p1")
        journal.find_upload("a", "s1")
        journal.media_ids("a")
        assert isinstance(journal.has_unsettled, bool)
        (entry,) = journal.record_planned([JournalEntryDraft(**{**vars(_NEW), "row": "new"})])
        journal.mark_sent(entry, _NOW, "t")
        journal.mark_done(entry, "p9")
    finally:
        journal.close()
    journal_health(path)


def _use_deliveries(path: Path) -> None:
    store = DeliveryStore(path)
    try:
        store.history(limit=10)
        store.history(limit=10, event="post.*", only_failed=True)
        store.next_pending("t", 0.0)
        store.queue()
        store.queue_lengths()
        store.attempts(1)
        # SQLite treats a file of one byte as an empty database.
        with suppress(DeliveryNotFoundError):
            store.find("#1")
        store.store([_delivery("new")])
    finally:
        store.close()


def _use_comments(path: Path) -> None:
    store = CommentStore(LocalTables(path, SCHEMA), "a")
    try:
        store.comments()
        store.comment("c1")
        store.is_skipped("c1")
        store.replies()
        store.reply_for("c1", "o")
        store.mark_seen("post", [{**_COMMENT, "id": "c2"}])
    finally:
        store.close()


def _use_rate_limit(path: Path) -> None:
    limiter = MachineRateLimiter(path, _TOKEN, "http://x", ManualClock())
    assert 0 <= limiter.acquire() <= 120
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    limiter.update(dict(zip(names, "549", strict=True)), 5.0)
    limiter.throttle(3)
    limiter.close()


def _delivery(identity: str) -> IncomingDelivery:
    return IncomingDelivery(
        identity, 1e9, "post.published", is_verified=True, reason=None, status=200,
        headers=[("A", "b")], body=b"{}", targets=["t"],
    )  # fmt: skip


def _make_journal(path: Path) -> None:
    journal = Journal(path)
    journal.adopt(_NEW, "p1")
    (entry,) = journal.record_planned([JournalEntryDraft(**{**vars(_NEW), "row": "row-2"})])
    journal.mark_sent(entry, _NOW, "t")
    journal.mark_upload("a", "s1", _NOW, "m1")
    journal.close()


def _make_deliveries(path: Path) -> None:
    store = DeliveryStore(path)
    store.store([_delivery("evt_1")])
    store.close()


def _make_comments(path: Path) -> None:
    store = CommentStore(LocalTables(path, SCHEMA), "a")
    store.mark_seen("post", [_COMMENT])
    sent = SentReply("c1", "o", "Thanks", "k", 1.0, 1.0, "t")
    store.claim(sent)
    store.record_reply(sent, {"id": "r1"})
    store.close()


_KINDS: tuple[tuple[Callable[[Path], None], Callable[[Path], None], tuple[str, ...]], ...] = (
    (_make_journal, _use_journal, ("entries", "uploads")),
    (_make_deliveries, _use_deliveries, ("deliveries", "forwards", "attempts")),
    (_make_comments, _use_comments, ("comments", "replies")),
    (_use_rate_limit, _use_rate_limit, ("rate_limits",)),
)


@cache
def _directory() -> Path:
    return scratch()


@cache
def _make_valid(kind: int) -> bytes:
    path = _directory() / f"valid-{kind}.db"
    _KINDS[kind][0](path)
    with closing(sqlite3.connect(path)) as database, database:
        # Move everything from the write-ahead log into the file.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def _check_bytes(data: bytes) -> None:
    reader = InputReader(data)
    kind = reader.number(len(_KINDS))
    content = bytearray(_make_valid(kind))
    while (change := reader.part()) != b"":
        # A change is an offset and new bytes; without bytes the file is truncated there.
        offset = int.from_bytes(change[:2], "big") % len(content)
        content[offset : offset + len(change) - 2] = change[2:]
        if len(change) <= 2:
            del content[max(1, offset) :]
    _use(kind, bytes(content))


def _check_values(data: bytes) -> None:
    reader = InputReader(data)
    kind = reader.number(len(_KINDS))
    table = _KINDS[kind][2][reader.number(len(_KINDS[kind][2]))]
    column, form = reader.number(256), reader.number(5)
    value = _FORMS[form](reader.rest())
    database = sqlite3.connect(":memory:")
    database.deserialize(_as_rollback(_make_valid(kind)))
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    try:
        database.execute(f"UPDATE OR IGNORE {table} SET {names[column % len(names)]} = ?", (value,))  # noqa: S608
        database.commit()
        content = database.serialize()
    except sqlite3.Error:
        raise Refused from None
    finally:
        database.close()
    _use(kind, content)


def _as_rollback(content: bytes) -> bytes:
    # In-memory databases have no write-ahead log; bytes 18 and 19 are the journal mode.
    return content[:18] + b"\x01\x01" + content[20:]


def _use(kind: int, content: bytes) -> None:
    path = _directory() / "used.db"
    for ending in ("", "-wal", "-shm", "-journal", ".setup"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(content)
    with (
        expect_errors(StorageError, InvalidInputError, sqlite3.Error)
        if kind == 0
        else expect_errors(StorageError, InvalidInputError)
    ):
        _KINDS[kind][1](path)


_FORMS: tuple[Callable[[bytes], object], ...] = (
    lambda data: data.decode("utf-8", "replace"),
    lambda data: data,
    lambda data: int.from_bytes(data[:8], "big", signed=True),
    lambda data: float(data.decode("latin-1")) if data.replace(b".", b"").isdigit() else 0.0,
    lambda _: None,
)
_VALUES = (
    b"2026-11-24T12:00:00+00:00", b'{"message": "Hi"}', b"done", b"", b"[" * 3000, b"null",
    b"[[1]]",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff", b"\xff", b"0001-01-01T00:00:00+14:00", b"planned",
    b"1" * 18,
    b"9" * 5000,
)  # fmt: skip
_OFFSETS = (0, 16, 18, 24, 28, 40, 56, 60, 96, 100, 105, 4096, 4100, 8192, 12288, 16384)
TARGETS = (
    Target(
        "database-values", _check_values,
        [bytes([kind, table, column, form]) + value for kind in range(4) for table in (0, 1)
         for column in range(16) for form in range(5) for value in _VALUES],
        _VALUES, smoke=40,
    ),
    Target(
        "database-bytes", _check_bytes,
        [bytes([kind]) + offset.to_bytes(2, "big") + b"\xff" + bytes([offset % 251])
         for kind in range(4) for offset in _OFFSETS],
        [b"\0\0", b"\x0d", b"\x0a", b"\x05", b"\x02", b"CREATE TABLE", b"SQLite format 3",
         b"\x30\x00\x01"],
        smoke=30,
    ),
)  # fmt: skip
