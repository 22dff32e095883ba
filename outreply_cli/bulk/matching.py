"""Matching of planned posts with the rows of earlier runs."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.api.client import post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.remote_state import LIVE_STATUSES, PostStatus
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.bulk.utm import strip_utm
from outreply_cli.journal.models import (
    FILES_FIELD,
    EntryState,
    JournalEntry,
    JournalEntryDraft,
    RowHistory,
)
from outreply_cli.posts.content import fingerprint
from outreply_cli.posts.sender import idempotency_key, is_same_time
from outreply_cli.spec.limits import SCHEDULE_LATEST
from outreply_cli.spec.text import normalize_text
from outreply_cli.timestamps import format_timestamp

_KEYED = "key:"
_SLOT = "slot:"
# Texts with at least this share of equal trigrams (Sørensen-Dice) may be versions of each other.
_SIMILAR_TEXT = 0.6
_DAY_OF_KEY = re.compile(r"/\d{4}-\d\d-\d\d\Z", re.ASCII)
# Functions of a post (by index) and of an entry; equal results mean that both are of one row.
_Criterion = tuple[Callable[[int], Hashable], Callable[[JournalEntry], Hashable]]
# Keys of `bulk export` start with this, followed by the ID of the post.
EXPORTED_KEY_PREFIX = "post:"


@dataclass(frozen=True)
class Ambiguity:
    """A reason to assume that a row is already scheduled, and the candidate posts.

    Attributes:
        similar: IDs of candidates with the row's time, or with nearly the same text.
        is_exact: Whether the only candidate has the row's page, time and text.
        old: Entry of the post that the row's current one replaces, if that may still be scheduled.
    """

    reason: str
    candidates: tuple[Post, ...] = ()
    similar: frozenset[str] = frozenset()
    is_exact: bool = False
    old: JournalEntry | None = None


class MatchedRow(NamedTuple):
    """A planned post, and the entry of its row's current one.

    Attributes:
        name: Name of the row in the journal.
        make_draft: Makes the draft of the row's next post, once; most dry runs need none.
        status: Status of the entry's post, once it is known.
        ambiguity: Reason why the row may have been scheduled already; None if it was not.
    """

    post: PlannedPost
    name: str
    make_draft: Callable[[], JournalEntryDraft]
    entry: JournalEntry | None
    status: PostStatus | None = None
    ambiguity: Ambiguity | None = None

    @property
    def draft(self) -> JournalEntryDraft:
        """The draft of the row's next post."""
        return self.make_draft()

    @property
    def post_id(self) -> str | None:
        """ID of the row's current post."""
        return None if self.entry is None else self.entry.post_id

    @property
    def is_unchanged(self) -> bool:
        """Whether the row's current post was created from the same content and time."""
        return self.entry is not None and self.entry.fingerprint == self.draft.fingerprint

    @property
    def is_live(self) -> bool:
        """Whether the row's current post is scheduled."""
        return self.status in LIVE_STATUSES

    @property
    def takes_new_slot(self) -> bool:
        """Whether the row has no time, and no post that the journal knows."""
        return self.entry is None and self.post.takes_slot

    @property
    def has_same_content(self) -> bool:
        """Whether the row's current post was created from the same content, apart from its time."""
        return self.entry is not None and (
            content_digest(self.entry.body) == content_digest(self.draft.body)
        )

    def with_entry(self, entry: JournalEntry) -> "MatchedRow":
        """Return the row with `entry`, which took the draft's generation, as its post."""
        draft = self.draft
        generation = draft.generation + 1
        digest = _keyed_digest(self.post, draft.body, draft.fingerprint)
        key = idempotency_key(draft.account, draft.calendar, draft.row, digest, generation)
        draft = replace(draft, generation=generation, idempotency_key=key)
        return self._replace(make_draft=lambda: draft, entry=entry)


def match_rows(
    posts: Sequence[PlannedPost],
    histories: Sequence[RowHistory],
    *,
    account: str,
    calendar: str,
    now: datetime,
    earlier_times: Mapping[int, datetime] = MappingProxyType({}),
) -> tuple[list[MatchedRow], list[JournalEntry]]:
    """Pair `posts` with the rows of earlier runs.

    A row with a key is paired with the row with that key. A row without a key is paired, on its
    page, with the equal row; else with the pending row with the same content; else with the pending
    row at the same time. So it keeps its identity when its text or its time is edited, and when
    other rows are added or removed.
    The same text at a later time is a new row once the earlier post is published. But a post that
    was published at another time than that of its row, or whose text was edited after its time, is
    still the post of its row. An occurrence of a series without a key is the row of its first time,
    else the one with the same content on the same day: others of the series have the same content.
    A row that gets a key, another key or none keeps its post. Rows that are too far ahead to be
    scheduled take no other row's post.

    `earlier_times` are the times of posts in the zone of the last run, by index, where they differ.

    Returns:
        The rows in the order of `posts`, and the pending entries without a row.
    """
    pairing = _Pairing(posts, histories)
    if pairing.unpaired:
        _pair_posts(pairing, now, earlier_times)
    next_generations = {history.row: history.next_generation for history in histories}
    names = pairing.row_names()

    @cache
    def make_draft(i: int) -> JournalEntryDraft:
        post, name, body, digest = posts[i], names[i], pairing.body(i), pairing.digest(i)
        generation = next_generations.get(name, 1)
        keyed_digest = _keyed_digest(post, body, digest)
        return JournalEntryDraft(
            account=account,
            calendar=calendar,
            row=name,
            generation=generation,
            page_id=post.page_id,
            scheduled_at=post.scheduled_at,
            body=body,
            fingerprint=digest,
            idempotency_key=idempotency_key(account, calendar, name, keyed_digest, generation),
        )

    rows = [
        MatchedRow(post, names[i], partial(make_draft, i), pairing.entries.get(i))
        for i, post in enumerate(posts)
    ]
    return rows, [entry for entry in pairing.unpaired.values() if _is_pending(entry, now)]


def _pair_posts(pairing: "_Pairing", now: datetime, earlier_times: Mapping[int, datetime]) -> None:
    posts, pair = pairing.posts, pairing.pair
    slot_names = name_slot_rows(posts)
    keyed = [i for i, post in enumerate(posts) if post.key is not None]
    unkeyed = [i for i, post in enumerate(posts) if post.key is None]
    slots = [i for i in unkeyed if posts[i].takes_slot]
    timed = [i for i in unkeyed if not posts[i].takes_slot]
    series = [i for i in unkeyed if posts[i].series_zone is not None]
    single = [i for i in unkeyed if posts[i].series_zone is None]
    near = [i for i in single if posts[i].scheduled_at <= now + SCHEDULE_LATEST]
    past = [i for i in single if not posts[i].takes_slot and posts[i].time_in_file <= now]
    timed_keys = [i for i in keyed if not posts[i].takes_slot]
    slot_keys = [i for i in keyed if posts[i].takes_slot]

    def has_no_key(entry: JournalEntry) -> bool:
        return not _has_key(entry)

    def is_pending(entry: JournalEntry) -> bool:
        return has_no_key(entry) and _is_pending(entry, now)

    def is_past(entry: JournalEntry) -> bool:
        return has_no_key(entry) and not _is_pending(entry, now)

    # Criteria that pair a post, by its index, with an entry.
    name: _Criterion = (lambda i: f"{_stem(posts[i])}#0", lambda e: e.row)
    digest: _Criterion = (pairing.digest, lambda e: e.fingerprint)
    content: _Criterion = (pairing.content, lambda e: content_digest(e.body))
    time: _Criterion = (
        lambda i: (posts[i].page_id, posts[i].scheduled_at),
        lambda e: (e.page_id, e.scheduled_at),
    )

    pair(keyed, (lambda i: name_from_key(posts[i]), lambda e: e.row), _has_key)
    # A row of an exported calendar is the row of the post that its key names.
    pair(keyed, (pairing.exported_row, lambda e: e.row), _has_post)
    # A row with a key keeps its post when its page changes, until the new post is created.
    pair(
        keyed,
        (lambda i: posts[i].key, lambda e: key_from_name(e.row)),
        lambda e: _has_key(e) and e.scheduled_at > now,
    )
    # A row that becomes a series keeps its post, and so does the occurrence that becomes a row.
    pair(
        keyed,
        (
            lambda i: (_series_key(posts[i].key), time[0](i)),
            lambda e: (_series_key(key_from_name(e.row)), time[1](e)),
        ),
        _has_key,
    )
    # A row without a time has the same name in every run, whatever its post's time is; but a row
    # whose text was edited keeps the name of its first text, which another may have now.
    pair([*timed, *slots], digest, has_no_key)
    pair(slots, (lambda i: slot_names[i], lambda e: e.row), has_no_key)
    pair(series, name, has_no_key)
    for zone in dict.fromkeys(posts[i].series_zone for i in series):
        same_day: _Criterion = (
            lambda i: (pairing.content(i), posts[i].series_day),
            partial(_content_on_day, zone=zone),
        )
        for is_eligible in (is_pending, has_no_key):
            pair([i for i in series if posts[i].series_zone == zone], same_day, is_eligible)
    # A row whose post was published before the time zone of the row changed.
    moved = [i for i in single if i in earlier_times and i not in pairing.entries]
    pair(
        moved,
        (
            lambda i: (pairing.content(i), earlier_times[i]),
            lambda e: (content_digest(e.body), e.scheduled_at),
        ),
        is_past,
    )
    pairing.renamed.update(i for i in moved if i in pairing.entries)
    pair(near, content, is_pending)
    pair(unkeyed, time, is_pending)
    # A row that was paired with an edited version of itself has neither its time nor its text.
    pair(single, name, is_pending)
    # A post that was moved, and published at another time than that of its row.
    pair(
        single,
        (
            lambda i: (name[0](i), pairing.content(i)),
            lambda e: (e.row, content_digest(e.body)),
        ),
        has_no_key,
    )
    # A row that was edited after its post was published.
    pair(past, name, has_no_key)
    pair(past, (lambda i: (posts[i].page_id, posts[i].time_in_file), time[1]), has_no_key)
    # A row that was given a key.
    pair(timed_keys, digest, has_no_key)
    pair(timed_keys, time, has_no_key)
    pair(slot_keys, content, lambda e: is_slot_row(e.row))
    # A row that was given another key, or lost its key.
    pair([*unkeyed, *keyed], digest, _has_key)


class _Pairing:
    """Paired entries by the index of their post, and unpaired ones by the name of their row."""

    def __init__(self, posts: Sequence[PlannedPost], histories: Sequence[RowHistory]) -> None:
        self.posts = posts
        self.body = cache(lambda i: posts[i].body())
        self.digest = cache(lambda i: fingerprint(self.body(i)))
        self.content = cache(lambda i: content_digest(self.body(i)))
        self.entries: dict[int, JournalEntry] = {}
        # Indexes of rows that are no longer known by their former names.
        self.renamed: set[int] = set()
        self._row_of_post = {
            post_id: history.row for history in histories for post_id in history.post_ids
        }
        self.unpaired = {
            history.row: history.active for history in histories if history.active is not None
        }

    def exported_row(self, index: int) -> str | None:
        """Return the row of the journal that has the post which a key of an export names."""
        return self._row_of_post.get(exported_post_id(self.posts[index]) or "")

    def pair(
        self,
        indexes: Sequence[int],
        criterion: _Criterion,
        is_eligible: Callable[[JournalEntry], bool],
    ) -> None:
        """Pair posts with eligible entries where both have the same value, the nearest in time."""
        post_value, entry_value = criterion
        candidates: dict[Hashable, list[str]] = defaultdict(list)
        for name, entry in self.unpaired.items():
            if is_eligible(entry):
                candidates[entry_value(entry)].append(name)
        for index in indexes if candidates else ():
            if index in self.entries or not (names := candidates.get(post_value(index))):
                continue
            at = self.posts[index].scheduled_at
            nearest = min(names, key=lambda name: abs(self.unpaired[name].scheduled_at - at))
            names.remove(nearest)
            self.entries[index] = self.unpaired.pop(nearest)

    def row_names(self) -> list[str]:
        """Return the name of each post's row in the journal, all different."""
        used = {entry.row for entry in self.entries.values()} | set(self.unpaired)
        # Number of names tried by stem: a used name never becomes free.
        counts: Counter[str] = Counter()
        names = []
        for index, post in enumerate(self.posts):
            entry = self.entries.get(index)
            # A row of an export is still the row that other files of the calendar have.
            if (
                entry is not None
                and index not in self.renamed
                and (
                    exported_post_id(post) is not None or (post.key is None and not _has_key(entry))
                )
            ):
                name = entry.row
            elif post.key is not None:
                name = name_from_key(post)
            else:
                stem = _stem(post)
                while (name := f"{stem}#{counts[stem]}") in used:
                    counts[stem] += 1
                counts[stem] += 1
            names.append(name)
        return names


def _stem(post: PlannedPost) -> str:
    if post.takes_slot:
        return f"{_SLOT}{content_digest(post.body())}@{post.page_id}"
    # A row keeps its name where `--spread` moves it.
    return f"{post.page_id}@{format_timestamp(post.time_in_file)}"


def _series_key(key: str | None) -> str:
    return _DAY_OF_KEY.sub("", key or "")


def name_slot_rows(posts: Sequence[PlannedPost]) -> list[str]:
    """Return the name of the row of each post without a time, and "" for others.

    It is equal in every run: made from the key, else from the content and the occurrence.
    """
    counts: Counter[str] = Counter()
    names = []
    for post in posts:
        name = ""
        if post.takes_slot and post.key is not None:
            name = name_from_key(post)
        elif post.takes_slot:
            stem = _stem(post)
            name = f"{stem}#{counts[stem]}"
            counts[stem] += 1
        names.append(name)
    return names


def is_slot_row(row: str) -> bool:
    """Return whether a row of the journal was made from one without a time and a key."""
    return row.startswith(_SLOT)


def name_from_key(post: PlannedPost) -> str:
    """Return the name of the row of a post with a key."""
    return f"{_KEYED}{post.key}@{post.page_id}"


def exported_post_id(post: PlannedPost) -> str | None:
    """Return the ID of the post that a key from `bulk export` names, or None."""
    key = post.key or ""
    return (
        (key.removeprefix(EXPORTED_KEY_PREFIX) or None)
        if key.startswith(EXPORTED_KEY_PREFIX)
        else None
    )


def key_from_name(row: str) -> str | None:
    """Return the key of a row by its name in the journal; None if it has none."""
    return row.removeprefix(_KEYED).rpartition("@")[0] if row.startswith(_KEYED) else None


def _content_on_day(entry: JournalEntry, zone: ZoneInfo | None) -> tuple[str, date]:
    return content_digest(entry.body), entry.scheduled_at.astimezone(zone).date()


def _has_post(entry: JournalEntry) -> bool:
    return entry.post_id is not None


def _has_key(entry: JournalEntry) -> bool:
    return entry.row.startswith(_KEYED)


def _is_pending(entry: JournalEntry, now: datetime) -> bool:
    return entry.scheduled_at > now or entry.state != EntryState.DONE


def content_digest(body: dict[str, Any]) -> str:
    """Return a digest of a request body that is equal at any time of the post."""
    # Media IDs differ after each upload: compare the digests of the files instead.
    ignored = {"scheduled_at", "media_ids"} if FILES_FIELD in body else {"scheduled_at"}
    return fingerprint({key: value for key, value in body.items() if key not in ignored})


def _keyed_digest(post: PlannedPost, body: dict[str, Any], digest: str) -> str:
    """Return the digest that a post's idempotency key is made from; `digest` is that of `body`.

    It leaves out what machines may choose differently, so that they do not both post: the slot of
    a row without a time, and the text of a row without one.
    """
    if post.takes_slot:
        return content_digest(body)
    return fingerprint(without_text(body)) if post.row.is_composed else digest


def without_text(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request body without its message."""
    return {name: value for name, value in body.items() if name != "message"}


class TextMatcher:
    """Compares texts of posts and rows by their trigrams, which are kept."""

    def __init__(self) -> None:
        self._trigrams: dict[str, frozenset[str]] = {}

    def is_similar(self, post: Post, row: MatchedRow) -> bool:
        """Return whether a post has the time, or nearly the text, of a row or of its post."""
        at, text = post_time(post), normalize_text(post.get("message"))
        versions = [row.draft] if row.entry is None else [row.draft, row.entry]
        return any(
            (at is not None and is_same_time(at, version.scheduled_at))
            or self.are_similar(text, normalize_text(version.body.get("message")))
            for version in versions
        )

    def are_similar(self, text: str, other: str) -> bool:
        """Return whether two normalized texts may be versions of each other."""
        if not text or not other:
            return False
        text, other = strip_utm(text), strip_utm(other)
        if text == other:
            return True
        first, second = self._split(text), self._split(other)
        return 2 * len(first & second) >= _SIMILAR_TEXT * (len(first) + len(second))

    def _split(self, text: str) -> frozenset[str]:
        trigrams = self._trigrams.get(text)
        if trigrams is None:
            padded = f"  {text.casefold()}  "
            trigrams = frozenset(padded[i : i + 3] for i in range(len(padded) - 2))
            self._trigrams[text] = trigrams
        return trigrams
