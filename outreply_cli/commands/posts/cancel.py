"""`outreply posts cancel`."""

from typing import Annotated, Any

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, raise_for_failures
from outreply_cli.posts.service import PostService
from outreply_cli.ui.columns import Column


@command()
def run(
    context: Context,
    post_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="IDs of the posts.")],
) -> None:
    """Cancel scheduled posts.

    Example: outreply posts cancel $(outreply posts list -q --limit 1)

    Example: outreply posts cancel $(outreply posts list -q --page instagram:acme)
    """
    service = PostService(context.client(), context.state_dir, context.info)
    service.recover_pending()
    failures: list[tuple[str, OutReplyError]] = []
    cancelled: list[dict[str, Any]] = []
    unique_ids = list(dict.fromkeys(post_ids))
    for post_id in unique_ids:
        try:
            service.cancel(post_id)
            cancelled.append({"id": post_id, "success": True})
        except OutReplyError as error:
            failures.append((post_id, error))
    if context.options.output == "table" and not context.options.quiet:
        for post in cancelled:
            context.output.print_line(f"Cancelled {post['id']}")
    elif cancelled or len(unique_ids) > 1:
        context.output.print_list(cancelled, [Column("ID", "id"), Column("Success", "success")])
    raise_for_failures(failures, len(unique_ids))
