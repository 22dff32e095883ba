"""Pages, brands and posts with their figures, as JSON objects."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from outreply_cli.analytics.figures import (
    Figures,
    PageHistory,
    Period,
    daily_figures,
    period_figures,
    read_history,
)
from outreply_cli.analytics.store import AnalyticsStore, MeasuredPost
from outreply_cli.formats.text import quote
from outreply_cli.ids import expand_id
from outreply_cli.pages import UnknownPageError, page_alias, resolve_page

_BRAND_PREFIX = "brand:"
# The figures of a day.
SERIES = ("followers", "growth", "posts", "likes", "comments", "shares", "engagement")


@dataclass(frozen=True)
class Subject:
    """A page, brand or post; a brand has the histories of all its pages."""

    kind: str
    id: str
    name: str
    histories: Sequence[PageHistory]

    def figures(self, period: Period) -> Figures:
        """The figures of a period."""
        return period_figures(self.histories, period, is_post=self.kind == "post")

    def posts(self, period: Period) -> list["Subject"]:
        """The posts that were published in a period, newest first."""
        found = [(post, history) for history in self.histories for post in history.posts]
        found.sort(key=lambda pair: -(pair[0].published_at or 0))
        return [
            _post_subject(post, history) for post, history in found if period.has(post.published_at)
        ]

    def to_dict(
        self, period: Period, *, compare: bool = False, with_days: bool = True
    ) -> dict[str, Any]:
        """The JSON-ready form; `series` is None without `with_days`."""
        days = None
        if with_days:
            figures = daily_figures(self.histories, period, is_post=self.kind == "post")
            days = [
                {"date": day.isoformat(), **{name: getattr(item, name) for name in SERIES}}
                for day, item in figures.items()
            ]
        return {
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "since": period.first.isoformat(),
            "until": period.last.isoformat(),
            **asdict(self.figures(period)),
            "previous": asdict(self.figures(period.before)) if compare else None,
            "series": days,
        }


def find_subjects(
    store: AnalyticsStore, target: str | None, period: Period, *, compare: bool = False
) -> list[Subject]:
    """Return all pages; or a page and its posts; a brand and its pages; or a post.

    With `compare`, the histories have the period before too.

    Raises:
        InvalidInputError: The name matches nothing with snapshots, or more than one thing.
    """
    read = Period(period.before.first if compare else period.first, period.last, period.zone)

    def subject(page: Mapping[str, str]) -> Subject:
        return Subject("page", page["id"], page_alias(page), [read_history(store, page, read)])

    pages = store.pages()
    if target is None:
        return [subject(page) for page in pages]
    if target.lower().startswith(_BRAND_PREFIX):
        name = target[len(_BRAND_PREFIX) :].strip()
        found = [page for page in pages if name in {page["brand_id"], page["brand_name"]}]
        if not found:
            raise UnknownPageError(
                f"no snapshots of brand {name}", hint="See: outreply brands list"
            )
        members = [subject(page) for page in found]
        histories = [history for member in members for history in member.histories]
        return [Subject("brand", found[0]["brand_id"], found[0]["brand_name"], histories), *members]
    posts = {post.id: post for post in store.posts()}
    names = {post_id: quote(post.message) for post_id, post in posts.items()}
    post = posts.get(expand_id(target, names, "post"))
    page = next((x for x in pages if post and x["id"] == post.page_id), None)
    if page is None and not pages:
        raise UnknownPageError(
            f"no snapshots of {target}", hint="Collect them with: outreply analytics collect"
        )
    chosen = subject(page or resolve_page(pages, target))
    if post is not None:
        return [_post_subject(post, chosen.histories[0])]
    return [chosen, *chosen.posts(period)]


def _post_subject(post: MeasuredPost, history: PageHistory) -> Subject:
    return Subject("post", post.id, quote(post.message) or post.id, [history.select(post)])
