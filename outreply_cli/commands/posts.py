"""`outreply posts`: schedule, publish, list, cancel and move posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from outreply_cli.api.client import Client, Resource, when
from outreply_cli.cli.options import ShownZone, TimeZone, Yes, command
from outreply_cli.commands import post_calendar
from outreply_cli.commands.messages import (
    DryRunOption,
    EditOption,
    FileOption,
    FirstCommentOption,
    KeepMediaOption,
    KeyOption,
    LinkOption,
    MediaOption,
    MessageOption,
    PageOption,
    TiktokOption,
    option_of,
    read_content,
    read_files,
    read_message,
)
from outreply_cli.commands.partial_failures import raise_failures
from outreply_cli.commands.post_group import (
    Every,
    OnePage,
    Published,
    Scheduled,
    app,
    refuse_several,
)
from outreply_cli.commands.post_reports import post_columns, report_posted
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import find_page, page_alias
from outreply_cli.posts.checks import check_posts
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.service import AccountPosts
from outreply_cli.posts.wait import wait_until_published
from outreply_cli.times import read_duration, read_past_time, read_time
from outreply_cli.ui.progress import upload_bars

# Their commands register themselves.
__all__ = ["app", "post_calendar"]

PostId = Annotated[str, typer.Argument(metavar="ID", help="The post's id.")]


@command(app, "schedule")
def posts_schedule(
    session: Session,
    page: PageOption,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When, such as 'fri 17:30'.")],
    message: MessageOption = None,
    file: FileOption = None,
    edit: EditOption = False,
    media: MediaOption = None,
    first_comment: FirstCommentOption = None,
    tiktok: TiktokOption = None,
    link: LinkOption = None,
    key: KeyOption = None,
    keep_media: KeepMediaOption = False,
    tz: TimeZone = None,
    dry_run: DryRunOption = False,
) -> None:
    """Schedule a post, one on each page.

    Example: outreply posts schedule --page instagram:acme --at 'tomorrow 09:00' -m 'Good morning'

    Example: outreply posts schedule --page instagram:acme --page facebook:acme --at +3d -F post.txt
    """
    text = read_message(session, message, file, edit=edit)
    content = read_content(
        session, text, media=media or [], first_comment=first_comment, tiktok=tiktok, link=link
    )
    client = session.client()
    pages = _find_pages(client, page)

    batch = _Batch(pages, content, read_files(client, media or []), key, keep_media=keep_media)
    if tz == "brand":
        zones = [session.zone(client.brand_zone(str(one["brand_id"]))) for one in pages]
    else:
        zones = [session.zone(tz)] * len(pages)
    moments = [read_time(at, now=client.now(), zone=zone) for zone in zones]
    # A table has one zone: that in which the time was read, where it was one.
    shown_in = zones[0] if len(set(zones)) == 1 else session.zone()
    _post(session, client, batch, moments, shown_in=shown_in, dry_run=dry_run)


@command(app, "publish")
def posts_publish(
    session: Session,
    page: PageOption,
    message: MessageOption = None,
    file: FileOption = None,
    edit: EditOption = False,
    media: MediaOption = None,
    first_comment: FirstCommentOption = None,
    tiktok: TiktokOption = None,
    link: LinkOption = None,
    key: KeyOption = None,
    keep_media: KeepMediaOption = False,
    dry_run: DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Publish a post at once, one on each page.

    Example: outreply posts publish --page x:bluebird -m 'We are open' --yes

    Example: outreply posts publish --page linkedin:acme-co -F post.txt --key v1.2 --yes
    """
    text = read_message(session, message, file, edit=edit)
    content = read_content(
        session, text, media=media or [], first_comment=first_comment, tiktok=tiktok, link=link
    )
    client = session.client()
    pages = _find_pages(client, page)
    if not dry_run:
        names = ", ".join(page_alias(one) for one in pages)
        session.confirm(f"Publish on {names} now?", yes=yes)
    batch = _Batch(pages, content, read_files(client, media or []), key, keep_media=keep_media)
    moments = [None] * len(pages)
    _post(session, client, batch, moments, shown_in=session.zone(), dry_run=dry_run)


@command(app, "list")
def posts_list(
    session: Session,
    scheduled: Scheduled = False,
    published: Published = False,
    every: Every = False,
    page: OnePage = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Only after this, such as 7d or 2026-11-01.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="At most so many of each.")
    ] = None,
    tz: ShownZone = None,
) -> None:
    """List posts: scheduled ones unless told otherwise.

    Example: outreply posts list --published --since 7d

    Example: outreply posts list --all --page instagram:acme --json
    """
    refuse_several(scheduled, published, every)
    client, zone = session.client(), session.zone(tz)
    after = read_past_time(since, now=client.now(), zone=zone) if since else None
    known = client.pages().items if page or session.choices.output == "table" else []
    page_id = str(find_page(known, page)["id"]) if page else None
    items: list[Resource] = []
    cut_off = False
    if not published:
        # The API knows no `since` here: what is left out must not count as listed.
        listing = client.scheduled_posts(page_id=page_id, most=None if after else limit)
        pending = [post for post in listing.items if after is None or _is_after(post, after)]
        items += pending[:limit]
        cut_off = listing.cut_off
    if published or every:
        listing = client.published_posts(page_id=page_id, since=after, most=limit)
        items += [{"status": "published", **post} for post in listing.items]
        cut_off = cut_off or listing.cut_off
    columns = post_columns(zone, known, with_status=published or every)
    session.output.show_list(items, columns)
    if cut_off:
        session.warn("the API lists 100 posts at most; there may be more")


@command(app, "show")
def posts_show(session: Session, post_id: PostId, tz: ShownZone = None) -> None:
    """Show one post, scheduled or published.

    Example: outreply posts show $(outreply posts list --published -q --limit 1)

    Example: outreply posts show $(outreply posts list -q --limit 1) --json
    """
    client = session.client()
    post = client.post(post_id)
    known = client.pages().items if session.choices.output == "table" else []
    session.output.show_one(post, post_columns(session.zone(tz), known, post))


@command(app, "cancel")
def posts_cancel(
    session: Session,
    post_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The posts' ids.")],
) -> None:
    """Cancel scheduled posts.

    Example: outreply posts cancel $(outreply posts list -q --limit 1)

    Example: outreply posts cancel $(outreply posts list -q --page instagram:acme)
    """
    posts = AccountPosts(session.client(), session.state_dir, session.note)
    posts.finish_leftovers()
    failures: list[tuple[str, OutReplyError]] = []
    cancelled: list[dict[str, Any]] = []
    wanted = list(dict.fromkeys(post_ids))
    for post_id in wanted:
        try:
            posts.cancel(post_id)
            cancelled.append({"id": post_id, "success": True})
        except OutReplyError as error:
            failures.append((post_id, error))
    if session.choices.output == "table":
        for item in cancelled:
            session.output.say(f"Cancelled {item['id']}")
    elif cancelled:
        session.output.show_value(cancelled if len(wanted) > 1 else cancelled[0])
    raise_failures(failures, len(wanted))


@command(app, "reschedule")
def posts_reschedule(
    session: Session,
    post_id: PostId,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The new time.")],
    tz: TimeZone = None,
) -> None:
    """Move a scheduled post: a new one is made first, then the old one is cancelled.

    Example: outreply posts reschedule $(outreply posts list -q --limit 1) --at +3d

    Example: outreply posts reschedule $(outreply posts list -q --limit 1) --at 'tomorrow 10:30' --tz brand
    """  # noqa: E501 - a line that can be pasted
    client = session.client()
    post = client.scheduled_post(post_id)
    known = client.pages().items
    if tz == "brand":
        tz = client.brand_zone(str(find_page(known, str(post.get("page_id")))["brand_id"]))
    zone = session.zone(tz)
    moment = read_time(at, now=client.now(), zone=zone)
    problems = check_posts([({}, PostContent(message="-"), moment)], client.now())
    if problems:
        raise InvalidInputError(f"--at: {problems[0].what}")
    moved = AccountPosts(client, session.state_dir, session.note).reschedule(post_id, moment)
    report_posted(session, [moved], zone, known)


@command(app, "wait")
def posts_wait(
    session: Session,
    post_id: PostId,
    timeout: Annotated[str, typer.Option(metavar="T", help="How long at most.")] = "15m",
    tz: ShownZone = None,
) -> None:
    """Wait until a scheduled post is out: exits 0 once published, 1 once failed.

    Example: outreply posts wait $(outreply posts list --published -q --limit 1)

    Example: outreply posts wait $(outreply posts list -q --limit 1) --timeout 1h
    """
    client = session.client()
    seconds = read_duration(timeout).total_seconds()
    post = wait_until_published(client, session.clock, post_id, seconds=seconds)
    known = client.pages().items if session.choices.output == "table" else []
    session.output.show_one(post, post_columns(session.zone(tz), known, post))


@dataclass(frozen=True)
class _Batch:
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


def _post(
    session: Session,
    client: Client,
    batch: _Batch,
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
            session.warn(f"{option_of(problem.field)}: {problem.what}")
    wrong = [f"{option_of(p.field)}: {p.what}" for p in problems if not p.is_warning]
    if wrong:
        raise InvalidInputError("; ".join(dict.fromkeys(wrong)), hint="Nothing was sent.")
    if dry_run:
        bodies = [batch.content.body(str(page["id"]), moment) for page, _, moment in planned]
        session.output.show_list(bodies, post_columns(shown_in, batch.pages), id_field=None)
        session.note("Nothing was sent: --dry-run.")
        return
    posts = AccountPosts(client, session.state_dir, session.note)
    with upload_bars(session.notes, [file.size for file in batch.files]) as watch:
        content, new_media = posts.upload(
            batch.content, batch.files, keep=batch.keep_media, watch=watch
        )
    done = [
        posted
        for page, _, moment in planned
        for posted in posts.post([page], content, scheduled_at=moment, occasion=batch.key)
    ]
    # A post whose outcome nobody knows may be there, and need them.
    if not batch.keep_media and all(p.error and not p.error.outcome_unknown for p in done):
        posts.delete_uploads(new_media)
    report_posted(session, done, shown_in, batch.pages)


def _find_pages(client: Client, wanted: Sequence[str]) -> list[Resource]:
    known = client.pages().items
    found = {str(page["id"]): page for page in (find_page(known, name) for name in wanted)}
    expired = [page_alias(page) for page in found.values() if page.get("expired")]
    if expired:
        raise InvalidInputError(
            f"the connection of {', '.join(expired)} has expired",
            hint="Reconnect the page in the dashboard first.",
        )
    return [dict(page) for page in found.values()]


def _is_after(post: Resource, after: datetime) -> bool:
    moment = when(post)
    return moment is None or moment > after
