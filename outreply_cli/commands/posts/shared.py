"""Code that the commands of `outreply posts` share."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, ListResult
from outreply_cli.api.types import Post
from outreply_cli.commands.posts.options import PostOptions, option_for
from outreply_cli.commands.posts.output import post_columns, report_posts
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.ids import expand_ids
from outreply_cli.journal.journal import Journal
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import Page, page_alias, resolve_page
from outreply_cli.posts.content import PostContent, validate_posts
from outreply_cli.posts.listing import list_posts
from outreply_cli.posts.rules import load_rules
from outreply_cli.posts.service import PostService
from outreply_cli.posts.slot_finder import SlotFinder
from outreply_cli.times import BRAND_ZONE
from outreply_cli.ui.columns import Item
from outreply_cli.ui.progress import upload_bars

# Time that failed posts are listed.
FAILED_WINDOW = timedelta(days=30)
TRUNCATED = "the API lists at most 100 posts of a page; there may be more"


def send_posts(
    context: Context,
    client: Client,
    targets: Sequence[tuple[dict[str, Any], datetime | None]],
    content: PostContent,
    files: Sequence[MediaFile],
    options: PostOptions,
    zone: ZoneInfo,
    *,
    dry_run: bool,
    fetch_slots: Callable[[Journal], SlotFinder] | None = None,
) -> None:
    """Validate, send and print the same post on pages; one without a time is published now.

    With `fetch_slots`, which returns the slots as they are now, it takes the next free one instead.
    Unless `--keep-media` is given, uploaded `files` are deleted if no post is created.
    """
    pages = [page for page, _ in targets]
    media_ids = expand_ids(content.media_ids, "media", client.media, id_field="media_id")
    content = content._replace(media_ids=tuple(media_ids))
    problems = validate_posts(
        [(page, content, at) for page, at in targets],
        client.now(),
        files=[file.to_media() for file in files],
        rules=load_rules(context.config_dir),
        is_strict=options.strict,
        has_secret=client.transport.holds_secret,
    )
    for problem in problems:
        if problem.is_warning:
            context.warn(f"{option_for(problem.field)}: {problem.message}")
    for file in files:
        if file.warning:
            context.warn(f"--media {file.path}: {file.warning}")
    errors = [
        f"{option_for(problem.field)}: {problem.message}"
        for problem in problems
        if not problem.is_warning
    ]
    if errors:
        raise InvalidInputError(
            "; ".join(dict.fromkeys(errors)),
            hint="Nothing was sent. Correct the post and try again.",
        )
    if dry_run:
        bodies = [content.body(str(page["id"]), at) for page, at in targets]
        print_dry_run(context, bodies, zone, pages)
        return
    service = PostService(client, context.store, context.info)
    if context.options.print_as:
        content = service.find_uploads(content, files)
        requests = [
            service.build_request(page, content, scheduled_at=at, dedupe_key=options.key)
            for page, at in targets
        ]
        print_requests(context, client, requests)
        return
    service.recover_pending()
    with upload_bars(context.notes, [file.size for file in files]) as bars:
        content, new_media = service.upload(content, files, keep=options.keep_media, progress=bars)
    results = [
        service.post_at_next_slot(page, content, fetch_slots, dedupe_key=options.key)
        if at is None and fetch_slots is not None
        else service.post(page, content, scheduled_at=at, dedupe_key=options.key)
        for page, at in targets
    ]
    # A post whose outcome is unknown may exist and use the media.
    if not options.keep_media and all(
        result.error and not result.error.maybe_applied for result in results
    ):
        service.delete_uploads(new_media)
    report_posts(context, results, zone, pages)


def resolve_posts(
    client: Client, words: Sequence[str], *, scheduled: bool = True, published: bool = True
) -> list[str]:
    """Expand prefixes of the IDs of posts, each once; raises AmbiguousIdError."""
    listing = partial(list_posts, client, scheduled=scheduled, published=published)
    return expand_ids(words, "post", listing)


def resolve_failed_posts(context: Context, client: Client, words: Sequence[str]) -> list[str]:
    """Expand prefixes of the IDs of failed posts; raises AmbiguousIdError."""
    from outreply_cli.failed_posts import list_failed_posts

    def list_failed() -> ListResult[Post]:
        since = client.now() - FAILED_WINDOW
        pages = client.pages().items
        # Include retried posts, so that their prefix does not resolve to another post.
        return list_failed_posts(client, context.store, pages, since=since, include_retried=True)

    return expand_ids(words, "failed post", list_failed)


def resolve_pages(client: Client, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the pages called `names`, each once; raises InvalidInputError for expired ones."""
    all_pages = client.pages().items
    pages = {
        str(page["id"]): dict(page) for page in (resolve_page(all_pages, name) for name in names)
    }
    check_connected(pages.values())
    return list(pages.values())


def resolve_zones(
    context: Context, client: Client, pages: Iterable[Page], tz: str | None
) -> list[ZoneInfo]:
    """Return the time zone of each page's local times: its brand's for `brand`, else `tz`."""
    if tz != BRAND_ZONE:
        return [context.zone(tz) for _ in pages]
    return [context.zone(client.brand_zone(str(page["brand_id"]))) for page in pages]


def print_dry_run(
    context: Context, bodies: Sequence[Item], zone: ZoneInfo, pages: Sequence[Page]
) -> None:
    """Print the posts that would be sent."""
    context.output.print_list(bodies, post_columns(zone, pages), id_field=None)
    context.info("Dry run: nothing was sent.")


def check_connected(pages: Iterable[Page]) -> None:
    """Raise InvalidInputError if a page's connection has expired."""
    expired = dict.fromkeys(page_alias(page) for page in pages if page.get("expired"))
    if expired:
        raise InvalidInputError(
            f"the connection of {', '.join(expired)} has expired",
            hint="Reconnect the page in the dashboard first.",
        )
