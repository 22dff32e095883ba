"""The comments of all recent posts: one read a post, and only what is new where that is asked.

Reference: GET /posts/published, GET /comments.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from outreply_cli.api.client import Client, Resource
from outreply_cli.clock import Clock
from outreply_cli.comments.store import CommentStore, SentReply
from outreply_cli.comments.threads import (
    Comment,
    ThreadedComment,
    build_threads,
    comment_id,
    created_at,
)
from outreply_cli.pages import page_alias
from outreply_cli.posts.listing import list_all_published

# Comments may reach the list a little after the moment that they carry.
_OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class RecentPosts:
    """The posts whose comments are looked at, newest first.

    Attributes:
        posts: The API's own objects.
        pages: Every page of the account, by id.
        cut_off: Whether there may be more posts than the server lists.
    """

    posts: Sequence[Resource]
    pages: Mapping[str, Mapping[str, Any]]
    cut_off: bool


@dataclass(frozen=True)
class PostComments:
    """One post with comments.

    Attributes:
        post: The API's own object.
        alias: How people write its page.
        threads: Its comments in their threads.
        cut_off: Whether there may be more comments than the server lists.
    """

    post: Resource
    alias: str
    threads: Sequence[ThreadedComment]
    cut_off: bool

    @property
    def unanswered(self) -> int:
        """How many wait for an answer."""
        return sum(one.needs_reply for one in self.threads)


def recent_posts(client: Client, since: datetime) -> RecentPosts:
    """What went out after `since`; costs two reads, and one more a page where a list is full."""
    pages = {str(page.get("id")): page for page in client.pages().items}
    listing = list_all_published(client, pages, since)
    unique = {str(post.get("id")): post for post in listing.items}
    return RecentPosts(list(unique.values()), pages, listing.truncated)


def fetch_comments(
    client: Client,
    memory: CommentStore,
    post: Resource,
    page: Mapping[str, Any],
    *,
    sent: Sequence[SentReply],
    since: datetime | None = None,
    only_new: bool = False,
) -> PostComments:
    """The comments of one post; costs one read, and one more for each hundred that follow.

    Args:
        client: The account's client.
        memory: What was seen and answered from here.
        post: As the list of published posts shows it.
        page: The post's page, as far as it is known.
        sent: The replies that were sent from here.
        since: Only later ones.
        only_new: Only other people's, and only those that were not seen before.
    """
    post_id = str(post.get("id"))
    newest = memory.newest(post_id) if only_new else None
    begin = since
    if newest is not None:
        latest = datetime.fromtimestamp(newest, UTC) - _OVERLAP
        begin = latest if since is None else max(since, latest)
    listing = client.comments(post_id, since=begin)
    arrived = [one for one in sent if one.reply is not None]
    placed = build_threads(
        listing.items,
        username=str(page["username"]) if page.get("username") else None,
        answered={one.comment_id for one in arrived},
        ours={str((one.reply or {}).get("id")) for one in arrived},
    )
    if only_new:
        fresh = {comment_id(one) for one in memory.unseen(listing.items)}
        placed = [one for one in placed if comment_id(one.comment) in fresh and not one.is_ours]
    alias = page_alias(page) if page else str(post.get("page_id"))
    return PostComments(post, alias, placed, listing.truncated)


def read_inbox(
    client: Client,
    memory: CommentStore,
    recent: RecentPosts,
    *,
    since: datetime | None = None,
    only_new: bool = True,
    step: Callable[[], None] = lambda: None,
) -> list[PostComments]:
    """The comments of all recent posts that have some, those with the most that wait first.

    Args:
        client: The account's client.
        memory: What was seen and answered from here.
        recent: The posts.
        since: Only later comments.
        only_new: Only those that were not seen before.
        step: Called after each post.
    """
    found, sent = [], memory.replies()
    for post in recent.posts:
        page = recent.pages.get(str(post.get("page_id")), {})
        one = fetch_comments(client, memory, post, page, sent=sent, since=since, only_new=only_new)
        step()
        if one.threads:
            found.append(one)
    return sorted(found, key=lambda one: -one.unanswered)


def new_comments(
    client: Client,
    memory: CommentStore,
    clock: Clock,
    *,
    begin: datetime,
    days: int,
    interval: float,
    rounds: int | None = None,
) -> Iterator[tuple[PostComments, Comment]]:
    """Other people's comments as they come in, oldest first, until the caller stops.

    Args:
        client: The account's client.
        memory: What was answered from here.
        clock: Waits between two looks.
        begin: Only comments that were written later.
        days: How old posts may be.
        interval: Seconds between two looks.
        rounds: How many looks; for ever without.
    """
    told: set[str] = set()
    done = 0
    while True:
        recent = recent_posts(client, client.now() - timedelta(days=days))
        found = [
            (group, placed.comment)
            for group in read_inbox(client, memory, recent, since=begin - _OVERLAP, only_new=False)
            for placed in group.threads
            if not placed.is_ours and created_at(placed.comment) > begin
        ]
        for group, comment in sorted(found, key=lambda pair: created_at(pair[1])):
            if comment_id(comment) not in told:
                told.add(comment_id(comment))
                yield group, comment
        done += 1
        if rounds is not None and done >= rounds:
            return
        clock.sleep(interval)
