"""`outreply posts reschedule`."""

from typing import Annotated

from outreply_cli.api.client import get_page_id
from outreply_cli.cli.options import TimeZone, command, option
from outreply_cli.commands.posts.options import PostIdArgument
from outreply_cli.commands.posts.output import post_columns, report_existing
from outreply_cli.commands.posts.shared import (
    note_calendars,
    parse_post_time,
    resolve_posts,
    resolve_zones,
)
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.pages import Page, resolve_page
from outreply_cli.posts.service import PostService
from outreply_cli.times import BRAND_ZONE


@command(has_print_option=True)
def run(
    context: Context,
    post_id: PostIdArgument,
    at: Annotated[str, option("TIME", "Move the post to this time.")],
    tz: TimeZone = None,
) -> None:
    """Move a scheduled post to another time.

    The API cannot move a post: a new one is created, then the old one is cancelled.

    Example: outreply posts reschedule $(outreply posts list -q --limit 1) --at +3d

    Example: outreply posts reschedule $(outreply posts list -q --limit 1) --at 'tomorrow 10:30' --tz brand
    """  # noqa: E501 - a line that can be pasted
    client = context.client()
    (post_id,) = resolve_posts(client, [post_id], published=False)
    pages = client.pages().items
    page: Page = {}
    if tz == BRAND_ZONE:
        page = resolve_page(pages, get_page_id(client.scheduled_post(post_id)))
    (zone,) = resolve_zones(context, client, [page], tz)
    new_time = parse_post_time(at, client.now(), zone)
    service = PostService(client, context.store, context.info, context.warn)
    if context.options.print_as:
        print_requests(context, client, service.build_move(post_id, new_time))
        return
    result = service.reschedule(post_id, new_time)
    note_calendars(context, service, [post_id], "moves {} back")
    context.output.print_one(result.post or {}, post_columns(zone, pages))
    report_existing(context, result)
