"""Identification of the calendar that a file belongs to.

A calendar is identified by its name, or by the rows that a file shares with it. If it shares none,
a calendar that was last read from the same path also matches by edited rows. The path also decides
between several calendars; the file name never does.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outreply_cli.bulk.calendar import STDIN, Calendar
from outreply_cli.bulk.matching import (
    TextMatcher,
    content_digest,
    is_slot_row,
    key_from_name,
    name_from_key,
    name_slot_rows,
)
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.errors import InvalidInputError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import ACTIVE_STATES, EntryState, JournalEntry
from outreply_cli.posts.sender import NAMED_CALENDAR_PREFIX
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.spec.limits import SCHEDULE_LATEST
from outreply_cli.spec.text import normalize_text

_UNNAMED = "rows:"


class AmbiguousCalendarError(InvalidInputError):
    """A file that may belong to several calendars of the journal."""

    code = "AMBIGUOUS_CALENDAR"


@dataclass(frozen=True)
class CalendarIdentity:
    """The ID of a calendar in the journal; `former_id` is the one that it had without a name."""

    id: str
    former_id: str | None = None

    @property
    def known_id(self) -> str:
        """The ID under which the journal has the calendar now."""
        return self.former_id or self.id


def identify_calendar(
    journal: Journal,
    account: str,
    calendar: Calendar,
    posts: Sequence[PlannedPost],
    now: datetime,
) -> CalendarIdentity:
    """Return the identity of the calendar that a file with `posts` belongs to.

    Raises:
        AmbiguousCalendarError: The file has no name and could belong to several calendars, or
            repeats texts or keys of a calendar without sharing a row with it.
    """
    known = journal.calendars(account)
    name = calendar.name
    if name is not None:
        return _identify_by_name(journal, account, name, posts, known, now=now)
    path = calendar.source
    at_path = {known_id for known_id, known_path in known.items() if known_path == path != STDIN}
    shared = _find_shared(journal, account, posts, known, at_path, now=now)
    if not shared:
        pending = [
            entry for entry in journal.pending_entries(account, now) if entry.calendar in known
        ]
        shared = _find_moved_pages(posts, pending)
        shared |= _find_edited(posts, [entry for entry in pending if entry.calendar in at_path])
        if not shared:
            rows = [post for post in posts if _is_due_in_window(post, now)]
            similar = _find_similar(rows, pending, at_path)
            # The same file, with every row moved or replaced.
            for known_id in at_path - similar:
                histories = journal.rows(account, known_id)
                entries = [history.active for history in histories if history.active]
                similar |= _find_similar(rows, entries, at_path) | _find_edited(rows, entries)
            if similar - at_path:
                raise _ambiguous_error(
                    similar,
                    f"{calendar.file_name} has the same text or keys as calendar "
                    f"{_describe(known, similar)} at different times, and may be a new version of "
                    "that calendar",
                    hint="To replace that calendar's posts, use --name '{name}'. For a separate "
                    "calendar, use --name with a new name.",
                )
            shared = similar
    if len(shared) > 1:
        raise _ambiguous_error(
            shared,
            f"{calendar.file_name} shares rows with several calendars: {_describe(known, shared)}",
            hint="Edit the files of those calendars instead, or name the one that has all rows: "
            "--name '{name}'",
        )
    return CalendarIdentity(shared.pop() if shared else _new_id(calendar, posts))


def find_calendar(journal: Journal, account: str, text: str, path: str) -> str | None:
    """Return the ID of the calendar with this name, ID or path; None if none or several have it."""
    known = journal.calendars(account)
    for known_id in (NAMED_CALENDAR_PREFIX + text, text):
        if known_id in known:
            return known_id
    at_path = [known_id for known_id, known_path in known.items() if known_path == path]
    return at_path[0] if len(at_path) == 1 else None


def calendar_label(calendar_id: str) -> str:
    """Return the name of a calendar, or the ID of an unnamed one, as `--name` takes it."""
    return calendar_id.removeprefix(NAMED_CALENDAR_PREFIX)


def _identify_by_name(
    journal: Journal,
    account: str,
    name: str,
    posts: Sequence[PlannedPost],
    known: Mapping[str, str],
    *,
    now: datetime,
) -> CalendarIdentity:
    named = NAMED_CALENDAR_PREFIX + name
    for known_id in (named, name):
        if known_id in known:
            return CalendarIdentity(known_id)
    unnamed = {known_id for known_id in known if not known_id.startswith(NAMED_CALENDAR_PREFIX)}
    renamed = _find_slot_rows(journal, account, posts, known.keys() - unnamed, now)
    if renamed:
        raise _ambiguous_error(
            renamed,
            f"the calendar {name!r} is new, but rows without a time are already scheduled by "
            f"{_describe(known, renamed)}",
            hint="If the calendar was renamed, keep its name: --name '{name}'. Otherwise, change "
            "the texts of these rows.",
        )
    shared = _find_shared(journal, account, posts, unnamed, now=now)
    return CalendarIdentity(named, shared.pop() if len(shared) == 1 else None)


def _slot_digests(posts: Sequence[PlannedPost]) -> dict[str, str]:
    """Return the digests of the contents of rows without a time, by their names."""
    return {
        name: content_digest(post.body())
        for post, name in zip(posts, name_slot_rows(posts), strict=True)
        if name
    }


def _find_slot_rows(
    journal: Journal,
    account: str,
    posts: Sequence[PlannedPost],
    calendars: Collection[str],
    now: datetime,
) -> set[str]:
    """Return the calendars that have pending posts of the rows without a time in `posts`."""
    digests = _slot_digests(posts)
    return {
        entry.calendar
        for entry in (journal.entries_for_rows(account, digests) if digests else ())
        if entry.calendar in calendars
        and entry.state in ACTIVE_STATES
        and entry.scheduled_at > now
        and content_digest(entry.body) == digests[entry.row]
    }


def _find_shared(
    journal: Journal,
    account: str,
    posts: Sequence[PlannedPost],
    known: Collection[str],
    at_path: Collection[str] = (),
    *,
    now: datetime,
) -> set[str]:
    """Return the calendars that share rows with `posts`.

    A row is shared if it is on the same page at the same time, with the same key or text. Other
    texts count if they are half of the rows, or if the calendar was last read from the same path.
    """
    if not known:
        return set()
    by_slot = {(post.page_id, post.scheduled_at): post for post in posts if not post.takes_slot}
    entries = [entry for entry in journal.entries_at(account, by_slot) if entry.calendar in known]
    # The content of a row without a time is in its name, or is compared.
    by_name = _slot_digests(posts)
    named = [
        entry
        for entry in journal.entries_for_rows(account, by_name)
        if entry.calendar in known
        and (key_from_name(entry.row) is None or content_digest(entry.body) == by_name[entry.row])
    ]
    equal = {entry.calendar for entry in named}
    other: dict[str, set[tuple[str, datetime]]] = defaultdict(set)
    for entry in entries:
        slot = entry.page_id, entry.scheduled_at
        post, key = by_slot[slot], key_from_name(entry.row)
        is_equal = content_digest(post.body()) == content_digest(entry.body)
        if entry.state == EntryState.CANCELLED and not is_equal:
            continue
        if is_equal or (key is not None and key == post.key):
            equal.add(entry.calendar)
        elif (key is None or post.key is None) and _is_due_in_window(post, now):
            other[entry.calendar].add(slot)
    entries += named
    live = {entry.calendar for entry in entries if entry.state != EntryState.CANCELLED}
    # The posts of a calendar that was cancelled count only if no other calendar has them.
    if equal:
        return equal & live or equal
    half = (sum(_is_due_in_window(post, now) for post in by_slot.values()) + len(by_name)) / 2
    return {
        known_id for known_id, slots in other.items() if len(slots) >= half or known_id in at_path
    }


def _is_due_in_window(post: PlannedPost, now: datetime) -> bool:
    """Return whether a post is not an occurrence that is past or too far ahead."""
    return post.series_zone is None or now < post.scheduled_at <= now + SCHEDULE_LATEST


def _find_moved_pages(posts: Sequence[PlannedPost], pending: Sequence[JournalEntry]) -> set[str]:
    """Return the calendars with a row of the same key, time and text on another page."""
    if not pending:
        return set()

    def identify(key: str, at: datetime, body: Mapping[str, Any]) -> tuple[str, datetime, str]:
        return key, at, content_digest({**body, "page_id": ""})

    rows = {
        identify(post.key, post.scheduled_at, post.body())
        for post in posts
        if post.key is not None and not post.takes_slot
    }
    return {
        entry.calendar
        for entry in pending
        if (key := key_from_name(entry.row)) is not None
        and identify(key, entry.scheduled_at, entry.body) in rows
    }


def _find_edited(posts: Sequence[PlannedPost], entries: Sequence[JournalEntry]) -> set[str]:
    """Return the calendars with an earlier version of a row that has neither a time nor a key."""
    entries = [entry for entry in entries if is_slot_row(entry.row)]
    by_page: dict[str, set[str]] = defaultdict(set)
    for post in posts if entries else ():
        if post.takes_slot and post.key is None:
            by_page[post.page_id].add(normalize_text(post.row.content.message))
    texts = TextMatcher()
    found: set[str] = set()
    for entry in entries:
        text = normalize_text(entry.body.get("message"))
        if entry.calendar not in found and any(
            texts.are_similar(text, other) for other in by_page[entry.page_id]
        ):
            found.add(entry.calendar)
    return found


def _find_similar(
    posts: Sequence[PlannedPost], entries: Sequence[JournalEntry], at_path: Collection[str]
) -> set[str]:
    """Return the calendars of `entries` that have texts or keys of `posts`.

    They must be those of half of `posts`, or of most of the calendar's entries, or the calendar was
    last read from the same path.
    """
    if not entries:
        return set()
    contents = {content_digest(post.body()) for post in posts}
    names = {name_from_key(post) for post in posts if post.key is not None}
    counts = Counter(entry.calendar for entry in entries)
    matches: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        digest = content_digest(entry.body)
        if entry.row in names or digest in contents:
            matches[entry.calendar].add(entry.row if entry.row in names else digest)
    return {
        known_id
        for known_id, found in matches.items()
        if known_id in at_path or 2 * len(found) >= len(posts) or 2 * len(found) > counts[known_id]
    }


def _ambiguous_error(ids: Collection[str], message: str, *, hint: str) -> AmbiguousCalendarError:
    """Return the error for a file that may belong to calendars; `hint` has the `{name}` of one."""
    names = [calendar_label(known_id) for known_id in sorted(ids)]
    return AmbiguousCalendarError(
        message, hint=hint.format(name=names[0]), details={"calendars": names}
    )


def describe_calendar(known: Mapping[str, str], calendar_id: str) -> str:
    """Return the name of a calendar, with its path if it has no name.

    `known` maps the IDs of calendars to their paths.
    """
    label, path = calendar_label(calendar_id), known.get(calendar_id) or STDIN
    is_named = calendar_id.startswith(NAMED_CALENDAR_PREFIX) or path in {label, STDIN}
    return label if is_named else f"{path} ({label})"


def _describe(known: Mapping[str, str], ids: Collection[str]) -> str:
    return ", ".join(describe_calendar(known, known_id) for known_id in sorted(ids))


def _new_id(calendar: Calendar, posts: Sequence[PlannedPost]) -> str:
    # Derived from the rows, not from the path, so that runs of two copies use the same lock. A
    # series counts by its rule, because its posts depend on the time of the run.
    rows = [
        f"{post.page_id}\n{_describe_time(post)}\n{post.key or ''}"
        for post in posts
        if post.series_zone is None
    ]
    rows += [
        f"{','.join(row.pages)}\n{row.scheduled_at}\n{row.key or ''}"
        for row in calendar.rows
        if row.repeat is not None
    ]
    counts = Counter(rows)
    counted = "\n".join([f"{row}\n{counts[row]}" for row in sorted(counts)])
    return _UNNAMED + hashlib.sha256(counted.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _describe_time(post: PlannedPost) -> str:
    if post.takes_slot:
        return f"{NEXT_SLOT} {content_digest(post.body())}"
    return f"{post.scheduled_at.timestamp():.0f}"
