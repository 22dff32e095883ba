"""`outreply posts schedule`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.posts.options import DryRunOption, PageOption, PostOptions
from outreply_cli.commands.posts.shared import resolve_pages, resolve_zones, send_posts
from outreply_cli.context import Context
from outreply_cli.time_parser import parse_time


@command()
def run(
    context: Context,
    page: PageOption,
    at: Annotated[
        str,
        typer.Option("--at", metavar="TIME", help="Schedule for this time, such as 'fri 17:30'."),
    ],
    post: PostOptions,
    tz: TimeZone = None,
    dry_run: DryRunOption = False,
) -> None:
    """Schedule a post on one or more pages.

    Example: outreply posts schedule --page facebook:acme --at 'tomorrow 09:00' -m 'Good morning'

    Example: outreply posts schedule --page instagram:acme --page facebook:acme --at +3d -F post.txt --media hero.jpg
    """  # noqa: E501 - a line that can be pasted
    content = post.read_content(context)
    client = context.client()
    pages = resolve_pages(client, page)
    files = post.inspect_files(client)
    zones = resolve_zones(context, client, pages, tz)
    times = [parse_time(at, now=client.now(), zone=zone) for zone in zones]
    # A table has one time zone: that of the times if they share one.
    zone = zones[0] if len(set(zones)) == 1 else context.zone()
    targets = list(zip(pages, times, strict=True))
    send_posts(context, client, targets, content, files, post, zone, dry_run=dry_run)
