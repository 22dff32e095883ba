"""`outreply comments inbox` and `watch`: what came in over all recent posts."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import Looks, command, read_interval
from outreply_cli.commands.comment_group import DaysOption, SinceOption, app, memory_of
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError
from outreply_cli.times import read_past_time

_EXEC_SECONDS = 60.0


@command(app, "inbox")
def comments_inbox(
    session: Session,
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
    from outreply_cli.commands.comments_output import CommentView
    from outreply_cli.comments.inbox import read_inbox, recent_posts
    from outreply_cli.ui.progress import progress

    client, zone = session.client(patient=True), session.zone()
    now = client.now()
    begin = read_past_time(since, now=now, zone=zone) if since else None
    with memory_of(session, client) as memory:
        recent = recent_posts(client, now - timedelta(days=days))
        with progress(session.notes, "Reading", len(recent.posts)) as bar:
            groups = read_inbox(
                client, memory, recent, since=begin, only_new=not every, step=bar.step
            )
        CommentView(session.output, zone, now).show(groups)
        session.stdout.flush()
        # Only now: what a killed run has not shown is new the next time.
        for group in groups:
            memory.see(str(group.post["id"]), [one.comment for one in group.placed])
    count = sum(len(group.placed) for group in groups)
    what = f"{'' if every else 'new '}comment{'s' * (count != 1)}"
    waiting = sum(group.waiting for group in groups)
    session.note(f"{count} {what}, {waiting} unanswered; {len(recent.posts)} posts, a read each.")
    if recent.cut_off or any(group.cut_off for group in groups):
        session.warn("there may be more than the API lists; look at fewer days with --days")


@command(app, "watch")
def comments_watch(
    session: Session,
    days: DaysOption = 7,
    interval: Annotated[str, typer.Option(metavar="T", help="Time between two looks.")] = "1m",
    most: Looks = None,
    since: SinceOption = None,
    exec_command: Annotated[
        str | None,
        typer.Option("--exec", metavar="CMD", help="Run it for each, without a shell: the comment "
                     "as JSON on stdin, OUTREPLY_COMMENT in the environment."),
    ] = None,
) -> None:  # fmt: skip
    """Show comments as they come in; each look costs one read a post.

    Example: outreply comments watch --since 1d --max 1

    Example: outreply comments watch --since 1d --max 2 --interval 1s -o jsonl
    """
    from outreply_cli.commands.comments_output import CommentView, item_of
    from outreply_cli.comments.inbox import new_comments
    from outreply_cli.subprocesses import run_command, runnable_command, without_secrets

    seconds = read_interval(interval)
    if session.output.format not in {"table", "json", "jsonl"}:
        raise InvalidInputError(
            f"comments that come in are no {session.output.format}", hint="Use -o jsonl."
        )
    environ = without_secrets(session.environ)
    words = runnable_command(exec_command, "--exec", environ) if exec_command is not None else None
    client, zone = session.client(patient=True), session.zone()
    begin = read_past_time(since, now=client.now(), zone=zone) if since else client.now()
    with memory_of(session, client) as memory:
        found = new_comments(
            client, memory, session.clock, begin=begin, days=days, interval=seconds, rounds=most
        )
        for group, comment in found:
            placed = next(one for one in group.placed if one.comment is comment)
            item = item_of(group, placed)
            CommentView(session.output, zone, client.now()).show_new(item)
            if words is None:
                continue
            _, problem = run_command(
                words, {**environ, "OUTREPLY_COMMENT": str(comment.get("id"))},
                json.dumps(item).encode(), seconds=_EXEC_SECONDS,
            )  # fmt: skip
            if problem is not None:
                session.warn(f"--exec for {comment.get('id')}: {problem}")
