"""Output of the commands of `outreply posts`."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, get_page_id, post_time
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, PartialFailureError
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.formats.text import quote
from outreply_cli.pages import page_alias, short_page_alias
from outreply_cli.posts.service import PostResult
from outreply_cli.spec.platforms import long_name
from outreply_cli.times import format_api_time, format_time, format_time_short
from outreply_cli.ui.columns import Column, Item
from outreply_cli.ui.fields import as_text
from outreply_cli.ui.output import Output

_DIFF_STYLES = {"-": "red", "+": "green", " ": ""}


def post_columns(
    zone: ZoneInfo,
    pages: Sequence[Mapping[str, Any]],
    post: Item | None = None,
    *,
    with_status: bool = True,
) -> list[Column]:
    """Return the columns of a list of posts, or of the only `post` with all its fields."""
    pages_by_id = {page.get("id"): page for page in pages}

    def format_page(post: Item, alias: Callable[[Mapping[str, Any]], str] = page_alias) -> str:
        page = pages_by_id.get(post.get("page_id"))
        return alias(page) if page else long_name(str(post.get("platform") or ""))

    def format_post_time(
        post: Item, style: Callable[[datetime, ZoneInfo], str] = format_time
    ) -> str:
        time = post_time(post)
        return style(time, zone) if time is not None else ""

    columns = [
        Column("ID", "id", lambda post: str(post.get("id") or post.get("post_id") or "")),
        Column(
            "When",
            "scheduled_at",
            format_post_time,
            # Without the day of the week.
            short=lambda post: format_post_time(post, format_time_short).partition(" ")[2],
        ),
        *([Column("Published", "published_at", csv_only=True)] if with_status else []),
        Column(
            "Page",
            "page_id",
            format_page,
            shrinkable=True,
            short=lambda post: format_page(post, short_page_alias),
        ),
        *([Column("Status", "status", style=_status_style)] if with_status else []),
        Column("Message", "message", shrinkable=True),
    ]
    if post is not None:
        columns += [
            Column(name.replace("_", " ").capitalize(), name)
            for name in ("first_comment", "link", "permalink")
            if post.get(name)
        ]
        if post.get("created_at"):
            created = format_api_time(post["created_at"], zone)
            columns.append(Column("Created", "created_at", lambda _: created))
        if post.get("media"):
            columns.append(Column("Media", "media", _format_media))
        if post.get("metrics"):
            columns.append(Column("Metrics", "metrics", _format_metrics))
    return columns


def post_describer(context: Context, client: Client) -> Callable[[Item], str]:
    """Return a function that describes a post on one line: page, time and first words."""
    zone = context.zone()

    @cache
    def fetch_aliases() -> dict[str, str]:
        # Cancelling needs no permission to read pages: their IDs are shown then.
        with suppress(OutReplyError):
            return {str(page["id"]): page_alias(page) for page in client.pages().items}
        return {}

    def describe(post: Item) -> str:
        time, page_id = post_time(post), get_page_id(post)
        parts = [
            fetch_aliases().get(page_id, page_id),
            format_time_short(time, zone) if time is not None else "",
            quote(str(post.get("message") or "")),
        ]
        return ", ".join(filter(None, parts))

    return describe


def print_post(context: Context, client: Client, post: Item, zone: ZoneInfo) -> None:
    """Print one post with all its fields."""
    pages = client.pages().items if context.options.output == "table" else []
    context.output.print_one(post, post_columns(zone, pages, post))


def print_changes(output: Output, title: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the fields that an edit changes, line by line, with signs and colors."""
    lines = [("bold", title)]
    for field, change in changes.items():
        lines.append(("", f"  {field.replace('_', ' ')}:"))
        lines += [
            (_DIFF_STYLES[sign], f"  {sign} {text}")
            for sign, text in _diff(change["before"], change["after"])
        ]
    for style, text in lines:
        output.print_text(output.style_text(sanitize(text), style))


def _diff(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """Yield the sign and the text of each line that was removed, added, or is beside one."""
    old, new = _value_lines(before), _value_lines(after)
    if [sanitize(line) for line in old] == [sanitize(line) for line in new]:
        # They differ in characters that cannot be seen.
        old, new = [ascii(line) for line in old], [ascii(line) for line in new]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(1)):
        if number:
            yield " ", "…"
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                yield from ((" ", line) for line in old[old_start:old_end])
            else:
                yield from (("-", line) for line in old[old_start:old_end])
                yield from (("+", line) for line in new[new_start:new_end])


def _value_lines(value: Any) -> list[str]:
    if not value:
        return []
    if isinstance(value, str):
        return value.split("\n")
    if isinstance(value, dict):
        return [f"{name}: {as_text(item)}" for name, item in value.items()]
    return [as_text(item) for item in value]


def report_posts(
    context: Context,
    results: Sequence[PostResult],
    zone: ZoneInfo,
    pages: Sequence[Mapping[str, Any]],
    interrupted: OutReplyError | None = None,
) -> None:
    """Print the posts that were created.

    Raises:
        InterruptedRunError: The error is `interrupted`; failures before it are warnings.
        OutReplyError: The only post was not created.
        PartialFailureError: Some of several posts were not created.
    """
    posts = [result.post for result in results if result.post is not None]
    failures = [(result.page, result.error) for result in results if result.error is not None]
    if failures and len(results) == 1 and interrupted is None:
        raise failures[0][1]
    if posts or interrupted is None:
        context.output.print_list(posts, post_columns(zone, pages))
    for result in results:
        report_existing(context, result)
    if interrupted is not None:
        for page, error in failures:
            context.warn(f"{page_alias(page)}: {error.message}")
        raise interrupted
    if failures:
        hint = "Run the command again with the failed pages only."
        if any(error.maybe_applied for _, error in failures):
            hint = (
                "Check which posts exist (outreply posts list --all), then run the command again "
                "only for pages whose post does not exist."
            )
        raise PartialFailureError(
            f"{len(failures)} of {len(results)} posts failed: "
            + "; ".join(f"{page_alias(page)}: {error.message}" for page, error in failures),
            hint=f"The other posts were created. {hint}" if posts else hint,
            details={
                "failed": [
                    {
                        "page_id": page.get("id"),
                        "code": error.code,
                        "maybe_applied": error.maybe_applied,
                    }
                    for page, error in failures
                ]
            },
        )


def report_export_gaps(context: Context, warnings: Sequence[str], missing: Sequence[str]) -> None:
    """Print what an export lacks; raises PartialFailureError if posts may be missing."""
    for warning in warnings:
        context.warn(warning)
    if missing:
        raise PartialFailureError(
            f"the export is incomplete: {'; '.join(missing)}",
            hint="The export is partial; do not replace a complete export with it.",
            details={"missing": list(missing)},
        )


def report_existing(context: Context, result: PostResult) -> None:
    """Print a note if the post existed before the command."""
    if result.existed and result.post is not None:
        context.info(f"Post {result.post.get('id')} already exists; nothing was sent.")


def _status_style(post: Item) -> str:
    return {"failed": "bold red", "published": "green"}.get(str(post.get("status")), "")


def _format_media(post: Item) -> str:
    media = post["media"] if isinstance(post["media"], list) else [post["media"]]
    return ", ".join(as_text(item.get("src") if isinstance(item, dict) else item) for item in media)


def _format_metrics(post: Item) -> str:
    metrics = post["metrics"]
    if not isinstance(metrics, dict):
        return as_text(metrics)
    return ", ".join(
        f"{as_text(value)} {name}" for name, value in metrics.items() if value is not None
    )
