"""`outreply posts list`."""

from datetime import datetime
from typing import Annotated

import typer

from outreply_cli.api.client import post_time
from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.commands.posts.options import (
    AllFilter,
    PageFilter,
    PublishedFilter,
    ScheduledFilter,
    check_exclusive,
)
from outreply_cli.commands.posts.output import post_columns
from outreply_cli.context import Context
from outreply_cli.pages import find_page_id
from outreply_cli.time_parser import parse_past_time
from outreply_cli.ui.columns import Item


@command()
def run(
    context: Context,
    scheduled: ScheduledFilter = False,
    published: PublishedFilter = False,
    all_posts: AllFilter = False,
    page: PageFilter = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Show only posts newer than TIME, such as 7d or 2026-11-01."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT", min=1, help="Show at most COUNT scheduled and COUNT published posts."
        ),
    ] = None,
    tz: DisplayZone = None,
) -> None:
    """List posts, by default the scheduled ones.

    Example: outreply posts list --published --since 7d

    Example: outreply posts list --all --page instagram:acme --json
    """
    check_exclusive(scheduled=scheduled, published=published, all_posts=all_posts)
    client, zone = context.client(), context.zone(tz)
    after = parse_past_time(since, now=client.now(), zone=zone) if since else None
    pages = client.pages().items if page or context.options.output == "table" else []
    page_id = find_page_id(pages, page)
    posts: list[Item] = []
    truncated = False
    if not published:
        # The API has no `since` for scheduled posts: filter before the limit applies.
        listing = client.scheduled_posts(page_id=page_id, limit=None if after else limit)
        posts += [post for post in listing.items if after is None or _is_after(post, after)][:limit]
        truncated = listing.truncated
    if published or all_posts:
        listing = client.published_posts(page_id=page_id, since=after, limit=limit)
        posts += [{"status": "published", **post} for post in listing.items]
        truncated = truncated or listing.truncated
    columns = post_columns(zone, pages, with_status=published or all_posts)
    context.output.print_list(posts, columns)
    if truncated:
        context.warn("the API lists at most 100 posts; there may be more")


def _is_after(post: Item, after: datetime) -> bool:
    time = post_time(post)
    return time is None or time > after
