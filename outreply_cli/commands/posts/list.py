"""`outreply posts list`."""

from datetime import datetime
from typing import Annotated

import typer

from outreply_cli.api.client import Resource, post_time
from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.commands.posts.output import post_columns
from outreply_cli.commands.posts.shared import Every, OnePage, Published, Scheduled, check_exclusive
from outreply_cli.context import Context
from outreply_cli.pages import find_page
from outreply_cli.times import parse_past_time


@command()
def run(
    context: Context,
    scheduled: Scheduled = False,
    published: Published = False,
    every: Every = False,
    page: OnePage = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Only after this, such as 7d or 2026-11-01.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most so many of each.")
    ] = None,
    tz: DisplayZone = None,
) -> None:
    """List posts: scheduled ones unless told otherwise.

    Example: outreply posts list --published --since 7d

    Example: outreply posts list --all --page instagram:acme --json
    """
    check_exclusive(scheduled, published, every)
    client, zone = context.client(), context.zone(tz)
    after = parse_past_time(since, now=client.now(), zone=zone) if since else None
    known = client.pages().items if page or context.options.output == "table" else []
    page_id = str(find_page(known, page)["id"]) if page else None
    items: list[Resource] = []
    cut_off = False
    if not published:
        # The API knows no `since` here: what is left out must not count as listed.
        listing = client.scheduled_posts(page_id=page_id, most=None if after else limit)
        pending = [post for post in listing.items if after is None or _is_after(post, after)]
        items += pending[:limit]
        cut_off = listing.truncated
    if published or every:
        listing = client.published_posts(page_id=page_id, since=after, most=limit)
        items += [{"status": "published", **post} for post in listing.items]
        cut_off = cut_off or listing.truncated
    columns = post_columns(zone, known, with_status=published or every)
    context.output.print_list(items, columns)
    if cut_off:
        context.warn("the API lists 100 posts at most; there may be more")


def _is_after(post: Resource, after: datetime) -> bool:
    moment = post_time(post)
    return moment is None or moment > after
