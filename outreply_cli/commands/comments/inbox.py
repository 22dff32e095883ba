"""`outreply comments inbox`."""

from datetime import timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.comments.shared import DaysOption, SinceOption, comment_store
from outreply_cli.context import Context
from outreply_cli.times import parse_past_time


@command()
def run(
    context: Context,
    days: DaysOption = 7,
    since: SinceOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what was seen before; unanswered ones alone else.")
    ] = False,
) -> None:
    """Show what is new under all recent posts, the unanswered first; each post costs one read.

    What is shown counts as seen: the next time only what came since then is shown.

    Example: outreply comments inbox --all

    Example: outreply comments inbox --days 30 --json
    """
    from outreply_cli.commands.comments.output import CommentView
    from outreply_cli.comments.inbox import read_inbox, recent_posts
    from outreply_cli.ui.progress import progress

    client, zone = context.client(patient=True), context.zone()
    now = client.now()
    begin = parse_past_time(since, now=now, zone=zone) if since else None
    with comment_store(context, client) as memory:
        recent = recent_posts(client, now - timedelta(days=days))
        with progress(context.notes, "Reading", len(recent.posts)) as bar:
            groups = read_inbox(
                client, memory, recent, since=begin, only_new=not every, step=bar.step
            )
        CommentView(context.output, zone, now).show(groups)
        context.stdout.flush()
        # Only now: what a killed run has not shown is new the next time.
        for group in groups:
            memory.mark_seen(str(group.post["id"]), [one.comment for one in group.threads])
    count = sum(len(group.threads) for group in groups)
    what = f"{'' if every else 'new '}comment{'s' * (count != 1)}"
    waiting = sum(group.unanswered for group in groups)
    context.info(f"{count} {what}, {waiting} unanswered; {len(recent.posts)} posts, a read each.")
    if recent.cut_off or any(group.cut_off for group in groups):
        context.warn("there may be more than the API lists; look at fewer days with --days")
