"""`outreply posts show`."""

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.commands.posts.options import PostIdArgument
from outreply_cli.commands.posts.output import print_post
from outreply_cli.commands.posts.shared import resolve_posts
from outreply_cli.context import Context
from outreply_cli.posts.service import PostService


@command()
def run(context: Context, post_id: PostIdArgument, tz: DisplayZone = None) -> None:
    """Show one scheduled or published post.

    Example: outreply posts show $(outreply posts list --published -q --limit 1)

    Example: outreply posts show $(outreply posts list -q --limit 1) --json
    """
    client, zone = context.client(), context.zone(tz)
    (post_id,) = resolve_posts(client, [post_id])
    with PostService(client, context.store, context.info).name_successor_if_missing(post_id):
        post = client.get_post(post_id)
    print_post(context, client, post, zone)
