"""`outreply posts show`."""

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.commands.posts.output import post_columns
from outreply_cli.commands.posts.shared import PostId
from outreply_cli.context import Context


@command()
def run(context: Context, post_id: PostId, tz: DisplayZone = None) -> None:
    """Show one post, scheduled or published.

    Example: outreply posts show $(outreply posts list --published -q --limit 1)

    Example: outreply posts show $(outreply posts list -q --limit 1) --json
    """
    client = context.client()
    post = client.post(post_id)
    known = client.pages().items if context.options.output == "table" else []
    context.output.print_one(post, post_columns(context.zone(tz), known, post))
