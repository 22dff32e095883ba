"""`outreply comments watch`."""

import json
from typing import Annotated

from outreply_cli.cli.options import PollCount, command, option, parse_interval
from outreply_cli.commands.comments.output import CommentView, comment_item
from outreply_cli.commands.comments.shared import DaysOption, SinceOption, comment_store
from outreply_cli.context import Context
from outreply_cli.time_parser import parse_past_time

_EXEC_SECONDS = 60.0


@command(streams=True)
def run(
    context: Context,
    days: DaysOption = 7,
    interval: Annotated[str, option("DURATION", "Polling interval.")] = "1m",
    count: PollCount = None,
    since: SinceOption = None,
    exec_command: Annotated[
        str | None,
        option(
            "CMD",
            "Run a command for each comment, without a shell: comment as JSON on stdin, comment ID "
            "in OUTREPLY_COMMENT.",
            "--exec",
        ),
    ] = None,
) -> None:
    """Show comments as they arrive.

    Each poll uses one read of the monthly quota per post. If the API does not respond, polls until
    it does.

    Example: outreply comments watch --since 1d --count 1

    Example: outreply comments watch --since 1d --count 2 --interval 1s -o jsonl
    """
    from outreply_cli.comments.inbox import watch_comments
    from outreply_cli.subprocesses import CommandRunner, resolve_command, strip_secrets

    seconds = parse_interval(interval)
    environ = strip_secrets(context.environ)
    words = resolve_command(exec_command, "--exec", environ) if exec_command is not None else None
    runner = CommandRunner()
    client, zone = context.client(max_wait=None, gives_up=False), context.zone()
    start = parse_past_time(since, now=client.now(), zone=zone) if since else client.now()
    with comment_store(context, client) as store:
        for group, threaded in watch_comments(
            client, store, context.clock, since=start, days=days, interval=seconds, count=count,
            warn=context.warn,
        ):  # fmt: skip
            item = comment_item(group, threaded)
            CommentView(context.output, zone, client.now()).show_new(item)
            if words is None:
                continue
            problem = runner.run(
                words, {**environ, "OUTREPLY_COMMENT": threaded.id},
                json.dumps(item).encode(), timeout=_EXEC_SECONDS,
            ).error  # fmt: skip
            if problem is not None:
                context.warn(f"--exec for {threaded.id}: {problem}")
