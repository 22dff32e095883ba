"""`outreply comments reply`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.comments.shared import comment_store, resolve_comment
from outreply_cli.commands.posts.options import EditOption, FileOption, read_message
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import quote
from outreply_cli.times import format_time_short
from outreply_cli.ui.columns import Column


@command(prints=True)
def run(
    context: Context,
    comment: Annotated[str, typer.Argument(metavar="COMMENT", help="ID of the comment.")],
    message: Annotated[
        str | None, typer.Option("--message", "-m", metavar="TEXT", help="Text of the reply.")
    ] = None,
    file: FileOption = None,
    edit: EditOption = False,
    template: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Read the text from a template with {author}, {username} and {post}.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Set an idempotency key; with the same key, nothing is sent twice."
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Reply to a comment.

    The same text is sent only once. Asks for confirmation when the comment already has a reply.

    Example: outreply comments reply $(outreply comments inbox --all -q | head -n 1) -m 'Thank you!' --yes

    Example: outreply comments reply $(outreply comments inbox --all -q | head -n 1) -F reply.txt --key thanks
    """  # noqa: E501 - examples that can be pasted
    from outreply_cli.comments.replies import ReplyService, check_reply, fill_template

    if template is None:
        text = read_message(context, message, file, edit=edit) or ""
        check_reply(text)
    elif message is not None or file is not None or edit:
        raise InvalidInputError("specify only one of -m, -F, --edit and --template")
    else:
        text = context.read_text(template).rstrip("\n")
    client = context.client()
    with comment_store(context, client) as store:
        comment = resolve_comment(client, store, comment)
        if template is not None:
            seen = store.comment(comment)
            if seen is None:
                raise InvalidInputError(
                    f"cannot fill the template: comment {comment!r} was not seen on this machine",
                    hint="List the comments of its post first: outreply comments list POST",
                )
            post = client.find_published(str(seen["post_id"])) if "{post}" in text else None
            text = fill_template(text, seen, post or {})
            check_reply(text)
        replies = ReplyService(client, store)
        if context.options.print_as:
            print_requests(context, client, [replies.build_request(comment, text, key)])
            return
        existing = replies.existing_replies(comment) if key is None else []
        if existing and text not in [reply.message for reply in existing]:
            last = existing[-1]
            at = format_time_short(last.at, context.zone())
            context.confirm(
                f"The comment was already answered at {at} with {quote(last.message)}. "
                "Reply again?",
                yes=yes,
            )
        result = replies.send(comment, text, key)
    context.output.print_one(
        result.reply,
        [
            Column("Reply", "id"), Column("To", "parent_id"),
            Column("Message", "message", shrinkable=True),
        ],
    )  # fmt: skip
    if result.existed:
        context.info("Nothing sent; the comment already has this reply.")
