"""The comments of all recent posts, at one read per post.

Reference: GET /posts/published, GET /comments.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from outreply_cli.api.client import Client, Resource, get_page_id
from outreply_cli.api.errors import NotFoundError
from outreply_cli.clock import Clock
from outreply_cli.comments.store import CommentStore, SentReply
from outreply_cli.comments.threads import ThreadedComment, build_threads, get_created_at
from outreply_cli.pages import Page, page_alias
from outreply_cli.posts.listing import list_all_published

# Comments may be listed a little later than their creation time.
_OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class RecentPosts:
    """Recently published posts, newest first, and all pages of the account by ID."""

    posts: Sequence[Resource]
    pages: Mapping[str, Page]
    truncated: bool


@dataclass(frozen=True)
class PostComments:
    """The comments of one post in thread order; its `page` is empty when unknown."""

    post: Resource
    page: Page
    threads: Sequence[ThreadedComment]
    truncated: bool

    @property
    def alias(self) -> str:
        """Name of the page, such as instagram:acme."""
        return page_alias(self.page) if self.page else get_page_id(self.post)

    @property
    def unanswered_count(self) -> int:
        """Number of comments that need a reply."""
        return sum(comment.needs_reply for comment in self.threads)


def fetch_recent_posts(client: Client, since: datetime) -> RecentPosts:
    """Fetch the posts published after `since`: two reads, and one per page where a list is full."""
    pages = {str(page.get("id")): page for page in client.pages().items}
    listing = list_all_published(client, pages, since)
    unique = {str(post.get("id")): post for post in listing.items}
    return RecentPosts(list(unique.values()), pages, listing.truncated)


def _fetch_comments(
    client: Client,
    post: Resource,
    pages: Mapping[str, Page],
    sent: Sequence[SentReply],
    since: datetime | None,
) -> PostComments:
    page = pages.get(get_page_id(post), {})
    listing = client.comments(str(post.get("id")), since=since)
    # The API lists only the newest posts: an older one may be on any page of its platform.
    platforms = {comment.get("platform") for comment in listing.items}
    own = [page] if page else [p for p in pages.values() if p.get("platform") in platforms]
    delivered = [reply for reply in sent if reply.reply is not None]
    threads = build_threads(
        listing.items,
        usernames={str(page["username"]) for page in own if page.get("username")},
        answered_ids={reply.comment_id for reply in delivered},
        own_ids={str((reply.reply or {}).get("id")) for reply in delivered},
    )
    return PostComments(post, page, threads, listing.truncated)


def fetch_post_comments(
    client: Client, store: CommentStore, post: Resource, *, since: datetime | None = None
) -> PostComments:
    """Fetch the comments of one post.

    Costs one read for the pages, one for the comments, and one for each further hundred.
    """
    pages = {str(page.get("id")): page for page in client.pages().items}
    return _fetch_comments(client, post, pages, store.replies(), since)


def fetch_inbox(
    client: Client,
    store: CommentStore,
    recent: RecentPosts,
    *,
    since: datetime | None = None,
    starts: Mapping[str, datetime] = MappingProxyType({}),
    step: Callable[[], None] = lambda: None,
    warn: Callable[[str], None] = lambda _: None,
) -> list[PostComments]:
    """Fetch the comments of recent posts; call `step` after each post.

    Costs one read for each post, and one for each further hundred of its comments.
    The posts with the most unanswered comments come first. `starts` are later times than `since`
    for some posts, by ID. A post that was removed in the meantime is skipped with a warning.
    """
    groups, sent = [], store.replies()
    for post in recent.posts:
        start = starts.get(str(post["id"]), since)
        try:
            group = _fetch_comments(client, post, recent.pages, sent, start)
        except NotFoundError as error:
            warn(f"the comments of post {post['id']} were skipped: {error.message}")
            continue
        finally:
            step()
        if group.threads:
            groups.append(group)
    return sorted(groups, key=lambda group: -group.unanswered_count)


def is_unanswered(store: CommentStore, comment: ThreadedComment) -> bool:
    """Return whether a comment needs a reply and was not skipped in triage."""
    return comment.needs_reply and not store.is_skipped(comment.id)


def select_open(store: CommentStore, groups: Sequence[PostComments]) -> list[PostComments]:
    """Return the posts with comments that are unanswered or new, and only those comments."""
    unseen = {comment.id for comment in find_new(store, groups)}
    selected = []
    for group in groups:
        threads = [
            comment
            for comment in group.threads
            if comment.id in unseen or is_unanswered(store, comment)
        ]
        if threads:
            selected.append(replace(group, threads=threads))
    return selected


def find_new(store: CommentStore, groups: Sequence[PostComments]) -> list[ThreadedComment]:
    """Return other people's comments that no earlier command showed."""
    return [
        comment
        for group in groups
        for comment in group.threads
        if not comment.is_own and not store.is_seen(comment.id)
    ]


def watch_comments(
    client: Client,
    store: CommentStore,
    clock: Clock,
    *,
    since: datetime,
    days: int,
    interval: float,
    count: int | None = None,
    warn: Callable[[str], None],
) -> Iterator[tuple[PostComments, ThreadedComment]]:
    """Yield other people's comments created after `since` as they arrive, oldest first.

    Polls the posts of the last `days` every `interval` seconds, `count` times or indefinitely.
    Warns of comments that may be missing.
    """
    seen: set[str] = set()
    warned: set[str] = set()
    starts: dict[str, datetime] = {}

    def warn_once(text: str) -> None:
        if text not in warned:
            warned.add(text)
            warn(text)

    for poll in itertools.count() if count is None else range(count):
        if poll > 0:
            clock.sleep(interval)
        recent = fetch_recent_posts(client, client.now() - timedelta(days=days))
        groups = fetch_inbox(
            client, store, recent, since=since - _OVERLAP, starts=starts, warn=warn_once
        )
        arrived = [
            (group, comment)
            for group in groups
            for comment in group.threads
            if not comment.is_own
            and get_created_at(comment.comment) > since
            and comment.id not in seen
        ]
        for group in groups:
            if not group.truncated:
                continue
            if any(group is arrived_on for arrived_on, _ in arrived):
                warn(f"post {group.post['id']} may have new comments that the API does not list")
            # Start later next time: a list that is always truncated, in no documented order, could
            # hide new comments.
            start = starts.get(str(group.post["id"]), since - _OVERLAP)
            newest = max(get_created_at(comment.comment) for comment in group.threads)
            newest = min(newest, client.now())
            later = newest - _OVERLAP if newest > start + _OVERLAP else newest
            starts[str(group.post["id"])] = max(start, later)
        for group, comment in sorted(arrived, key=lambda pair: get_created_at(pair[1].comment)):
            seen.add(comment.id)
            yield group, comment
