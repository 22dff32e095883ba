"""`outreply comments inbox`."""

from datetime import timedelta
from typing import Annotated

from outreply_cli.cli.options import command, switch
from outreply_cli.commands.comments.output import CommentView
from outreply_cli.commands.comments.shared import (
    DaysOption,
    SinceOption,
    comment_store,
    mark_seen,
    warn_if_truncated,
)
from outreply_cli.context import Context
from outreply_cli.time_parser import parse_past_time


@command()
def run(
    context: Context,
    days: DaysOption = 7,
    since: SinceOption = None,
    show_all: Annotated[
        bool, switch("Include answered comments that were shown before.", "--all")
    ] = False,
) -> None:
    """Show new and unanswered comments on all recent posts.

    A comment stays until it is answered, or skipped in `comments triage`. Uses one read of the
    monthly quota per post.

    Example: outreply comments inbox --all

    Example: outreply comments inbox --days 30 --json
    """
    from outreply_cli.comments.inbox import (
        fetch_inbox,
        fetch_recent_posts,
        find_new,
        is_unanswered,
        select_open,
    )
    from outreply_cli.ui.progress import progress

    client, zone = context.client(max_wait=None), context.zone()
    now = client.now()
    start = parse_past_time(since, now=now, zone=zone) if since else None
    with comment_store(context, client, allow_readonly=True) as store:
        recent = fetch_recent_posts(client, now - timedelta(days=days))
        with progress(context.notes, "Reading", len(recent.posts)) as step:
            groups = fetch_inbox(client, store, recent, since=start, step=step, warn=context.warn)
        new = len(find_new(store, groups))
        unanswered = sum(
            is_unanswered(store, comment) for group in groups for comment in group.threads
        )
        if not show_all:
            groups = select_open(store, groups)
        CommentView(context.output, zone, now).show(groups)
        context.stdout.flush()
        # Marked after they are shown: a killed run shows them again.
        mark_seen(context, store, groups)
    posts = len(recent.posts)
    context.info(
        f"{unanswered} unanswered, {new} new comment{'s' * (new != 1)}; "
        f"{posts} post{'s' * (posts != 1)} checked."
    )
    warn_if_truncated(context, recent, groups)
