"""`outreply posts retry`."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from outreply_cli.api.client import ListResult, get_page_id, post_time
from outreply_cli.api.types import Post
from outreply_cli.cli.options import TimeZone, Yes, command, option
from outreply_cli.commands.posts.options import DryRunOption, PostIdsArgument
from outreply_cli.commands.posts.output import post_columns, report_posts
from outreply_cli.commands.posts.shared import (
    FAILED_WINDOW,
    check_connected,
    parse_post_time,
    print_unsent,
    resolve_zones,
)
from outreply_cli.context import Context
from outreply_cli.errors import InterruptedRunError, InvalidInputError
from outreply_cli.failed_posts import RETRY_KEY_PREFIX, list_failed_posts
from outreply_cli.ids import expand_ids
from outreply_cli.pages import Page, page_alias, resolve_page
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.service import PostResult, PostService

# The page, content, time and key of a post.
_Draft = tuple[Page, PostContent, datetime | None, str]


@command(has_print_option=True)
def run(
    context: Context,
    post_ids: PostIdsArgument,
    at: Annotated[
        str | None, option("TIME", "Schedule for this time (default: publish now).")
    ] = None,
    tz: TimeZone = None,
    dry_run: DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Publish failed posts again, as new posts.

    A post is sent again only once, however often the command runs.

    Example: outreply posts retry $(outreply posts list --failed -q) --yes

    Example: outreply posts retry $(outreply posts list --failed -q --limit 1) --at 'tomorrow 09:00' --yes
    """  # noqa: E501 - a line that can be pasted
    client = context.client()

    def list_failed() -> ListResult[Post]:
        since, known_pages = client.now() - FAILED_WINDOW, client.pages().items
        # Include retried posts, so that their prefix does not resolve to another post.
        return list_failed_posts(
            client, context.store, known_pages, since=since, include_retried=True
        )

    ids = expand_ids(post_ids, "failed post", list_failed)
    posts = [client.scheduled_post(post_id) for post_id in ids]
    for post in posts:
        if post.get("status") != "failed":
            raise InvalidInputError(
                f"post {post['id']} has not failed: its status is {post.get('status')}",
                hint="To post it a second time, use: outreply posts publish",
            )
    pages = client.pages().items
    targets = [resolve_page(pages, get_page_id(post)) for post in posts]
    check_connected(targets)
    zones = resolve_zones(context, client, targets, tz)
    # Before the requests for media, so that all posts get the same time.
    now = client.now()
    times = [parse_post_time(at, now, zone) if at is not None else None for zone in zones]
    service = PostService(client, context.store, context.info, context.warn)
    drafts: list[_Draft] = []
    failed_at: list[datetime | None] = []
    refused: list[PostResult] = []
    for post, page, time in zip(posts, targets, times, strict=True):
        try:
            content = service.read_failed(post)
        except InvalidInputError as error:
            if len(posts) == 1:
                raise
            refused.append(PostResult(page, error=error))
        else:
            drafts.append((page, content, time, f"{RETRY_KEY_PREFIX}{post['id']}"))
            failed_at.append(post_time(post))
    columns = post_columns(zones[0], pages)
    if dry_run or context.options.print_as:
        print_unsent(context, client, service, drafts, columns)
        return
    if not yes:
        context.notes.print_list(posts, columns)
        aliases = ", ".join(dict.fromkeys(page_alias(page) for page in targets))
        action = "Publish" if at is None else "Schedule"
        context.confirm(f"{action} again on {aliases}?", yes=False)
    service.recover_pending()
    results, interrupted = _send_each(service, zip(drafts, failed_at, strict=True))
    report_posts(context, [*results, *refused], zones[0], pages, interrupted)


def _send_each(
    service: PostService, drafts: Iterable[tuple[_Draft, datetime | None]]
) -> tuple[list[PostResult], InterruptedRunError | None]:
    """Send posts, each with the time at which it failed, until Ctrl-C."""
    results: list[PostResult] = []
    for (page, content, time, key), failed in drafts:
        try:
            result = service.post(
                page, content, scheduled_at=time, dedupe_key=key, failed_at=failed
            )
        except KeyboardInterrupt:
            return results, InterruptedRunError(
                f"interrupted; post {key.removeprefix(RETRY_KEY_PREFIX)} may have been sent "
                "again, and those after it were not",
                hint="Run the same command again: no post is sent twice.",
            )
        if result.error is not None and result.error.code == "PLATFORM_REJECTED":
            hint = "A failed post cannot be changed. Create a new one with: outreply posts publish"
            result = replace(result, error=result.error.replace(hint=hint))
        results.append(result)
    return results, None
