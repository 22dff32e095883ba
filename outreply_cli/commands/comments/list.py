"""`outreply comments list`."""

from dataclasses import replace
from typing import Annotated

from outreply_cli.cli.options import argument, command, option, switch
from outreply_cli.commands.comments.output import CommentView
from outreply_cli.commands.comments.shared import (
    SinceOption,
    comment_store,
    mark_seen,
    resolve_post,
)
from outreply_cli.context import Context
from outreply_cli.time_parser import parse_past_time


@command()
def run(
    context: Context,
    post: Annotated[str, argument("POST", "ID or URL of a published post.")],
    since: SinceOption = None,
    unanswered: Annotated[bool, switch("Show only comments that need a reply.")] = False,
    contains: Annotated[str | None, option("TEXT", "Filter by text, ignoring case.")] = None,
) -> None:
    """List the comments of a post, in their threads.

    Example: outreply comments list $(outreply posts list --published -q --limit 1)

    Example: outreply comments list $(outreply posts list --published -q --limit 1) --unanswered
    """
    from outreply_cli.comments.inbox import fetch_post_comments

    client, zone = context.client(), context.zone()
    start = parse_past_time(since, now=client.now(), zone=zone) if since else None
    resource = resolve_post(client, post)
    with comment_store(context, client, allow_readonly=True) as store:
        group = fetch_post_comments(client, store, resource, since=start)
        text = (contains or "").casefold()
        threads = [
            threaded
            for threaded in group.threads
            if (not unanswered or threaded.needs_reply)
            and text in str(threaded.comment.get("message")).casefold()
        ]
        shown = [replace(group, threads=threads)] if threads else []
        CommentView(context.output, zone, client.now()).show(shown)
        mark_seen(context, store, shown)
    if not threads:
        context.info("No comments." if not group.threads else "No matching comments.")
    if group.truncated:
        context.warn("the post may have more comments than the API lists; narrow with --since")
