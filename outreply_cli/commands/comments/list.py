"""`outreply comments list`."""

from dataclasses import replace
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.comments.shared import SinceOption, comment_store, resolve_post
from outreply_cli.context import Context
from outreply_cli.times import parse_past_time


@command()
def run(
    context: Context,
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
    from outreply_cli.commands.comments.output import CommentView
    from outreply_cli.comments.inbox import fetch_comments

    client, zone = context.client(), context.zone()
    begin = parse_past_time(since, now=client.now(), zone=zone) if since else None
    found = resolve_post(client, post)
    pages = {str(page.get("id")): page for page in client.pages().items}
    with comment_store(context, client) as memory:
        page = pages.get(str(found.get("page_id")), {})
        group = fetch_comments(client, memory, found, page, sent=memory.replies(), since=begin)
        kept = [
            one
            for one in group.threads
            if (not unanswered or one.needs_reply)
            and (
                contains is None
                or contains.casefold() in str(one.comment.get("message")).casefold()
            )
        ]
        shown = [replace(group, threads=kept)] if kept else []
        CommentView(context.output, zone, client.now()).show(shown)
        memory.mark_seen(str(found["id"]), [one.comment for one in group.threads])
    if group.cut_off:
        context.warn("there may be more comments than the API lists; narrow it with --since")
