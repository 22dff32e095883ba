"""Output of the commands of `outreply posts`."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Resource, post_time
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError
from outreply_cli.pages import page_alias
from outreply_cli.posts.service import PostResult
from outreply_cli.spec.platforms import long_name
from outreply_cli.times import format_api_time, format_time, format_time_short
from outreply_cli.ui.output import Column, Item


def post_columns(
    zone: ZoneInfo,
    pages: Sequence[Mapping[str, Any]],
    alone: Resource | None = None,
    *,
    with_status: bool = True,
) -> list[Column]:
    """The columns of posts; one that stands `alone` is shown with everything it holds."""
    aliases = {page.get("id"): page_alias(page) for page in pages}

    def show_page(post: Item) -> str:
        return aliases.get(post.get("page_id")) or long_name(str(post.get("platform") or ""))

    def show_when(post: Item) -> str:
        moment = post_time(post)
        return format_time(moment, zone) if moment is not None else ""

    def show_briefly(post: Item) -> str:
        moment = post_time(post)
        return format_time_short(moment, zone) if moment is not None else ""

    columns = [
        Column("ID", "id", lambda post: str(post.get("id") or post.get("post_id") or "")),
        Column("When", "scheduled_at", show_when, short=show_briefly),
        *([Column("Published", "published_at", csv_only=True)] if with_status else []),
        Column("Page", "page_id", show_page, shrinkable=True),
        *([Column("Status", "status", style=_status_style)] if with_status else []),
        Column("Message", "message", shrinkable=True),
    ]
    if alone is not None:
        extra = ("first_comment", "link", "permalink")
        columns += [
            Column(name.replace("_", " ").capitalize(), name) for name in extra if alone.get(name)
        ]
        if alone.get("created_at"):
            created = format_api_time(alone["created_at"], zone)
            columns.append(Column("Created", "created_at", lambda _: created))
        if alone.get("media"):
            columns.append(Column("Media", "media", _show_media))
        if alone.get("metrics"):
            columns.append(Column("Metrics", "metrics", _show_metrics))
    return columns


def report_posted(
    context: Context,
    done: Sequence[PostResult],
    zone: ZoneInfo,
    pages: Sequence[Mapping[str, Any]],
) -> None:
    """Show what was made; raises what stopped it, PartialFailureError when only some of it did."""
    made = [posted for posted in done if posted.post is not None]
    failed = [posted for posted in done if posted.error is not None]
    items = [dict(posted.post or {}) for posted in made]
    if context.options.output != "table" or context.options.quiet:
        id_field = "id" if all("id" in item for item in items) else "post_id"
        if len(done) == 1 and items:
            context.output.print_one(items[0], post_columns(zone, pages), id_field=id_field)
        elif items:
            context.output.print_list(items, post_columns(zone, pages), id_field=id_field)
    elif items:
        # What is published at once does not name its page.
        named = [{"page_id": posted.page.get("id"), **(posted.post or {})} for posted in made]
        context.output.print_list(named, post_columns(zone, pages))
    for posted in made:
        if posted.existed and posted.post is not None:
            context.info(f"{posted.post.get('id')} was there already; nothing was sent.")
    if not failed:
        return
    first = failed[0]
    if first.error is not None and len(done) == 1:
        raise first.error
    raise PartialFailureError(
        f"{len(failed)} of {len(done)} posts were not made: "
        + "; ".join(f"{page_alias(p.page)}: {p.error.message}" for p in failed if p.error),
        hint="The others are made; give only the failed pages the next time.",
        details={
            "failed": [
                {"page_id": p.page.get("id"), "code": p.error.code} for p in failed if p.error
            ]
        },
    )


def _status_style(post: Item) -> str:
    return {"failed": "bold red", "published": "green"}.get(str(post.get("status")), "")


def _show_media(post: Item) -> str:
    return ", ".join(str(item.get("src")) for item in post["media"] if isinstance(item, dict))


def _show_metrics(post: Item) -> str:
    return ", ".join(f"{value} {name}" for name, value in dict(post["metrics"]).items())
