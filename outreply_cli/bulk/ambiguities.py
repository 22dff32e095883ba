"""Ambiguous rows: rows to be sent that may have been scheduled already."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache

from outreply_cli.api.client import get_page_id, post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.adopt import find_owner
from outreply_cli.bulk.identity import describe_calendar
from outreply_cli.bulk.matching import Ambiguity, MatchedRow, TextMatcher, exported_post_id
from outreply_cli.bulk.remote_state import PostStatus, RemoteState
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import (
    ACTIVE_STATES,
    CHANGES_CALENDAR,
    EntryState,
    JournalEntry,
    RowHistory,
)
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.sender import KEY_CALENDAR_PREFIX, is_claimed, is_same_time, matches_entry
from outreply_cli.spec.limits import MAX_LIST_LIMIT
from outreply_cli.spec.text import normalize_text
from outreply_cli.timestamps import format_timestamp

_TRUNCATED = (
    f"the row may already be scheduled: the API lists only {MAX_LIST_LIMIT} posts of a page"
)


def find_ambiguities(
    rows: Sequence[MatchedRow],
    remote: RemoteState,
    histories: Iterable[RowHistory],
    *,
    claimed: Collection[str],
    separate: Collection[tuple[str, str]],
    outdated_pages: Collection[str],
    unrecorded: Collection[tuple[int, str]],
    older: Iterable[Post],
    removed: Iterable[JournalEntry],
) -> dict[int, Ambiguity]:
    """Return the ambiguities about rows that would be created or changed, by index.

    Args:
        rows: Rows matched with their entries.
        remote: Posts of the account.
        histories: Rows of the calendar in the journal.
        claimed: IDs of posts that belong to rows.
        separate: Pairs of rows and posts that the user rejected.
        outdated_pages: IDs of pages with posts that the journal may not know.
        unrecorded: Positions of rows without an entry. If such a row has no time, any
            scheduled post of its page may be its post.
        older: Published posts; a row without a time may have one with nearly the same text.
        removed: Past entries whose rows are not in the file. A row without a time, an entry and a
            key may have the post of one: its text may have been corrected since.
    """
    unclaimed = _group_unclaimed(remote.posts, claimed)
    published = _group_unclaimed(older, claimed)
    past = [(_post_from_entry(entry), entry.scheduled_at) for entry in removed]
    without_row = _group_unclaimed(
        ({**post, "published_at": format_timestamp(at)} for post, at in past), ()
    )
    unsent = {history.row: history.unsent for history in histories}
    # Where a list is truncated, only a journal that is not out of date shows that a row is new.
    ambiguous_pages = remote.truncated_pages & set(outdated_pages)
    texts = TextMatcher()
    ambiguities: dict[int, Ambiguity] = {}
    sent = [(index, row) for index, row in enumerate(rows) if _is_sent(row)]

    def get_posts(row: MatchedRow) -> list[Post]:
        return _without_separate(row, unclaimed[row.post.page_id], separate)

    # A post that is identical to a row is not a candidate for another row.
    for index, row in sent:
        exact = next((post for post in get_posts(row) if matches_entry(post, row.draft)), None)
        if exact is not None:
            ambiguities[index] = Ambiguity(
                f"the row is identical to post {exact.get('id')}", (exact,), is_exact=True
            )
            unclaimed[row.post.page_id].remove(exact)
    for index, row in sent:
        if index in ambiguities:
            continue
        posts, is_unrecorded = get_posts(row), row.post.position in unrecorded
        if row.takes_new_slot or row.status == PostStatus.MISSING:
            # A recent one may be in both lists.
            old = _select_published_after(published[row.post.page_id], row.entry)
            if is_unrecorded and row.post.key is None:
                old = [*old, *without_row[row.post.page_id]]
            old = _without_separate(row, old, separate)
            posts = list({str(post.get("id")): post for post in [*posts, *old]}.values())
        ambiguity = _find_ambiguity(row, posts, texts, is_unrecorded=is_unrecorded)
        is_ambiguous = row.post.page_id in ambiguous_pages
        if ambiguity is None and is_ambiguous and not _is_protected(row, unsent):
            ambiguity = Ambiguity(_TRUNCATED)
        if ambiguity is not None:
            ambiguities[index] = ambiguity
    return ambiguities


def find_uncancelled(
    rows: Sequence[MatchedRow],
    cancelling: Iterable[JournalEntry],
    now: datetime,
) -> dict[int, Ambiguity]:
    """Return the ambiguities about rows whose current post replaces another post, by index.

    `cancelling` are entries of posts that have to be cancelled: they may be scheduled, or may have
    been published.
    """
    by_name: dict[int | str | None, JournalEntry] = {}
    for replaced in cancelling:
        by_name[replaced.id] = by_name[replaced.row] = replaced
    ambiguities: dict[int, Ambiguity] = {}
    for index, row in enumerate(rows):
        entry = row.entry
        old = None if entry is None else by_name.get(entry.replaces) or by_name.get(entry.row)
        if entry is None or old is None or entry.state != EntryState.DONE:
            continue
        if old.scheduled_at <= now and row.status == PostStatus.PUBLISHED:
            # Neither of them can still be cancelled.
            continue
        posts = _post_from_entry(old), _post_from_entry(entry)
        reason = f"the row's new post replaces {_describe(posts[0])}, which may still be scheduled"
        ambiguities[index] = Ambiguity(reason, posts, old=old)
    return ambiguities


def find_missed(rows: Sequence[MatchedRow], now: datetime) -> dict[int, Ambiguity]:
    """Return the ambiguities about unchanged rows whose post was not published, by index.

    Such a row can no longer be sent: its post was cancelled, here or elsewhere.
    """
    reason = "the row's post was cancelled, and its time has passed"
    return {
        index: Ambiguity(reason)
        for index, row in enumerate(rows)
        if row.entry is not None
        and row.is_unchanged
        and row.entry.scheduled_at <= now
        and row.status == PostStatus.MISSING
    }


def find_leftovers(
    rows: Sequence[MatchedRow], unclaimed: Iterable[Post], taken: Collection[str]
) -> list[tuple[MatchedRow, Post]]:
    """Return scheduled posts without a row that may be earlier versions of a row with a post.

    `taken` are the IDs of posts that are candidates of ambiguous rows.
    """
    texts = TextMatcher()
    by_page: dict[str, list[MatchedRow]] = defaultdict(list)
    for row in rows:
        by_page[row.post.page_id].append(row)
    found = []
    for post in unclaimed:
        if "published_at" in post or str(post.get("id")) in taken:
            continue
        page_rows = by_page[get_page_id(post)]
        found += [(row, post) for row in page_rows if texts.is_similar(post, row)][:1]
    return found


def find_conflicts(
    journal: Journal, account: str, rows: Sequence[MatchedRow], calendar: str
) -> Iterator[Diagnostic]:
    """Yield an error for each row without a post whose time or post another calendar has."""

    @cache
    def describe(calendar_id: str) -> str:
        return describe_calendar(journal.calendars(account), calendar_id)

    new = [row for row in rows if row.entry is None]
    # A slot that another calendar takes at the same time is chosen again when it is claimed.
    fixed = [row for row in new if not row.post.takes_slot]
    times = [(row.post.page_id, row.post.scheduled_at) for row in fixed]
    others = {
        (entry.page_id, entry.scheduled_at): entry
        for entry in journal.entries_at(account, times)
        if entry.calendar not in {calendar, CHANGES_CALENDAR} and entry.state in ACTIVE_STATES
    }
    for row, time in zip(fixed, times, strict=True):
        if (other := others.get(time)) is not None:
            is_single = other.calendar.startswith(KEY_CALENDAR_PREFIX)
            owner = "the account" if is_single else describe(other.calendar)
            yield row.post.row.diagnostic(
                "",
                f"{owner} has a post on this page at this time "
                f"({other.post_id or 'outcome unknown'}); move or remove the row",
            )
    for row in new:
        if (owner_id := find_owner(journal, row, calendar)) is not None:
            yield row.post.row.diagnostic(
                "key",
                f"post {exported_post_id(row.post)} belongs to the calendar "
                f"{describe(owner_id)}; edit it there, or remove the row",
            )


def _group_unclaimed(
    posts: Iterable[Post], claimed: Collection[str]
) -> defaultdict[str, list[Post]]:
    by_page: defaultdict[str, list[Post]] = defaultdict(list)
    for post in posts:
        if not is_claimed(post, claimed):
            by_page[get_page_id(post)].append(post)
    return by_page


def _select_published_after(posts: Iterable[Post], entry: JournalEntry | None) -> list[Post]:
    """Return the posts that may have replaced the post of `entry`: all but earlier ones."""
    sent_at = None if entry is None else entry.sent_at
    return [
        post for post in posts if sent_at is None or (at := post_time(post)) is None or at > sent_at
    ]


def _without_separate(
    row: MatchedRow, posts: Iterable[Post], separate: Collection[tuple[str, str]]
) -> list[Post]:
    return [post for post in posts if (row.name, str(post.get("id"))) not in separate]


def _is_sent(row: MatchedRow) -> bool:
    """Return whether a row would be created or changed."""
    if row.entry is None or row.status == PostStatus.MISSING:
        return True
    return row.is_live and (row.status == PostStatus.EDITED or not row.is_unchanged)


def _is_protected(row: MatchedRow, unsent: Mapping[str, JournalEntry | None]) -> bool:
    # The API rejects a second post of a page at the same time.
    planned = unsent.get(row.name)
    return row.is_live or (
        planned is not None and is_same_time(planned.scheduled_at, row.post.scheduled_at)
    )


def _find_ambiguity(
    row: MatchedRow, unclaimed: Sequence[Post], texts: TextMatcher, *, is_unrecorded: bool
) -> Ambiguity | None:
    if not unclaimed:
        return None
    message = normalize_text(row.draft.body.get("message"))
    # Without a key, a different text is a different post.
    entry = row.entry if row.post.key is not None else None
    old_message = normalize_text(entry.body.get("message")) if entry is not None else message

    is_composed = row.post.lacks_text or row.post.row.is_composed

    def has_lost_text(post: Post) -> bool:
        # A program composes another text each time: the lost one cannot be compared.
        body = {**row.draft.body, "message": post.get("message")}
        return (
            row.entry is None and is_composed and matches_entry(post, replace(row.draft, body=body))
        )

    def may_be_published(post: Post) -> bool:
        text = normalize_text(post.get("message"))
        if row.takes_new_slot:
            return texts.are_similar(text, message)
        # A row with a key is done once its post is published, whatever its time is now. A post that
        # is missing may have been replaced elsewhere by one that was published since.
        is_done = row.post.key is not None or row.status == PostStatus.MISSING
        return has_lost_text(post) or (is_done and text != "" and text in {message, old_message})

    candidates = [
        post for post in unclaimed if "published_at" not in post or may_be_published(post)
    ]
    similar = [post for post in candidates if texts.is_similar(post, row) or has_lost_text(post)]
    # If the journal is out of date, or the post was cancelled elsewhere, any post may replace it.
    if row.status != PostStatus.MISSING and not is_unrecorded:
        candidates = similar
    if not candidates:
        return None
    shown = ", ".join(_describe(post) for post in (similar or candidates)[:3])
    if similar:
        reason = f"the row is similar to {shown}"
    elif is_unrecorded:
        reason = f"the row has no time, and its post may be one that is not in the journal: {shown}"
    else:
        reason = f"the row's post was cancelled; {shown} may replace it"
    return Ambiguity(reason, tuple(candidates), frozenset(str(post["id"]) for post in similar))


def _post_from_entry(entry: JournalEntry) -> Post:
    return {
        "id": str(entry.post_id),
        "page_id": entry.page_id,
        "scheduled_at": format_timestamp(entry.scheduled_at),
        "message": entry.body.get("message"),
    }


def _describe(post: Post) -> str:
    at = post_time(post)
    return f"post {post.get('id')} at {format_timestamp(at)}" if at else f"post {post.get('id')}"
