"""`outreply posts schedule`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.posts.options import (
    DryRunOption,
    EditOption,
    FileOption,
    FirstCommentOption,
    KeepMediaOption,
    KeyOption,
    LinkOption,
    MediaOption,
    MessageOption,
    PageOption,
    TiktokOption,
    read_content,
    read_files,
    read_message,
)
from outreply_cli.commands.posts.shared import Batch, find_pages, post
from outreply_cli.context import Context
from outreply_cli.times import parse_time


@command()
def run(
    context: Context,
    page: PageOption,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When, such as 'fri 17:30'.")],
    message: MessageOption = None,
    file: FileOption = None,
    edit: EditOption = False,
    media: MediaOption = None,
    first_comment: FirstCommentOption = None,
    tiktok: TiktokOption = None,
    link: LinkOption = None,
    key: KeyOption = None,
    keep_media: KeepMediaOption = False,
    tz: TimeZone = None,
    dry_run: DryRunOption = False,
) -> None:
    """Schedule a post, one on each page.

    Example: outreply posts schedule --page instagram:acme --at 'tomorrow 09:00' -m 'Good morning'

    Example: outreply posts schedule --page instagram:acme --page facebook:acme --at +3d -F post.txt
    """
    text = read_message(context, message, file, edit=edit)
    content = read_content(
        context, text, media=media or [], first_comment=first_comment, tiktok=tiktok, link=link
    )
    client = context.client()
    pages = find_pages(client, page)

    batch = Batch(pages, content, read_files(client, media or []), key, keep_media=keep_media)
    if tz == "brand":
        zones = [context.zone(client.brand_zone(str(one["brand_id"]))) for one in pages]
    else:
        zones = [context.zone(tz)] * len(pages)
    moments = [parse_time(at, now=client.now(), zone=zone) for zone in zones]
    # A table has one zone: that in which the time was read, where it was one.
    shown_in = zones[0] if len(set(zones)) == 1 else context.zone()
    post(context, client, batch, moments, shown_in=shown_in, dry_run=dry_run)
