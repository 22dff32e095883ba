"""Posts that the account has already, taken over into the journal."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from outreply_cli.api.client import Resource, when
from outreply_cli.bulk.account_view import AccountView
from outreply_cli.bulk.matching import Matched, new_entry
from outreply_cli.bulk.rows import CalendarProblem
from outreply_cli.posting.content import fingerprint
from outreply_cli.posting.journal import Journal
from outreply_cli.posting.sending import is_post_of
from outreply_cli.times import from_api

EXPORTED_KEY = "post:"


class Adoption:
    """Takes posts over for one calendar.

    Args:
        journal: Where a post that is taken over is written down.
        account: As the journal calls it.
        calendar: As the journal calls it.
        may_adopt: Whether equal posts are taken over; otherwise they are told as problems.
        may_write: Whether the journal may be written; a dry run only says what it would do.
    """

    def __init__(
        self, journal: Journal, account: str, calendar: str, *, may_adopt: bool, may_write: bool
    ) -> None:
        self._journal = journal
        self._account = account
        self._calendar = calendar
        self._may_adopt = may_adopt
        self._may_write = may_write
        self.problems: list[CalendarProblem] = []

    def adopt(self, matched: Sequence[Matched], view: AccountView) -> list[Matched]:
        """`matched`, with rows that the account has a post for already standing for that post.

        A row whose key is `post:ID`, as `bulk export` writes it, stands for that post; another
        stands for one with the same page, instant and text, when that was asked for.
        """
        posts = {str(post.get("id")): post for post in (*view.scheduled, *view.published)}
        claimed = self._journal.post_ids(self._account)
        free: dict[str, list[Resource]] = defaultdict(list)
        for post_id, post in posts.items():
            if post_id not in claimed:
                free[str(post.get("page_id"))].append(post)
        return [
            one if one.live is not None else self._adopt_one(one, posts, free) for one in matched
        ]

    def _adopt_one(
        self, one: Matched, posts: dict[str, Resource], free: dict[str, list[Resource]]
    ) -> Matched:
        key = one.target.row.key or ""
        named = posts.get(key.removeprefix(EXPORTED_KEY)) if key.startswith(EXPORTED_KEY) else None
        if named is not None and named.get("page_id") == one.target.page_id:
            return self._take(one, named)
        candidates = free.get(one.target.page_id)
        if not candidates:
            return one
        new = new_entry(one, self._account, self._calendar)
        twin = next((post for post in candidates if is_post_of(post, new)), None)
        if twin is None:
            return one
        candidates.remove(twin)
        if self._may_adopt:
            return self._take(one, twin)
        what = (
            f"the account has exactly this post already ({twin.get('id')}), and not from this "
            "file; take it over with --adopt"
        )
        self.problems.append(one.target.row.problem("", what))
        return one

    def _take(self, one: Matched, post: Resource) -> Matched:
        new = new_entry(one, self._account, self._calendar)
        if not is_post_of(post, new):
            # The row was edited since it was exported: what stands is the post as it is now.
            moment = when(post) or from_api(str(one.body["scheduled_at"]))
            body = {**one.body, "message": post.get("message"), "scheduled_at": str(moment)}
            new = replace(new, body=body, scheduled_at=moment, fingerprint=fingerprint(body))
        if not self._may_write:
            live = self._journal.imagined(new, str(post["id"]))
        else:
            live = self._journal.adopt(new, str(post["id"]))
        return one._replace(generation=one.generation + 1, live=live)
