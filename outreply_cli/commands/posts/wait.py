"""`outreply posts wait`."""

from typing import Annotated

from outreply_cli.cli.options import DisplayZone, command, option
from outreply_cli.commands.posts.options import PostIdArgument
from outreply_cli.commands.posts.output import print_post
from outreply_cli.commands.posts.shared import resolve_posts
from outreply_cli.context import Context
from outreply_cli.posts.service import PostService
from outreply_cli.posts.wait import wait_until_published
from outreply_cli.times import parse_duration


@command()
def run(
    context: Context,
    post_id: PostIdArgument,
    timeout: Annotated[str, option("DURATION", "Stop waiting after this long.")] = "15m",
    tz: DisplayZone = None,
) -> None:
    """Wait until a scheduled post is published.

    Exits with 1 if the post fails, and with 124 if it is not published in time.

    Example: outreply posts wait $(outreply posts list --published -q --limit 1)

    Example: outreply posts wait $(outreply posts list -q --limit 1) --timeout 1h
    """
    client, zone = context.client(), context.zone(tz)
    seconds = parse_duration(timeout).total_seconds()
    (post_id,) = resolve_posts(client, [post_id])
    with PostService(client, context.store, context.info).name_successor_if_missing(post_id):
        post = wait_until_published(client, context.clock, post_id, timeout=seconds)
    print_post(context, client, post, zone)
