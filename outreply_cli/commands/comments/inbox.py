"""`outreply comments inbox`."""

from datetime import timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.comments.output import CommentView
from outreply_cli.commands.comments.shared import DaysOption, SinceOption, comment_store
from outreply_cli.context import Context
from outreply_cli.time_parser import parse_past_time


@command()
def run(
    context: Context,
    days: DaysOption = 7,
    since: SinceOption = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Include comments already seen (default: only new ones).")
    ] = False,
) -> None:
    """Show new comments on all recent posts, unanswered ones first.

    Hides comments that an earlier run showed. Uses one read of the quota per post.

    Example: outreply comments inbox --all

    Example: outreply comments inbox --days 30 --json
    """
    from outreply_cli.comments.inbox import fetch_inbox, fetch_recent_posts
    from outreply_cli.ui.progress import progress

    client, zone = context.client(max_wait=None), context.zone()
    now = client.now()
    start = parse_past_time(since, now=now, zone=zone) if since else None
    with comment_store(context, client) as store:
        recent = fetch_recent_posts(client, now - timedelta(days=days))
        with progress(context.notes, "Reading", len(recent.posts)) as bar:
            groups = fetch_inbox(
                client, store, recent, since=start, only_new=not show_all, step=bar.step
            )
        CommentView(context.output, zone, now).show(groups)
        context.stdout.flush()
        # Marked after they are shown: a killed run shows them again.
        for group in groups:
            store.mark_seen(str(group.post["id"]), [threaded.comment for threaded in group.threads])
    count, posts = sum(len(group.threads) for group in groups), len(recent.posts)
    unanswered = sum(group.unanswered_count for group in groups)
    context.info(
        f"{count} {'' if show_all else 'new '}comment{'s' * (count != 1)} "
        f"({unanswered} unanswered) on {posts} post{'s' * (posts != 1)}."
    )
    if recent.truncated or any(group.truncated for group in groups):
        context.warn("there may be more comments than the API lists; narrow with --days")
