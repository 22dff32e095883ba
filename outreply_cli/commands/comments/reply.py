"""`outreply comments reply`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from outreply_cli.api.client import Client, get_page_id
from outreply_cli.cli.options import Yes, argument, command, option, switch
from outreply_cli.commands.comments.shared import (
    SEARCHED_DAYS,
    comment_store,
    compose_reply,
    format_answer,
    resolve_comment,
)
from outreply_cli.commands.composition import ComposeOptions, show_text
from outreply_cli.commands.posts.options import EditOption, FileOption, read_message
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import MAX_LIST_LIMIT
from outreply_cli.ui.columns import Column

if TYPE_CHECKING:
    from outreply_cli.comments.replies import ListedReply
    from outreply_cli.comments.store import CommentStore
    from outreply_cli.comments.threads import Comment

_TO, _MESSAGE = Column("To", "parent_id"), Column("Message", "message", shrinkable=True)
_DRY_RUN_COLUMNS = (
    _TO, Column("Author", "author"), Column("Comment", "comment", shrinkable=True),
    Column("Last reply", "last_reply", shrinkable=True), _MESSAGE,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """The options for the text of a reply."""

    message: Annotated[str | None, option("TEXT", "Text of the reply.", "--message", "-m")] = None
    file: FileOption = None
    edit: EditOption = False
    template: Annotated[
        str | None,
        option("FILE", "Read the text from a template with {author}, {username} and {post}."),
    ] = None

    def read(self, context: Context, *, is_composed: bool) -> str:
        """Read the text of a reply or its template; empty if it is composed later."""
        from outreply_cli.comments.replies import check_reply

        texts = (self.message is not None, self.file is not None, self.edit)
        if is_composed:
            if any(texts) or self.template is not None:
                raise InvalidInputError(
                    "specify only one of -m, -F, --edit, --template and --compose-with"
                )
            return ""
        if self.template is None:
            text = read_message(context, self.message, self.file, edit=self.edit) or ""
            check_reply(text)
            return text
        if any(texts):
            raise InvalidInputError("specify only one of -m, -F, --edit and --template")
        return context.read_text(self.template).rstrip("\n")


@command(has_print_option=True)
def run(
    context: Context,
    comment: Annotated[str, argument("COMMENT", "ID of the comment.")],
    options: TextOptions,
    composing: ComposeOptions,
    key: Annotated[
        str | None,
        option("KEY", "Set an idempotency key; with the same key, nothing is sent twice."),
    ] = None,
    dry_run: Annotated[bool, switch("Show the comment and the reply; send nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Reply to a comment.

    The same text is sent only once. Without --key, asks for confirmation when the comment already
    has a reply, or when that cannot be determined. A comment that was not listed on this machine is
    searched for on posts from the last 7 days, at one read per post. With --compose-with, a comment
    that outreply has already answered is not answered again.

    Example: outreply comments reply $(outreply comments inbox --all -q | head -n 1) -m 'Thank you!' --yes

    Example: outreply comments reply $(outreply comments inbox --all -q | head -n 1) -F reply.txt --key thanks
    """  # noqa: E501 - examples that can be pasted
    from outreply_cli.comments.replies import (
        ReplyService,
        check_reply,
        fill_template,
        find_same_text,
    )

    is_composed = composing.compose_with is not None
    text = options.read(context, is_composed=is_composed)
    client = context.client()
    with comment_store(context, client) as store:
        will_send = not (dry_run or context.options.print_as)
        compares_replies = key is None and not context.options.print_as
        shows_reply = dry_run and not context.options.print_as
        needs_comment = options.template is not None or is_composed
        # A confirmed reply needs no search for others.
        search = needs_comment or shows_reply or (compares_replies and not yes)
        comment = resolve_comment(client, store, comment, search=search)
        if options.template is not None:
            seen = _get_seen(store, comment, "fill the template")
            post = client.find_published(str(seen["post_id"])) if "{post}" in text else None
            text = fill_template(text, seen, post or {})
            check_reply(text)
        replies = ReplyService(client, store)
        found: Sequence[ListedReply] | None = []
        if compares_replies or shows_reply:
            found = replies.existing_replies(comment, refresh=shows_reply)
        existing = found if compares_replies else []
        if is_composed:
            sent = replies.find_sent(comment, key=key)
            text = sent.message if sent is not None else _compose(
                context, client, store, comment, composing, is_answered=bool(existing),
                yes=yes or not will_send,
            )  # fmt: skip
            existing = []
        if context.options.print_as:
            request = replies.build_request(comment, text, key, is_composed=is_composed)
            print_requests(context, client, [request])
            return
        if dry_run:
            last_reply = existing[-1].comment.get("message") if existing else None
            item = _describe(client, store, comment, text, last_reply)
            context.output.print_one(item, _DRY_RUN_COLUMNS, id_field=None)
            if item["post_id"] is None:
                context.warn(
                    f"comment {comment} was not found on the posts of the last {SEARCHED_DAYS} "
                    "days; the API may not know it"
                )
            context.info("Dry run: nothing was sent.")
            return
        if existing is None or (existing and find_same_text(existing, text) is None):
            context.confirm(_question(context, store, comment, existing), yes=yes)
        result = replies.send(comment, text, key, existing=existing or (), is_composed=is_composed)
    context.output.print_one(result.reply, [Column("Reply", "id"), _TO, _MESSAGE])
    if result.existed:
        reply = "a reply" if is_composed else "this reply"
        context.info(f"Nothing was sent; the comment already has {reply}.")


def _question(
    context: Context,
    store: "CommentStore",
    comment_id: str,
    existing: "Sequence[ListedReply] | None",
) -> str:
    """Return the question about a comment that has, or may have, `existing` replies."""
    if existing:
        return (
            f"The comment was already {format_answer(context, existing[-1].comment)}. Reply again?"
        )
    reason = (
        f"is on a post with more comments than the {MAX_LIST_LIMIT} that the API lists"
        if store.is_seen(comment_id)
        else f"was not found on posts from the last {SEARCHED_DAYS} days"
    )
    return f"Comment {comment_id} {reason}, so it may already have a reply. Reply anyway?"


def _describe(
    client: Client, store: "CommentStore", comment_id: str, text: str, last_reply: object
) -> dict[str, Any]:
    """Return a reply that is not sent, and the comment if it was seen on this machine."""
    from outreply_cli.comments.threads import get_author

    seen = store.comment(comment_id) or {}
    post_id = seen.get("post_id")
    post = None if post_id is None else client.find_published(str(post_id))
    author = get_author(seen)
    return {
        "page_id": None if post is None else get_page_id(post),
        "post_id": post_id,
        "parent_id": comment_id,
        "author": author.get("username") or author.get("name"),
        "comment": seen.get("message"),
        "last_reply": last_reply,
        "message": text,
    }


def _get_seen(store: "CommentStore", comment_id: str, action: str) -> "Comment":
    comment = store.comment(comment_id)
    if comment is None:
        raise InvalidInputError(
            f"cannot {action}: comment {comment_id!r} was not seen on this machine, nor found on "
            f"the posts of the last {SEARCHED_DAYS} days",
            hint="List the comments of its post first: outreply comments list POST",
        )
    return comment


def _compose(
    context: Context,
    client: Client,
    store: "CommentStore",
    comment_id: str,
    composing: ComposeOptions,
    *,
    is_answered: bool,
    yes: bool,
) -> str:
    """Return the confirmed text of a program; raises InvalidInputError."""
    from outreply_cli.comments.inbox import fetch_post_comments

    if is_answered:
        # A program composes another text each time, so a repeated script would reply twice.
        raise InvalidInputError(
            f"comment {comment_id} already has a reply",
            hint="To reply again, use -m, -F or --edit, or a --key.",
        )
    composer = composing.make_composer(context, client, yes=yes)
    assert composer is not None
    post_id = str(_get_seen(store, comment_id, "compose a reply")["post_id"])
    post = client.find_published(post_id) or {"id": post_id}
    group = fetch_post_comments(client, store, post)
    text = compose_reply(composer, group, comment_id)
    show_text(context, f"Reply to {comment_id}", text)
    context.confirm("Send this reply?", yes=yes)
    return text
