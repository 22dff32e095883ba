"""Export of scheduled posts as a calendar file."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.api.client import Client, get_page_id, post_time
from outreply_cli.api.errors import NotFoundError
from outreply_cli.bulk.calendar import split_urls
from outreply_cli.bulk.matching import EXPORTED_KEY_PREFIX
from outreply_cli.formats.csv import csv_lines
from outreply_cli.journal.models import JournalEntry
from outreply_cli.pages import Page, page_alias
from outreply_cli.posts.content import PostContent, content_from_api
from outreply_cli.posts.listing import explain_missing, list_all_scheduled
from outreply_cli.timestamps import format_timestamp

COLUMNS = ("key", "page", "scheduled_at", *PostContent._fields)


@dataclass(frozen=True)
class CalendarExport:
    """Scheduled posts as CSV.

    Attributes:
        text: The CSV.
        count: Number of posts in it.
        warnings: Parts of posts that the API does not return.
        missing: Reasons that other posts may be missing.
    """

    text: str
    count: int
    warnings: Sequence[str]
    missing: Sequence[str]


def export_calendar(client: Client, page_id: str | None) -> CalendarExport:
    """Return the scheduled posts of a page, or of all pages, as CSV.

    Each post is fetched separately, because lists leave out first comments and media.
    """
    pages: dict[str, Page] = {str(page["id"]): page for page in client.pages().items}
    listing = list_all_scheduled(client, [page_id] if page_id else pages, page_id=page_id)
    missing = explain_missing(listing, pages)
    warnings: list[str] = []
    rows = []
    for listed in listing.items:
        try:
            post = client.scheduled_post(str(listed["id"]))
        except NotFoundError:
            continue
        at = post_time(post)
        if at is None:
            missing.append(f"post {post['id']} has no valid time")
            continue
        content, warning = content_from_api(post, client.attached_media)
        warnings += [f"post {post['id']}: {warning}"] if warning else []
        page = pages.get(get_page_id(post), {"id": get_page_id(post)})
        alias = page_alias(page)
        rows.append(
            _row(f"{EXPORTED_KEY_PREFIX}{post['id']}", alias, format_timestamp(at), content)
        )
    return CalendarExport("".join(csv_lines([COLUMNS, *rows])), len(rows), warnings, missing)


def is_export(content: bytes) -> bool:
    """Return whether a file has only rows that `export_calendar` writes."""
    text = content.decode("utf-8-sig", "replace")
    try:
        header, *rows = csv.reader(text.splitlines(keepends=True))
    except csv.Error:
        return False
    return tuple(header) == COLUMNS and all(
        row[0].startswith(EXPORTED_KEY_PREFIX) for row in rows if row
    )


def undo_calendar(entries: Iterable[JournalEntry]) -> str:
    """Return cancelled posts as CSV, to schedule them again."""
    rows = []
    for entry in entries:
        content = PostContent.from_body(entry.body)
        scheduled_at = format_timestamp(entry.scheduled_at)
        rows.append(_row(f"undo:{entry.post_id}", entry.page_id, scheduled_at, content))
    return "".join(csv_lines([COLUMNS, *rows]))


def _row(key: str, page: str, scheduled_at: str, content: PostContent) -> list[str]:
    return [key, page, scheduled_at, *map(to_cell, PostContent._fields, content)]


def to_cell(field: str, value: Any) -> str:
    """Return the value of a field as a cell of a CSV calendar."""
    if not value:
        return ""
    if field == "media_urls":
        return join_urls(value)
    if isinstance(value, (list, tuple)):
        return ";".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def join_urls(urls: Sequence[str]) -> str:
    """Return `urls` as a cell that `split_urls` splits."""
    text = ";".join(urls)
    if split_urls(text) == [url.strip() for url in urls]:
        return text
    return ";".join(url.replace(";", "%3B").replace(",", "%2C").replace("|", "%7C") for url in urls)
