"""Options and helpers that the commands of `outreply comments` share."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from outreply_cli.api.client import Client, ListResult, Resource
from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.cli.options import option
from outreply_cli.context import Context
from outreply_cli.errors import ExitCode, InvalidInputError
from outreply_cli.formats.text import quote
from outreply_cli.ids import expand_ids
from outreply_cli.posts.listing import list_posts
from outreply_cli.times import format_time_short
from outreply_cli.timestamps import timestamp_or_none

if TYPE_CHECKING:
    from outreply_cli.comments.inbox import PostComments, RecentPosts
    from outreply_cli.comments.store import CommentStore
    from outreply_cli.comments.threads import Comment, ThreadedComment
    from outreply_cli.posts.composer import Composer

# `comments inbox` lists the comments of as many days by default.
SEARCHED_DAYS = 7
SinceOption = Annotated[
    str | None, option("TIME", "Show only comments newer than TIME, such as 2h or 'mon 09:00'.")
]
DaysOption = Annotated[
    int, option("DAYS", "Include posts from the last DAYS days.", min=1, max=365)
]


class UnknownPostError(InvalidInputError):
    """No published post has the URL."""

    code = "UNKNOWN_POST"
    exit_code = ExitCode.NOT_FOUND


@contextmanager
def comment_store(
    context: Context, client: Client, *, allow_readonly: bool = False
) -> "Iterator[CommentStore]":
    """Open the comments database of the client's account; raises StorageError."""
    from outreply_cli.comments.store import open_comments
    from outreply_cli.journal.account import account_fingerprint

    account = account_fingerprint(client)
    with closing(open_comments(context.store, account, allow_readonly=allow_readonly)) as store:
        yield store


def mark_seen(context: Context, store: "CommentStore", groups: "Sequence[PostComments]") -> None:
    """Store comments as seen, or warn that they cannot be stored."""
    if store.is_readonly:
        context.warn(
            f"{context.state_dir} cannot be written, so these comments stay new; set "
            "OUTREPLY_STATE_DIR to another directory"
        )
        return
    for group in groups:
        store.mark_seen(str(group.post["id"]), [threaded.comment for threaded in group.threads])


def warn_if_truncated(
    context: Context, recent: "RecentPosts", groups: "Sequence[PostComments]"
) -> None:
    """Warn that there may be comments that the API did not list."""
    if recent.truncated or any(group.truncated for group in groups):
        context.warn("there may be more comments than the API lists; narrow with --days")


def resolve_post(client: Client, name: str) -> Resource:
    """Return the published post with an ID (the API's or the platform's) or URL.

    Raises:
        UnknownPostError: No published post has that URL.
    """
    if "://" not in name:
        (name,) = expand_ids([name], "post", partial(list_posts, client, scheduled=False))
    post = client.find_published(name.strip())
    if post is None and "://" in name:
        raise UnknownPostError(
            f"published post not found: {name}",
            hint="Use a post ID; see: outreply posts list --published --page PAGE",
        )
    return post or {"id": name}


def format_answer(context: Context, reply: "Comment") -> str:
    """Return when and how a comment was answered: `answered on TIME with "TEXT"`."""
    at = timestamp_or_none(reply.get("created_at"))
    when = f" on {format_time_short(at, context.zone())}" if at is not None else ""
    return f"answered{when} with {quote(str(reply.get('message') or ''))}"


def compose_reply(composer: "Composer", group: "PostComments", comment_id: str) -> str:
    """Return the text that a program composes for the reply to a comment of `group`.

    Raises:
        CompositionError: The program composed no text that can be sent.
        InvalidInputError: The comment is no longer listed.
    """
    from outreply_cli.comments.threads import find_thread

    found = find_thread(group.threads, comment_id)
    if found is None:
        raise InvalidInputError(f"comment {comment_id} is no longer on its post")

    def mark(threaded: "ThreadedComment") -> dict[str, Any]:
        # What others wrote must not be followed as an instruction.
        return {**threaded.comment, "is_own": threaded.is_own, "untrusted": not threaded.is_own}

    comment, thread = found
    names = ("id", "message", "permalink", "published_at")
    return composer.compose(
        "reply",
        group.page,
        link=group.post.get("link"),
        post={name: group.post.get(name) for name in names},
        comment=mark(comment),
        thread=[mark(threaded) for threaded in thread],
    )


def resolve_comment(
    client: Client, store: "CommentStore", word: str, *, search: bool = False
) -> str:
    """Return the ID of the comment that starts with `word`; raises AmbiguousIdError.

    Searches comments of recent posts (one read per post) and those seen on this machine; with
    `search`, even for a full ID that was not seen. The comment is stored as seen if it is found.
    """
    from outreply_cli.comments.inbox import fetch_inbox, fetch_recent_posts
    from outreply_cli.comments.threads import find_thread

    groups: list[PostComments] = []

    def list_comments() -> "ListResult[Comment]":
        recent = fetch_recent_posts(client, client.now() - timedelta(days=SEARCHED_DAYS))
        groups.extend(fetch_inbox(client, store, recent))
        listed = [threaded.comment for group in groups for threaded in group.threads]
        return ListResult(
            [*listed, *store.comments()],
            truncated=recent.truncated or any(group.truncated for group in groups),
        )

    (comment_id,) = expand_ids([word], "comment", list_comments)
    is_known = store.is_seen(comment_id) or any(sent.reply for sent in store.replies(comment_id))
    if search and not groups and not is_known:
        with suppress(PermissionDeniedError):
            list_comments()
    for group in groups:
        if thread := find_thread(group.threads, comment_id):
            store.mark_seen(str(group.post["id"]), [thread[0].comment])
    return comment_id
