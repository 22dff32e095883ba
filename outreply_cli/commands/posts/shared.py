"""Options and helpers that the commands of `outreply posts` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from outreply_cli.api.client import Client, Resource
from outreply_cli.commands.posts.options import option_of
from outreply_cli.commands.posts.output import post_columns, report_posted
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import find_page, page_alias
from outreply_cli.posts.checks import check_posts
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.service import PostService
from outreply_cli.ui.progress import upload_bars

PostId = Annotated[str, typer.Argument(metavar="ID", help="The post's id.")]


@dataclass(frozen=True)
class Batch:
    """What one command posts: the same on each page.

    Attributes:
        files: Still to be uploaded.
        key: Names the occasion.
        keep_media: Whether what was uploaded stays when nothing could be posted.
    """

    pages: Sequence[Resource]
    content: PostContent
    files: Sequence[MediaFile]
    key: str | None
    keep_media: bool


def post(
    context: Context,
    client: Client,
    batch: Batch,
    moments: Sequence[datetime | None],
    *,
    shown_in: ZoneInfo,
    dry_run: bool,
) -> None:
    planned = [
        (page, batch.content, moment) for page, moment in zip(batch.pages, moments, strict=True)
    ]
    problems = check_posts(planned, client.now(), has_files=bool(batch.files))
    for problem in problems:
        if problem.is_warning:
            context.warn(f"{option_of(problem.field)}: {problem.what}")
    wrong = [f"{option_of(p.field)}: {p.what}" for p in problems if not p.is_warning]
    if wrong:
        raise InvalidInputError("; ".join(dict.fromkeys(wrong)), hint="Nothing was sent.")
    if dry_run:
        bodies = [batch.content.body(str(page["id"]), moment) for page, _, moment in planned]
        context.output.print_list(bodies, post_columns(shown_in, batch.pages), id_field=None)
        context.info("Nothing was sent: --dry-run.")
        return
    posts = PostService(client, context.state_dir, context.info)
    with upload_bars(context.notes, [file.size for file in batch.files]) as bars:
        content, new_media = posts.upload(
            batch.content, batch.files, keep=batch.keep_media, progress=bars
        )
    done = [
        posted
        for page, _, moment in planned
        for posted in posts.post([page], content, scheduled_at=moment, occasion=batch.key)
    ]
    # A post whose outcome nobody knows may be there, and need them.
    if not batch.keep_media and all(p.error and not p.error.maybe_applied for p in done):
        posts.delete_uploads(new_media)
    report_posted(context, done, shown_in, batch.pages)


def find_pages(client: Client, wanted: Sequence[str]) -> list[Resource]:
    known = client.pages().items
    found = {str(page["id"]): page for page in (find_page(known, name) for name in wanted)}
    expired = [page_alias(page) for page in found.values() if page.get("expired")]
    if expired:
        raise InvalidInputError(
            f"the connection of {', '.join(expired)} has expired",
            hint="Reconnect the page in the dashboard first.",
        )
    return [dict(page) for page in found.values()]


CUT_OFF = "the API lists 100 posts of a page at most; there may be more"
OnePage = Annotated[str | None, typer.Option("--page", metavar="P", help="Only of one page.")]
Scheduled = Annotated[bool, typer.Option("--scheduled", help="What is pending (default).")]
Published = Annotated[bool, typer.Option("--published", help="What is out.")]
Every = Annotated[bool, typer.Option("--all", help="Both.")]


def check_exclusive(*chosen: bool) -> None:
    """Raise InvalidInputError where more than one of Scheduled, Published and Every is chosen."""
    if sum(chosen) > 1:
        raise InvalidInputError("choose one of --scheduled, --published and --all")
