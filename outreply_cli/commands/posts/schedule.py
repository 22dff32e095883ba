"""`outreply posts schedule`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.posts import options
from outreply_cli.commands.posts.shared import resolve_pages, send_posts
from outreply_cli.context import Context
from outreply_cli.times import parse_time


@command()
def run(
    context: Context,
    page: options.PageOption,
    at: Annotated[
        str,
        typer.Option("--at", metavar="TIME", help="Schedule for this time, such as 'fri 17:30'."),
    ],
    message: options.MessageOption = None,
    file: options.FileOption = None,
    edit: options.EditOption = False,
    media: options.MediaOption = None,
    first_comment: options.FirstCommentOption = None,
    tiktok: options.TiktokOption = None,
    link: options.LinkOption = None,
    key: options.KeyOption = None,
    keep_media: options.KeepMediaOption = False,
    tz: TimeZone = None,
    dry_run: options.DryRunOption = False,
) -> None:
    """Schedule a post on one or more pages.

    Example: outreply posts schedule --page instagram:acme --at 'tomorrow 09:00' -m 'Good morning'

    Example: outreply posts schedule --page instagram:acme --page facebook:acme --at +3d -F post.txt
    """
    text = options.read_message(context, message, file, edit=edit)
    content = options.parse_content(
        context, text, media=media or [], first_comment=first_comment, tiktok=tiktok, link=link
    )
    client = context.client()
    pages = resolve_pages(client, page)
    files = options.read_files(client, media or [])
    if tz == "brand":
        zones = [context.zone(client.brand_zone(str(target["brand_id"]))) for target in pages]
    else:
        zones = [context.zone(tz)] * len(pages)
    times = [parse_time(at, now=client.now(), zone=zone) for zone in zones]
    # A table has one time zone: that of the times if they share one.
    zone = zones[0] if len(set(zones)) == 1 else context.zone()
    send_posts(
        context, client, list(zip(pages, times, strict=True)), content, files,
        key=key, keep_media=keep_media, zone=zone, dry_run=dry_run,
    )  # fmt: skip
