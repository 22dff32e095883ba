"""`outreply posts schedule`."""

from typing import Annotated

from outreply_cli.cli.options import TimeZone, Yes, command, option
from outreply_cli.commands.composition import ComposeOptions
from outreply_cli.commands.posts.options import DryRunOption, PageOption, PostOptions
from outreply_cli.context import Context


@command(has_print_option=True)
def run(
    context: Context,
    page: PageOption,
    at: Annotated[
        str,
        option("TIME", "Schedule for this time, such as 'fri 17:30', or for the page's next-slot."),
    ],
    post: PostOptions,
    composing: ComposeOptions,
    tz: TimeZone = None,
    dry_run: DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Schedule a post on one or more pages.

    `--at next-slot` takes the next free slot of each page; see: outreply slots preview. It skips a
    slot that was freed because its post was cancelled or moved; to take that one, give its time.

    Example: outreply posts schedule --page facebook:acme --at 'tomorrow 09:00' -m 'Good morning'

    Example: outreply posts schedule --page instagram:acme --page facebook:acme --at +3d -F post.txt --media hero.jpg
    """  # noqa: E501 - a line that can be pasted
    from outreply_cli.commands.posts.schedule_targets import (
        schedule_at_next_slot,
        send_to_cached_page,
    )
    from outreply_cli.commands.posts.shared import PostSender, resolve_pages, resolve_zones
    from outreply_cli.posts.slots import NEXT_SLOT
    from outreply_cli.time_parser import parse_time

    content = post.read_content(context)
    client = context.client()
    sender = PostSender(context, client, content, post, composing, "Schedule?", yes, dry_run)
    # Only a request confirms a cached page, and a program gets more fields than the cache has.
    may_skip_pages = not (composing.compose_with or post.paths) and len(page) == 1
    if sender.is_sent and may_skip_pages and send_to_cached_page(sender, page[0], at, tz):
        return
    pages = resolve_pages(client, page)
    files = post.inspect_files(client)
    if at.strip().lower() == NEXT_SLOT:
        schedule_at_next_slot(sender, pages, files, tz)
        return
    zones = resolve_zones(context, client, pages, tz)
    times = [parse_time(at, now=client.now(), zone=zone) for zone in zones]
    # A table has one time zone: that of the times if they share one.
    zone = zones[0] if len(set(zones)) == 1 else context.zone()
    sender.send(list(zip(pages, times, strict=True)), files, zone)
