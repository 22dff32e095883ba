"""`outreply posts cancel`."""

from outreply_cli.api.errors import LimitExceededError
from outreply_cli.api.request_builders import cancel_post
from outreply_cli.cli.options import command
from outreply_cli.commands.batch import act_on_each
from outreply_cli.commands.posts.options import PostIdsArgument
from outreply_cli.commands.posts.output import post_describer
from outreply_cli.commands.posts.shared import note_calendars, resolve_posts
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.posts.service import PostService


@command(has_print_option=True)
def run(
    context: Context,
    post_ids: PostIdsArgument,
) -> None:
    """Cancel scheduled posts.

    Example: outreply posts cancel $(outreply posts list -q --limit 1)

    Example: outreply posts cancel $(outreply posts list -q --page instagram:acme)
    """
    client = context.client()
    service = PostService(client, context.store, context.info, context.warn)
    if not context.options.print_as:
        try:
            service.recover_pending(post_ids)
        except LimitExceededError as error:
            # The recovery uses reads of the quota; a cancellation does not, and goes ahead.
            context.warn(error.message)
    ids = resolve_posts(client, post_ids, published=False)
    if context.options.print_as:
        print_requests(context, client, [cancel_post(post_id) for post_id in ids])
        return
    note_calendars(context, service, ids, "schedules {} again")
    act_on_each(
        context, ids, service.cancel, done="Cancelled", describe=post_describer(context, client)
    )
