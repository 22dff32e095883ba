"""`outreply posts show`."""

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.commands.posts.options import PostIdArgument
from outreply_cli.commands.posts.output import post_columns
from outreply_cli.context import Context


@command()
def run(context: Context, post_id: PostIdArgument, tz: DisplayZone = None) -> None:
    """Show one scheduled or published post.

    Example: outreply posts show $(outreply posts list --published -q --limit 1)

    Example: outreply posts show $(outreply posts list -q --limit 1) --json
    """
    client = context.client()
    post = client.post(post_id)
    pages = client.pages().items if context.options.output == "table" else []
    context.output.print_one(post, post_columns(context.zone(tz), pages, post))
