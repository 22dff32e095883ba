"""Posts that the account has already, taken over into the journal."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from outreply_cli.api.client import Resource, post_time
from outreply_cli.bulk.calendar import Diagnostic
from outreply_cli.bulk.matching import MatchedRow, new_entry
from outreply_cli.bulk.remote_state import RemoteState
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import JournalEntryDraft
from outreply_cli.posts.content import fingerprint
from outreply_cli.posts.sender import matches_entry
from outreply_cli.timestamps import format_timestamp, parse_timestamp

EXPORTED_KEY = "post:"


class PostAdopter:
    """Takes posts over for one calendar.

    Args:
        journal: Where a post that is taken over is written down.
        account: As the journal calls it.
        calendar: As the journal calls it.
        enabled: Whether equal posts are taken over; otherwise they are told as problems.
        writes: Whether the journal may be written; a dry run only says what it would do.

    Attributes:
        problems: One for each row whose post is not taken over.
        duplicates: The ids of those posts.
    """

    def __init__(
        self, journal: Journal, account: str, calendar: str, *, may_adopt: bool, may_write: bool
    ) -> None:
        self._journal = journal
        self._account = account
        self._calendar = calendar
        self._may_adopt = may_adopt
        self._may_write = may_write
        self.problems: list[Diagnostic] = []
        self.duplicates: set[str] = set()

    def adopt(
        self, matched: Sequence[MatchedRow], view: RemoteState, *, reach: timedelta = timedelta(0)
    ) -> list[MatchedRow]:
        """`matched`, with rows that the account has a post for already standing for that post.

        A row whose key is `post:ID`, as `bulk export` writes it, stands for that post; another
        stands for one with the same page, instant and text, when that was asked for. A pending
        post may stand `reach` away from its row: that is where an earlier run may have moved it.
        """
        posts = {str(post.get("id")): post for post in (*view.scheduled, *view.published)}
        claimed = self._journal.post_ids(self._account)
        free: dict[str, list[Resource]] = defaultdict(list)
        for post_id, post in posts.items():
            if post_id not in claimed:
                free[str(post.get("page_id"))].append(post)
        result = list(matched)
        alone = {place: None for place, one in enumerate(matched) if one.live is None}
        # Each row's own post first: one that stands near by may be the next row's.
        for away in dict.fromkeys((timedelta(0), reach)):
            for place in tuple(alone):
                one = result[place]
                named = _named_post(one, posts)
                twin = named or self._twin(one, free[one.target.page_id], away)
                if twin is None:
                    continue
                del alone[place]
                if named is not None or self._may_adopt:
                    result[place] = self._take(one, twin)
                else:
                    self._tell(one, twin)
        return result

    def _twin(
        self, one: MatchedRow, candidates: list[Resource], away: timedelta
    ) -> Resource | None:
        if not candidates:
            return None
        new = new_entry(one, self._account, self._calendar)
        twin = next((post for post in candidates if matches_entry(post, new)), None)
        if twin is None and away:
            nearest = min(candidates, key=lambda post: _distance(post, new))
            twin = nearest if _distance(nearest, new) <= away else None
        if twin is not None:
            candidates.remove(twin)
        return twin

    def _tell(self, one: MatchedRow, twin: Resource) -> None:
        moment = post_time(twin)
        is_moved = moment is not None and moment != one.target.instant
        which = (
            f"this post at {format_timestamp(moment)}"
            if moment and is_moved
            else "exactly this post"
        )
        what = (
            f"the account has {which} already ({twin.get('id')}), and not from this file; "
            "take it over with --adopt"
        )
        self.problems.append(one.target.row.problem("", what))
        self.duplicates.add(str(twin.get("id")))

    def _take(self, one: MatchedRow, post: Resource) -> MatchedRow:
        new = new_entry(one, self._account, self._calendar)
        if not matches_entry(post, new):
            # The row was edited since it was exported: what stands is the post as it is now.
            moment = post_time(post) or parse_timestamp(str(one.body["scheduled_at"]))
            body = {
                **one.body,
                "message": post.get("message"),
                "scheduled_at": format_timestamp(moment),
            }
            new = replace(new, body=body, scheduled_at=moment, fingerprint=fingerprint(body))
        if not self._may_write:
            live = self._journal.preview(new, str(post["id"]))
        else:
            live = self._journal.adopt(new, str(post["id"]))
        return one._replace(generation=one.generation + 1, live=live)


def _named_post(one: MatchedRow, posts: dict[str, Resource]) -> Resource | None:
    key = one.target.row.key or ""
    named = posts.get(key.removeprefix(EXPORTED_KEY)) if key.startswith(EXPORTED_KEY) else None
    return named if named is not None and named.get("page_id") == one.target.page_id else None


def _distance(post: Resource, new: JournalEntryDraft) -> timedelta:
    moment = post_time(post)
    if moment is None or "published_at" in post:
        return timedelta.max
    # Only its time may be another one.
    is_same = matches_entry(post, replace(new, scheduled_at=moment))
    return abs(moment - new.scheduled_at) if is_same else timedelta.max
