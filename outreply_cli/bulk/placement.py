"""Times of rows without one: known from earlier runs or from the account, else the next slot.

A row whose earlier time is not known may have been scheduled by a run whose journal was lost; such
rows are returned, so that they are held while their page has a post that may be theirs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.api.client import get_page_id, post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.matching import (
    TextMatcher,
    content_digest,
    exported_post_id,
    is_slot_row,
    key_from_name,
    name_from_key,
    name_slot_rows,
)
from outreply_cli.bulk.resolve import UNPLACED, PlannedPost
from outreply_cli.bulk.utm import strip_utm
from outreply_cli.journal.models import JournalEntry, RowHistory
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.slot_finder import SlotFinder
from outreply_cli.posts.slots import slots_set_command
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
    known = _KnownPosts(posts, histories, unclaimed, now)
    known.place(separate)
    placed = known.placed
    result = Placement(placed, set(), {})
    new = known.get_unplaced()
    pages = {
        post.page_id: finder.free_slots(post.page) for post in (placed[index] for index in new)
    }
    for post in placed:
        page = pages.get(post.page_id)
        if page is not None and post.scheduled_at != UNPLACED:
            page.add(post.scheduled_at)
    for index in new:
        post, history = placed[index], known.histories.get(known.names[index])
        page = pages[post.page_id]
        if history is None:
            result.unrecorded.add(post.position)
        at = None
        if page is not None:
            at = finder.take_own_slot(history, page, calendar) or page.take_next_free()
        if at is None:
            result.problems[post.position] = None if page is not None else _explain(post)
        placed[index] = post._replace(scheduled_at=at or now + SCHEDULE_LATEST)
    return result


class _KnownPosts:
    """Finds the times of rows whose posts already exist, from the journal and the account.

    Attributes:
        placed: The posts of the calendar; those that already exist have their times.
        names: The names of their rows.
        histories: The calendar's rows in the journal, by name.
    """

    def __init__(
        self,
        posts: Sequence[PlannedPost],
        histories: Sequence[RowHistory],
        unclaimed: Sequence[Post],
        now: datetime,
    ) -> None:
        self.placed = list(posts)
        self.names = name_slot_rows(posts)
        self.histories = {history.row: history for history in histories}
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

    def place(self, separate: Collection[tuple[str, str]]) -> None:
        """Place the posts; `separate` are pairs of rows and posts that are not theirs."""
        self._place_by_name(self.get_unplaced(keyed=True))
        # The name of a row without a key is made from its first text, which another may have now.
        self._place_by_content(self.get_unplaced(keyed=False))
        self._place_by_name(self.get_unplaced(keyed=False))
        self._place_by_content(self.get_unplaced())
        self._place_by_text()
        self._place_identical(separate)

    def get_unplaced(self, *, keyed: bool | None = None) -> list[int]:
        """Return the indexes of posts without a time, of those with or without a key only."""
        return [
            index
            for index, post in enumerate(self.placed)
            if post.scheduled_at == UNPLACED and keyed in {None, post.key is not None}
        ]

    def _set_time(self, index: int, at: datetime) -> None:
        self.placed[index] = self.placed[index]._replace(scheduled_at=at)

    def _take(self, index: int, name: str) -> None:
        """Give a post the time of an entry that no row has taken."""
        self._set_time(index, self._left.pop(name).scheduled_at)

    def _place_by_name(self, indexes: Sequence[int]) -> None:
        """Place rows whose name is known, or whose key names a post."""
        ids = {str(post.get("id")): post_time(post) for post in self._unclaimed}
        for index in indexes:
            post, name = self.placed[index], self.names[index]
            entry = self._left.pop(name, None)
            if entry is None and post.key is not None and name in self.histories:
                entry = self.histories[name].active
            at = ids.get(exported_post_id(post) or "") if entry is None else entry.scheduled_at
            if at is not None:
                self._set_time(index, at)

    def _place_by_content(self, indexes: Sequence[int]) -> None:
        """Place rows whose content a post has, first those with the row's name."""
        by_content: dict[str, list[str]] = defaultdict(list)
        for name, entry in self._left.items():
            by_content[content_digest(entry.body)].append(name)
        found = {index: by_content[content_digest(self.placed[index].body())] for index in indexes}
        own = {index for index in indexes if self.names[index] in found[index]}
        for index in own:
            self._take(index, self.names[index])
        for index in [index for index in indexes if index not in own]:
            names = [name for name in found[index] if self._may_take(self.placed[index], name)]
            if names:
                self._take(index, names[0])

    def _place_by_text(self) -> None:
        """Place earlier versions of rows, first those with other links only."""
        texts = TextMatcher()

        def is_equal(text: str, other: str) -> bool:
            return text != "" and strip_utm(text) == strip_utm(other)

        for compare in (is_equal, texts.are_similar):
            for index in self.get_unplaced(keyed=False):
                post = self.placed[index]
                for name, entry in self._left.items():
                    if self._is_version(post, entry, compare):
                        self._take(index, name)
                        break

    def _place_identical(self, separate: Collection[tuple[str, str]]) -> None:
        """Place new rows whose text scheduled posts have.

        Where there are more such posts than rows, none of them is matched.
        """
        rows: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index in self.get_unplaced():
            post = self.placed[index]
            if self.names[index] not in self.histories and (text := _text(post)):
                rows[post.page_id, text].append(index)
        found: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        for candidate in self._unclaimed:
            value = get_page_id(candidate), normalize_text(candidate.get("message"))
            at, post_id = post_time(candidate), str(candidate.get("id"))
            is_separate = any(
                (self.names[index], post_id) in separate for index in rows.get(value, ())
            )
            if at is not None and "published_at" not in candidate and not is_separate:
                found[value].append((at, post_id))
        for value, indexes in rows.items():
            if len(found[value]) <= len(indexes):
                for index, (at, _) in zip(indexes, sorted(found[value]), strict=False):
                    self._set_time(index, at)

    def _may_take(self, post: PlannedPost, name: str) -> bool:
        entry = self._left.get(name)
        if entry is None:
            return False
        # A row may have been given its key after its post was published.
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


def _explain(post: PlannedPost) -> Diagnostic:
    message = "`scheduled_at` is required, for example 2026-12-24 18:00; or set slots: "
    return post.row.diagnostic("scheduled_at", message + slots_set_command(post.page))


def _text(post: PlannedPost) -> str:
    return normalize_text(post.row.content.message)
