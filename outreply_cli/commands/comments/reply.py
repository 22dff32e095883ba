"""`outreply comments reply`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.comments.shared import comment_store
from outreply_cli.commands.posts.options import EditOption, FileOption, MessageOption, read_message
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.times import format_time_short


@command()
def run(
    context: Context,
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
    from outreply_cli.commands.comments.output import quoted
    from outreply_cli.comments.replies import ReplyService, check_reply, fill_template
    from outreply_cli.ui.output import Column

    if template is not None and (message is not None or file is not None or edit):
        raise InvalidInputError("give the reply once", hint="One of -m, -F, --edit, --template.")
    pattern = context.read_text(template).rstrip("\n") if template is not None else None
    text = None if pattern is not None else read_message(context, message, file, edit=edit)
    if pattern is None:
        check_reply(text or "")
    client = context.client()
    with comment_store(context, client) as memory:
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
        replies = ReplyService(client, memory)
        earlier = replies.replies_to(comment) if key is None else []
        if earlier and text not in [given.message for given in earlier]:
            last = earlier[-1]
            when = format_time_short(last.at, context.zone())
            context.confirm(
                f"It was already answered at {when} with {quoted(last.message)}. Answer once more?",
                yes=yes,
            )
        done = replies.send(comment, text or "", key)
    context.output.print_one(
        done.reply,
        [
            Column("Reply", "id"), Column("To", "parent_id"),
            Column("Message", "message", shrinkable=True),
        ],
    )  # fmt: skip
    if done.already_there:
        context.info("It was sent before; nothing was sent now.")
