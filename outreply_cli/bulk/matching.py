"""Which row of a file is which row of earlier runs."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.journal.models import (
    FILES_FIELD,
    EntryState,
    JournalEntry,
    JournalEntryDraft,
    RowHistory,
)
from outreply_cli.posts.content import fingerprint
from outreply_cli.posts.sender import idempotency_key
from outreply_cli.timestamps import format_timestamp

_KEYED = "key:"


class MatchedRow(NamedTuple):
    """A target, and what earlier runs know of it.

    Attributes:
        target: What the file asks for.
        body: Its request.
        digest: Of the body.
        row: What the journal calls it.
        generation: Of its next post.
        live: The entry whose post stands for it, if any.
    """

    target: PlannedPost
    body: dict[str, Any]
    digest: str
    row: str
    generation: int
    live: JournalEntry | None


def match_rows(
    targets: Sequence[PlannedPost], histories: Sequence[RowHistory], now: datetime
) -> tuple[list[MatchedRow], list[JournalEntry]]:
    """Pair `targets` with the rows of earlier runs.

    A row with a key is the row with that key. One without is, on its page, the row that is equal;
    else the pending one at the same instant; else the pending one with the same content: so a row
    keeps its identity when its text or its time is edited, and when others come and go. The same
    text at a later time is a new row once the earlier one is out.

    Returns:
        The targets in their order, and the entries that no target stands for any more.
    """
    bodies = [target.body() for target in targets]
    digests = [fingerprint(body) for body in bodies]
    pairing = _Pairing(histories)
    keyed = [i for i, target in enumerate(targets) if target.row.key is not None]
    unkeyed = [i for i, target in enumerate(targets) if target.row.key is None]

    def pending(entry: JournalEntry) -> bool:
        return not _has_key(entry) and _is_pending(entry, now)

    pairing.pair(keyed, lambda i: _keyed_row(targets[i]), lambda e: e.row, _has_key)
    # A key whose page was changed keeps its post until the new one has come.
    pairing.pair(
        keyed, lambda i: targets[i].row.key, _key_of, lambda e: _has_key(e) and e.scheduled_at > now
    )
    pairing.pair(unkeyed, lambda i: digests[i], lambda e: e.fingerprint, lambda e: not _has_key(e))
    pairing.pair(
        unkeyed,
        lambda i: (targets[i].page_id, targets[i].instant),
        lambda e: (e.page_id, e.scheduled_at),
        pending,
    )
    pairing.pair(
        unkeyed, lambda i: _content_digest(bodies[i]), lambda e: _content_digest(e.body), pending
    )
    generations = {history.row: history.revision for history in histories}
    rows = pairing.row_names(targets)
    matched = [
        MatchedRow(target, body, digest, row, generations.get(row, 1), pairing.pairs.get(place))
        for place, (target, body, digest, row) in enumerate(
            zip(targets, bodies, digests, rows, strict=True)
        )
    ]
    return matched, [entry for entry in pairing.free.values() if _is_pending(entry, now)]


class _Pairing:
    """Which target stands for which entry of earlier runs.

    Attributes:
        pairs: The entries found so far, by the target's place.
        free: Those that no target stands for, by row.
    """

    def __init__(self, histories: Sequence[RowHistory]) -> None:
        self.pairs: dict[int, JournalEntry] = {}
        self.free = {h.row: h.active for h in histories if h.active is not None}

    def pair(
        self,
        places: Sequence[int],
        mark: Callable[[int], Hashable],
        mark_of: Callable[[JournalEntry], Hashable],
        may: Callable[[JournalEntry], bool],
    ) -> None:
        """Pair those of `places` with entries that `may` be theirs, where their marks are equal."""
        if not self.free:
            return
        waiting: dict[Hashable, list[str]] = defaultdict(list)
        for row, entry in self.free.items():
            if may(entry):
                waiting[mark_of(entry)].append(row)
        for place in places:
            candidates = waiting.get(mark(place))
            if place not in self.pairs and candidates:
                self.pairs[place] = self.free.pop(candidates.pop(0))

    def row_names(self, targets: Sequence[PlannedPost]) -> list[str]:
        """What the journal calls each target's row, all different."""
        taken = {entry.row for entry in self.pairs.values()} | set(self.free)
        names = []
        for place, target in enumerate(targets):
            names.append(_row_name(target, self.pairs.get(place), taken))
            taken.add(names[-1])
        return names


def new_entry(
    one: MatchedRow, account: str, calendar: str, replaced: JournalEntry | None = None
) -> JournalEntryDraft:
    """The entry of the row's next post, which takes the place of `replaced`."""
    return JournalEntryDraft(
        account=account,
        calendar=calendar,
        row=one.row,
        generation=one.generation,
        page_id=one.target.page_id,
        scheduled_at=one.target.instant,
        body=one.body,
        fingerprint=one.digest,
        idempotency_key=idempotency_key(account, calendar, one.row, one.digest, one.generation),
        replaces=replaced.id if replaced is not None else None,
    )


def _row_name(target: PlannedPost, live: JournalEntry | None, taken: set[str]) -> str:
    if target.row.key is not None:
        return _keyed_row(target)
    if live is not None:
        return live.row
    stem = f"{target.page_id}@{format_timestamp(target.instant)}"
    number = 0
    while f"{stem}#{number}" in taken:
        number += 1
    return f"{stem}#{number}"


def _keyed_row(target: PlannedPost) -> str:
    return f"{_KEYED}{target.row.key}@{target.page_id}"


def _has_key(entry: JournalEntry) -> bool:
    return entry.row.startswith(_KEYED)


def _key_of(entry: JournalEntry) -> str:
    return entry.row.removeprefix(_KEYED).rpartition("@")[0]


def _is_pending(entry: JournalEntry, now: datetime) -> bool:
    return entry.scheduled_at > now or entry.state != EntryState.DONE


def _content_digest(body: dict[str, Any]) -> str:
    # Uploaded media have ids of their own each time; their files say whether they are the same.
    left_out = {"scheduled_at", "media_ids"} if FILES_FIELD in body else {"scheduled_at"}
    return fingerprint({key: value for key, value in body.items() if key not in left_out})
