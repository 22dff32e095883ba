"""`outreply posts list`."""

from datetime import datetime
from typing import Annotated

from outreply_cli.api.client import post_time
from outreply_cli.cli.options import DisplayZone, command, option
from outreply_cli.commands.posts.options import (
    AllFilter,
    FailedFilter,
    PageFilter,
    PublishedFilter,
    ScheduledFilter,
    check_exclusive,
)
from outreply_cli.commands.posts.output import post_columns
from outreply_cli.commands.posts.shared import FAILED_WINDOW
from outreply_cli.context import Context
from outreply_cli.pages import resolve_page_id
from outreply_cli.ui.columns import Column, Item


@command()
def run(
    context: Context,
    scheduled: ScheduledFilter = False,
    published: PublishedFilter = False,
    failed: FailedFilter = False,
    all_posts: AllFilter = False,
    page: PageFilter = None,
    since: Annotated[
        str | None,
        option("TIME", "Show only posts due or published after TIME, such as 7d or 2026-11-01."),
    ] = None,
    limit: Annotated[
        int | None,
        option("COUNT", "Show at most COUNT scheduled and COUNT published posts.", min=1),
    ] = None,
    tz: DisplayZone = None,
) -> None:
    """List posts, by default the scheduled ones.

    The API does not list failed posts. --failed shows those from the last 30 days that are in the
    journal, or in post.failed events that serve-webhook received.

    Example: outreply posts list --published --since 7d

    Example: outreply posts list --failed

    Example: outreply posts list --all --page instagram:acme --json
    """
    check_exclusive(scheduled=scheduled, published=published, failed=failed, all=all_posts)
    client, zone = context.client(), context.zone(tz)
    pages = client.pages().items if page or context.options.output == "table" else []
    after = None
    if since is not None:
        from outreply_cli.time_parser import parse_past_time

        if not pages:
            # Any response has the server's time.
            client.me()
        after = parse_past_time(since, now=client.now(), zone=zone)
    page_id = resolve_page_id(pages, page)
    if failed:
        from outreply_cli.failed_posts import list_failed_posts

        all_pages = pages or client.pages().items
        start = after or client.now() - FAILED_WINDOW
        found = list_failed_posts(client, context.store, all_pages, since=start, page_id=page_id)
        columns = [*post_columns(zone, pages), Column("Error", "error", shrinkable=True)]
        context.output.print_list(found.items[:limit], columns)
        if found.truncated:
            context.warn("only the newest 50 posts that may have failed were checked; use --since")
        return
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
        narrower = "--since" if page_id else "--page or --since"
        context.warn(f"the API lists at most 100 posts; there may be more: use {narrower}")


def _is_after(post: Item, after: datetime) -> bool:
    time = post_time(post)
    return time is None or time > after
