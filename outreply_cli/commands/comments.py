"""`outreply comments list` and `reply`: one post's comments, and answering them."""

from dataclasses import replace
from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands import comment_inbox, comment_triage
from outreply_cli.commands.comment_group import (
    SinceOption,
    app,
    memory_of,
    published_post,
)
from outreply_cli.commands.messages import EditOption, FileOption, MessageOption, read_message
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError
from outreply_cli.times import read_past_time, show_instant_briefly

# Its commands register themselves.
__all__ = ["app", "comment_inbox", "comment_triage"]


@command(app, "list")
def comments_list(
    session: Session,
    post: Annotated[str, typer.Argument(metavar="POST", help="A published post's id or address.")],
    since: SinceOption = None,
    unanswered: Annotated[
        bool, typer.Option("--unanswered", help="Only those that wait for an answer.")
    ] = False,
    contains: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only those with this text, in any case.")
    ] = None,
) -> None:
    """List the comments of a post, in their threads.

    Example: outreply comments list $(outreply posts list --published -q --limit 1)

    Example: outreply comments list $(outreply posts list --published -q --limit 1) --unanswered
    """
    from outreply_cli.commands.comments_output import CommentView
    from outreply_cli.comments.inbox import comments_of

    client, zone = session.client(), session.zone()
    begin = read_past_time(since, now=client.now(), zone=zone) if since else None
    found = published_post(client, post)
    pages = {str(page.get("id")): page for page in client.pages().items}
    with memory_of(session, client) as memory:
        page = pages.get(str(found.get("page_id")), {})
        group = comments_of(client, memory, found, page, sent=memory.replies(), since=begin)
        kept = [
            one
            for one in group.placed
            if (not unanswered or one.waits)
            and (
                contains is None
                or contains.casefold() in str(one.comment.get("message")).casefold()
            )
        ]
        shown = [replace(group, placed=kept)] if kept else []
        CommentView(session.output, zone, client.now()).show(shown)
        memory.see(str(found["id"]), [one.comment for one in group.placed])
    if group.cut_off:
        session.warn("there may be more comments than the API lists; narrow it with --since")


@command(app, "reply")
def comments_reply(
    session: Session,
    comment: Annotated[str, typer.Argument(metavar="COMMENT", help="A comment's id.")],
    message: MessageOption = None,
    file: FileOption = None,
    edit: EditOption = False,
    template: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A text with {author}, {username} and {post} in it."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="K", help="Names the reply: the same key again is the same reply."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Answer a comment, once: the same text again is the same reply.

    Asks first where the comment has been answered already.

    Example: outreply comments reply $(outreply comments inbox --all -q | head -n 1) -m 'Thank you!' --yes

    Example: outreply comments reply $(outreply comments inbox --all -q | head -n 1) -F post.txt --key thanks
    """  # noqa: E501 - lines that can be pasted
    from outreply_cli.commands.comments_output import quoted
    from outreply_cli.comments.replies import Replies, check_reply, fill_template
    from outreply_cli.ui.output import Column

    if template is not None and (message is not None or file is not None or edit):
        raise InvalidInputError("give the reply once", hint="One of -m, -F, --edit, --template.")
    pattern = session.read_text(template).rstrip("\n") if template is not None else None
    text = None if pattern is not None else read_message(session, message, file, edit=edit)
    if pattern is None:
        check_reply(text or "")
    client = session.client()
    with memory_of(session, client) as memory:
        if pattern is not None:
            seen = memory.comment(comment)
            if seen is None:
                raise InvalidInputError(
                    f"nothing is known of {comment!r} here, so the template can't be filled",
                    hint="List its post's comments first: outreply comments list POST",
                )
            post = client.find_published(str(seen["post_id"])) if "{post}" in pattern else None
            text = fill_template(pattern, seen, post or {})
            check_reply(text)
        replies = Replies(client, memory)
        earlier = replies.answers_to(comment) if key is None else []
        if earlier and text not in [given.message for given in earlier]:
            last = earlier[-1]
            when = show_instant_briefly(last.at, session.zone())
            session.confirm(
                f"It was already answered at {when} with {quoted(last.message)}. Answer once more?",
                yes=yes,
            )
        done = replies.send(comment, text or "", key)
    session.output.show_one(
        done.reply,
        [
            Column("Reply", "id"), Column("To", "parent_id"),
            Column("Message", "message", flexible=True),
        ],
    )  # fmt: skip
    if done.already_there:
        session.note("It was sent before; nothing was sent now.")
