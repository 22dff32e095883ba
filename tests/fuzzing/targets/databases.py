"""Databases of ours with damaged bytes or values: our own error, never a wrong reading's crash."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from outreply_cli.api.rate_limit import SharedRateLimiter
from outreply_cli.comments.store import CommentStore
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.journal.journal import Journal, journal_health
from outreply_cli.journal.models import JournalEntryDraft
from outreply_cli.spec.token import Token
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DeliveryStore
from tests.clocks import ManualClock
from tests.fuzzing.target import Refused, Taken, Target, declared, scratch

_NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_TOKEN = Token("outreply_live_x")
_NEW = JournalEntryDraft("a", "c", "row-1", 1, "p", _NOW, {"message": "Hi"}, "f", "k")
_COMMENT = {"id": "c1", "created_at": "2026-11-24T12:00:00Z", "message": "Hello"}


def _use_journal(path: Path) -> None:
    journal = Journal(path)
    try:
        journal.rows("a", "c")
        journal.unsettled("a")
        journal.post_ids("a")
        journal.by_post_id("a", "p1")
        journal.find_upload("a", "s1")
        journal.media_ids("a")
        assert isinstance(journal.has_unsettled, bool)
        (entry,) = journal.record_planned([JournalEntryDraft(**{**vars(_NEW), "row": "new"})])
        journal.mark_sent(entry, _NOW)
        journal.mark_done(entry, "p9")
    finally:
        journal.close()
    journal_health(path)


def _use_inbox(path: Path) -> None:
    inbox = DeliveryStore(path)
    try:
        inbox.history(limit=10)
        inbox.history(limit=10, event="post.*", only_failed=True)
        inbox.next_pending("t")
        inbox.pending_counts()
        inbox.find("#1")
        inbox.store([_arrival("new")])
    finally:
        inbox.close()


def _use_memory(path: Path) -> None:
    memory = CommentStore(path, "a")
    try:
        memory.newest("post")
        memory.comment("c1")
        memory.is_skipped("c1")
        memory.replies()
        memory.reply_for("c1", "o")
        memory.mark_seen("post", [{**_COMMENT, "id": "c2"}])
    finally:
        memory.close()


def _use_budget(path: Path) -> None:
    budget = SharedRateLimiter(path, _TOKEN, "http://x", ManualClock())
    assert 0 <= budget.acquire() <= 120
    budget.update({"x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "9"},
                 5.0)  # fmt: skip
    budget.throttle(3)
    budget.close()


def _arrival(identity: str) -> IncomingDelivery:
    return IncomingDelivery(
        identity, 1e9, "post.published", is_verified=True, reason=None, status=200,
        headers=[("A", "b")], body=b"{}", targets=["t"],
    )  # fmt: skip


def _make_journal(path: Path) -> None:
    journal = Journal(path)
    journal.adopt(_NEW, "p1")
    (entry,) = journal.record_planned([JournalEntryDraft(**{**vars(_NEW), "row": "row-2"})])
    journal.mark_sent(entry, _NOW)
    journal.mark_upload("a", "s1", _NOW, "m1")
    journal.close()


def _make_inbox(path: Path) -> None:
    inbox = DeliveryStore(path)
    inbox.store([_arrival("evt_1")])
    inbox.close()


def _make_memory(path: Path) -> None:
    memory = CommentStore(path, "a")
    memory.mark_seen("post", [_COMMENT])
    memory.record_intent("c1", "o", "Thanks", key="k", now=_NOW)
    memory.record_reply("c1", "o", {"id": "r1"})
    memory.close()


_KINDS: tuple[tuple[Callable[[Path], None], Callable[[Path], None], tuple[str, ...]], ...] = (
    (_make_journal, _use_journal, ("entries", "uploads")),
    (_make_inbox, _use_inbox, ("deliveries", "forwards")),
    (_make_memory, _use_memory, ("comments", "replies")),
    (_use_budget, _use_budget, ("budgets",)),
)


@cache
def _directory() -> Path:
    return scratch()


@cache
def _sound(kind: int) -> bytes:
    path = _directory() / f"sound-{kind}.db"
    _KINDS[kind][0](path)
    with sqlite3.connect(path) as database:
        # All of it in one file, as after the last process has gone.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path.read_bytes()


def _check_bytes(data: bytes) -> None:
    taken = Taken(data)
    kind = taken.number(len(_KINDS))
    content = bytearray(_sound(kind))
    while (change := taken.part()) != b"":
        # Where, and what stands there now; nothing there means that the file ends.
        place = int.from_bytes(change[:2], "big") % len(content)
        content[place : place + len(change) - 2] = change[2:]
        if len(change) <= 2:
            del content[max(1, place) :]
    _use(kind, bytes(content))


def _check_values(data: bytes) -> None:
    taken = Taken(data)
    kind = taken.number(len(_KINDS))
    table = _KINDS[kind][2][taken.number(len(_KINDS[kind][2]))]
    column, form = taken.number(256), taken.number(5)
    value = _FORMS[form](taken.rest())
    database = sqlite3.connect(":memory:")
    database.deserialize(_as_rollback(_sound(kind)))
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
    # In memory there is no write-ahead log; the two bytes say which of the two a file has.
    return content[:18] + b"\x01\x01" + content[20:]


def _use(kind: int, content: bytes) -> None:
    path = _directory() / "used.db"
    for ending in ("", "-wal", "-shm", "-journal", ".setup"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(content)
    with (
        declared(StorageError, InvalidInputError, sqlite3.Error)
        if kind == 0
        else declared(StorageError, InvalidInputError)
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
_PLACES = (0, 16, 18, 24, 28, 40, 56, 60, 96, 100, 105, 4096, 4100, 8192, 12288, 16384)
TARGETS = (
    Target(
        "database-values", _check_values,
        [bytes([kind, table, column, form]) + value for kind in range(4) for table in (0, 1)
         for column in range(16) for form in range(5) for value in _VALUES],
        _VALUES, smoke=40,
    ),
    Target(
        "database-bytes", _check_bytes,
        [bytes([kind]) + place.to_bytes(2, "big") + b"\xff" + bytes([place % 251])
         for kind in range(4) for place in _PLACES],
        [b"\0\0", b"\x0d", b"\x0a", b"\x05", b"\x02", b"CREATE TABLE", b"SQLite format 3",
         b"\x30\x00\x01"],
        smoke=30,
    ),
)  # fmt: skip
