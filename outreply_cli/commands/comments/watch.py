"""`outreply comments watch`."""

import json
from typing import Annotated

import typer

from outreply_cli.cli.options import PollCount, command, parse_interval
from outreply_cli.commands.comments.shared import DaysOption, SinceOption, comment_store
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.times import parse_past_time

_EXEC_SECONDS = 60.0


@command()
def run(
    context: Context,
    days: DaysOption = 7,
    interval: Annotated[str, typer.Option(metavar="T", help="Time between two looks.")] = "1m",
    most: PollCount = None,
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
    from outreply_cli.commands.comments.output import CommentView, item_of
    from outreply_cli.comments.inbox import new_comments
    from outreply_cli.subprocesses import resolve_command, run_command, strip_secrets

    seconds = parse_interval(interval)
    if context.output.format not in {"table", "json", "jsonl"}:
        raise InvalidInputError(
            f"comments that come in are no {context.output.format}", hint="Use -o jsonl."
        )
    environ = strip_secrets(context.environ)
    words = resolve_command(exec_command, "--exec", environ) if exec_command is not None else None
    client, zone = context.client(patient=True), context.zone()
    begin = parse_past_time(since, now=client.now(), zone=zone) if since else client.now()
    with comment_store(context, client) as memory:
        found = new_comments(
            client, memory, context.clock, begin=begin, days=days, interval=seconds, rounds=most
        )
        for group, comment in found:
            placed = next(one for one in group.threads if one.comment is comment)
            item = item_of(group, placed)
            CommentView(context.output, zone, client.now()).show_new(item)
            if words is None:
                continue
            _, problem = run_command(
                words, {**environ, "OUTREPLY_COMMENT": str(comment.get("id"))},
                json.dumps(item).encode(), seconds=_EXEC_SECONDS,
            )  # fmt: skip
            if problem is not None:
                context.warn(f"--exec for {comment.get('id')}: {problem}")
