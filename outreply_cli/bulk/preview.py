"""Previews of calendars: each post as its platform shows it, to be looked at and approved."""

import calendar as dates
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client
from outreply_cli.bulk.approval import RowVersion, name_versions
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.offline import find_past_lines, leave_out_past, resolve_calendar
from outreply_cli.bulk.resolve import PlannedPost, is_in_brand_zone
from outreply_cli.bulk.service import calendar_error
from outreply_cli.errors import InvalidInputError
from outreply_cli.media.files import MediaFile
from outreply_cli.posts.preview import PostPreview, preview_post
from outreply_cli.spec.platform_rules import RuleSet


class RowPreview(NamedTuple):
    """A post of a calendar with its row, its version and how it looks."""

    line: int
    key: str | None
    version: RowVersion
    scheduled_at: datetime | None
    files: tuple[MediaFile, ...]
    post: PostPreview


class CalendarPreview(NamedTuple):
    """The coming posts of a calendar by time, those without one last, and how many are past."""

    rows: list[RowPreview]
    past: int


class Day(NamedTuple):
    """A day of a month, and the rows of its posts by their index."""

    day: date
    rows: list[tuple[int, RowPreview]]


def preview_calendar(
    calendar: Calendar,
    client: Client | None,
    *,
    zone: ZoneInfo | None,
    shown_zone: ZoneInfo,
    now: datetime,
    rules: RuleSet,
) -> CalendarPreview:
    """Return the previews of the posts that are not past.

    Args:
        calendar: The calendar.
        client: Client of the account, for the names of pages; None for those in the file.
        zone: Default zone of local times; None for that of each page's brand.
        shown_zone: Zone of the times that are shown.
        now: The current time.
        rules: Rules of the platforms.

    Raises:
        CalendarError: The calendar has errors.
        InvalidInputError: All posts are past.
        OutReplyError: The account cannot be read.
    """
    posts, found, _ = resolve_calendar(calendar, client, zone=zone, now=now, rules=rules)
    coming = [post for post in posts if post.scheduled_at > now]
    problems = leave_out_past([*calendar.problems, *found], find_past_lines(posts, now))
    if client is None:
        message = "is the time zone of the page's brand, which only the account has; sign in first"
        problems += [
            post.row.diagnostic("timezone", message)
            for post in coming
            if is_in_brand_zone(post.row, calendar, zone) and not post.takes_slot
        ]
    if any(not problem.is_warning for problem in problems):
        raise calendar_error(problems, outcome="; nothing was written")
    if not coming:
        raise InvalidInputError(
            f"{calendar.file_name} has no post to preview: all are in the past",
            hint="Correct the times and run the command again.",
        )
    # Versions of equal rows are counted in the order of the file, past ones too.
    versions = dict(zip(map(id, posts), name_versions(posts), strict=True))
    rows = [_preview(post, versions[id(post)], shown_zone, rules) for post in coming]
    rows.sort(key=lambda row: (row.scheduled_at is None, row.scheduled_at or now))
    return CalendarPreview(rows, len(posts) - len(coming))


def group_by_month(rows: Sequence[RowPreview]) -> list[tuple[date, list[list[Day]]]]:
    """Return the first day of each month with posts, and its weeks from Monday on."""
    by_day: dict[date, list[tuple[int, RowPreview]]] = {}
    for index, row in enumerate(rows):
        if row.post.at is not None:
            by_day.setdefault(row.post.at.date(), []).append((index, row))
    weeks = dates.Calendar()
    return [
        (
            first,
            [
                [Day(day, by_day.get(day, []) if day.month == first.month else []) for day in week]
                for week in weeks.monthdatescalendar(first.year, first.month)
            ],
        )
        for first in sorted({day.replace(day=1) for day in by_day})
    ]


def _preview(post: PlannedPost, version: RowVersion, zone: ZoneInfo, rules: RuleSet) -> RowPreview:
    at = None if post.takes_slot else post.scheduled_at.replace(microsecond=0)
    local = None if at is None else at.astimezone(zone)
    files = post.media_files
    shown = preview_post(post.row.content, post.page, at=local, files=files, rules=rules)
    return RowPreview(post.row.line, post.key, version, at, files, shown)
