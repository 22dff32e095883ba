"""Times of rows without one: known from earlier runs or from the account, else the next slot.

A row whose earlier time is not known may have been scheduled by a run whose journal was lost; such
rows are returned, so that they are held while their page has a post that may be theirs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.api.client import get_page_id, post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.matching import (
    Texts,
    content_digest,
    exported_post_id,
    is_slot_row,
    key_from_name,
    name_from_key,
    name_slot_rows,
    untagged,
)
from outreply_cli.bulk.resolve import UNPLACED, PlannedPost
from outreply_cli.journal.models import JournalEntry, RowHistory
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.slot_finder import SlotFinder
from outreply_cli.posts.slots import set_command
from outreply_cli.spec.limits import SCHEDULE_LATEST
from outreply_cli.spec.text import normalize_text


@dataclass(frozen=True)
class Placement:
    """Posts with their times.

    Attributes:
        unrecorded: Positions of posts that the journal does not know, unless an identical
            post of the account is theirs.
        problems: Posts without a slot by their position, with the error if their page has none at
            all. They have a time too, but must not be sent.
    """

    posts: list[PlannedPost]
    unrecorded: set[tuple[int, str]]
    problems: dict[tuple[int, str], Diagnostic | None]


def place_posts(
    posts: Sequence[PlannedPost],
    histories: Sequence[RowHistory],
    *,
    calendar: str,
    finder: SlotFinder,
    unclaimed: Sequence[Post],
    separate: Collection[tuple[str, str]],
    now: datetime,
) -> Placement:
    """Return `posts` with a time for each that takes a slot, in the order of the file.

    Args:
        posts: Posts of the calendar.
        histories: Rows of the calendar in the journal.
        calendar: ID of the calendar in the journal.
        finder: The free slots of the account's pages.
        unclaimed: Posts of the account that are not in the journal.
        separate: Pairs of rows and posts that are not theirs, as the user decided.
        now: The current time.
    """
    names = name_slot_rows(posts)
    known = _Known(posts, histories, unclaimed, now)
    placed = _place_known(posts, names, known, unclaimed, separate)
    result = Placement(placed, set(), {})
    new = [index for index, post in enumerate(placed) if post.scheduled_at == UNPLACED]
    pages = {post.page_id: finder.open(post.page) for post in (placed[index] for index in new)}
    for post in placed:
        page = pages.get(post.page_id)
        if page is not None and post.scheduled_at != UNPLACED:
            page.add(post.scheduled_at)
    for index in new:
        post, history = placed[index], known.histories.get(names[index])
        page = pages[post.page_id]
        if history is None:
            result.unrecorded.add(post.position)
        at = None
        if page is not None:
            at = finder.find_own_slot(history, page, calendar) or page.next_free()
        if at is None:
            result.problems[post.position] = None if page is not None else _explain(post)
        placed[index] = post._replace(scheduled_at=at or now + SCHEDULE_LATEST)
    return result


def _place_known(
    posts: Sequence[PlannedPost],
    names: Sequence[str],
    known: "_Known",
    unclaimed: Sequence[Post],
    separate: Collection[tuple[str, str]],
) -> list[PlannedPost]:
    """Return `posts`, those that exist already with their times."""
    placed = list(posts)

    def place(times: Iterable[tuple[int, datetime]]) -> list[int]:
        for index, at in times:
            placed[index] = placed[index]._replace(scheduled_at=at)
        return [index for index, post in enumerate(placed) if post.scheduled_at == UNPLACED]

    left = place([])
    keyed = [index for index in left if posts[index].key is not None]
    unkeyed = [index for index in left if posts[index].key is None]
    place(known.find_by_name(keyed, names))
    # The name of a row without a key is made from its first text, which another may have now.
    left = place(known.find_by_content(unkeyed, names))
    left = place(known.find_by_name([index for index in left if posts[index].key is None], names))
    left = place(known.find_by_content(left, names))
    left = place(known.find_by_text(left))
    new = {index: placed[index] for index in left if names[index] not in known.histories}
    place(_find_identical(new, names, unclaimed, separate))
    return placed


class _Known:
    """Times of posts that exist: those of the calendar's rows, and unclaimed ones."""

    def __init__(
        self,
        posts: Sequence[PlannedPost],
        histories: Sequence[RowHistory],
        unclaimed: Sequence[Post],
        now: datetime,
    ) -> None:
        self.histories = {history.row: history for history in histories}
        self._posts = posts
        self._unclaimed = unclaimed
        self._now = now
        timed = [post for post in posts if not post.takes_slot]
        taken = {(post.page_id, post.scheduled_at) for post in timed}
        keyed = {name_from_key(post) for post in timed if post.key is not None}
        # Entries that no row has taken yet.
        self._left = {
            history.row: entry
            for history in histories
            if (entry := history.active) is not None
            and (entry.page_id, entry.scheduled_at) not in taken
            and entry.row not in keyed
        }

    def find_by_name(
        self, indexes: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[int, datetime]]:
        """Yield times of posts of the rows with these names, or that their keys name."""
        ids = {str(post.get("id")): post_time(post) for post in self._unclaimed}
        for index in indexes:
            post, history = self._posts[index], self.histories.get(names[index])
            entry = self._left.pop(names[index], None)
            if entry is None and post.key is not None and history is not None:
                entry = history.active
            at = ids.get(exported_post_id(post) or "") if entry is None else entry.scheduled_at
            if at is not None:
                yield index, at

    def find_by_content(
        self, indexes: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[int, datetime]]:
        """Yield times of posts with the content of rows, first those with the row's name."""
        by_content: dict[str, list[str]] = defaultdict(list)
        for name, entry in self._left.items():
            by_content[content_digest(entry.body)].append(name)
        digests = {index: content_digest(self._posts[index].body()) for index in indexes}
        own = {index for index in indexes if names[index] in by_content[digests[index]]}
        for index in own:
            yield index, self._left.pop(names[index]).scheduled_at
        for index in [index for index in indexes if index not in own]:
            post = self._posts[index]
            found = [name for name in by_content[digests[index]] if self._may_take(post, name)]
            if found:
                yield index, self._left.pop(found[0]).scheduled_at

    def find_by_text(self, indexes: Sequence[int]) -> Iterator[tuple[int, datetime]]:
        """Yield times of posts of earlier versions of rows, first those with other links only."""
        texts, placed = Texts(), set[int]()
        unkeyed = [index for index in indexes if self._posts[index].key is None]

        def is_equal(text: str, other: str) -> bool:
            return text != "" and untagged(text) == untagged(other)

        for compare in (is_equal, texts.are_similar):
            for index in [index for index in unkeyed if index not in placed]:
                post = self._posts[index]
                for name, entry in self._left.items():
                    if self._is_version(post, entry, compare):
                        del self._left[name]
                        placed.add(index)
                        yield index, entry.scheduled_at
                        break

    def _may_take(self, post: PlannedPost, name: str) -> bool:
        entry = self._left.get(name)
        if entry is None:
            return False
        # A row with a key may have got it after its post was published.
        return post.key is None or entry.scheduled_at > self._now or is_slot_row(entry.row)

    def _is_version(
        self, post: PlannedPost, entry: JournalEntry, compare: Callable[[str, str], bool]
    ) -> bool:
        return (
            entry.page_id == post.page_id
            and entry.scheduled_at > self._now
            and key_from_name(entry.row) is None
            and compare(_text(post), normalize_text(entry.body.get("message")))
        )


def _find_identical(
    posts: Mapping[int, PlannedPost],
    names: Sequence[str],
    unclaimed: Sequence[Post],
    separate: Collection[tuple[str, str]],
) -> Iterator[tuple[int, datetime]]:
    """Yield the times of scheduled posts that have a row's text, by the index of the row.

    Where there are more such posts than rows, none of them is matched.
    """
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, post in posts.items():
        if text := _text(post):
            rows[post.page_id, text].append(index)
    found: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for candidate in unclaimed:
        value = get_page_id(candidate), normalize_text(candidate.get("message"))
        at, post_id = post_time(candidate), str(candidate.get("id"))
        is_separate = any((names[index], post_id) in separate for index in rows.get(value, ()))
        if at is not None and "published_at" not in candidate and not is_separate:
            found[value].append((at, post_id))
    for value, indexes in rows.items():
        if len(found[value]) <= len(indexes):
            yield from zip(indexes, (at for at, _ in sorted(found[value])), strict=False)


def _explain(post: PlannedPost) -> Diagnostic:
    message = "`scheduled_at` is required (for example 2026-12-24 18:00), or set slots: "
    return post.row.diagnostic("scheduled_at", message + set_command(post.page))


def _text(post: PlannedPost) -> str:
    return normalize_text(post.row.content.message)
