"""`outreply posts reschedule`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.posts.output import report_posted
from outreply_cli.commands.posts.shared import PostId
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.pages import find_page
from outreply_cli.posts.checks import check_posts
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.service import PostService
from outreply_cli.times import parse_time


@command()
def run(
    context: Context,
    post_id: PostId,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The new time.")],
    tz: TimeZone = None,
) -> None:
    """Move a scheduled post: a new one is made first, then the old one is cancelled.

    Example: outreply posts reschedule $(outreply posts list -q --limit 1) --at +3d

    Example: outreply posts reschedule $(outreply posts list -q --limit 1) --at 'tomorrow 10:30' --tz brand
    """  # noqa: E501 - a line that can be pasted
    client = context.client()
    post = client.scheduled_post(post_id)
    known = client.pages().items
    if tz == "brand":
        tz = client.brand_zone(str(find_page(known, str(post.get("page_id")))["brand_id"]))
    zone = context.zone(tz)
    moment = parse_time(at, now=client.now(), zone=zone)
    problems = check_posts([({}, PostContent(message="-"), moment)], client.now())
    if problems:
        raise InvalidInputError(f"--at: {problems[0].what}")
    moved = PostService(client, context.state_dir, context.info).reschedule(post_id, moment)
    report_posted(context, [moved], zone, known)
