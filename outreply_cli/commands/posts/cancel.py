"""`outreply posts cancel`."""

from typing import Annotated, Any

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, raise_for_failures
from outreply_cli.posts.service import PostService


@command()
def run(
    context: Context,
    post_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The posts' ids.")],
) -> None:
    """Cancel scheduled posts.

    Example: outreply posts cancel $(outreply posts list -q --limit 1)

    Example: outreply posts cancel $(outreply posts list -q --page instagram:acme)
    """
    posts = PostService(context.client(), context.state_dir, context.info)
    posts.recover_pending()
    failures: list[tuple[str, OutReplyError]] = []
    cancelled: list[dict[str, Any]] = []
    wanted = list(dict.fromkeys(post_ids))
    for post_id in wanted:
        try:
            posts.cancel(post_id)
            cancelled.append({"id": post_id, "success": True})
        except OutReplyError as error:
            failures.append((post_id, error))
    if context.options.output == "table":
        for item in cancelled:
            context.output.print_line(f"Cancelled {item['id']}")
    elif cancelled:
        context.output.write_json(cancelled if len(wanted) > 1 else cancelled[0])
    raise_for_failures(failures, len(wanted))
