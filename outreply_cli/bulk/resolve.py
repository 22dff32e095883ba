"""From rows to targets: one post on one page at one instant."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import Calendar, Diagnostic, Row
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.journal.models import FILES_FIELD
from outreply_cli.media.files import (
    MediaFile,
    MediaFileError,
    StorageLimits,
    inspect_file,
)
from outreply_cli.pages import find_page
from outreply_cli.posts.content import PostContent, validate_content
from outreply_cli.times import parse_time, parse_zone

BRAND_ZONE = "brand"
DATE_ORDERS = ("dmy", "mdy", "ymd")
_NUMERIC_DATE = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?=\D|$)")
_RELATIVE = re.compile(r"(?i)(\+|in |today|tomorrow|yesterday|next |mon|tue|wed|thu|fri|sat|sun)")


# There are as many of these as rows: named tuples are several times quicker to make.
class PlannedPost(NamedTuple):
    """One post that a calendar asks for.

    Attributes:
        row: Where it was written.
        page: The API's page.
        page_id: Its id.
        instant: When, in UTC.
        content: With media that are uploaded already.
        media_files: Still to be uploaded.
        moved_from: When the file wants it, where `--spread` moved it.
    """

    row: Row
    page: Mapping[str, Any]
    page_id: str
    instant: datetime
    content: PostContent
    media_files: tuple[MediaFile, ...] = ()
    moved_from: datetime | None = None

    def body(self) -> dict[str, Any]:
        """The request's body (reference: POST /posts/schedule).

        Files that are still to be uploaded are named by their digests.
        """
        body = self.content.body(self.page_id, self.instant)
        if self.media_files:
            body[FILES_FIELD] = [file.sha256 for file in self.media_files]
        return body

    def moved_to(self, instant: datetime) -> "PlannedPost":
        """The same post at another time than the file says."""
        return self._replace(instant=instant, moved_from=self.instant)


class ZoneResolver:
    """Which zone a row's local times are read in: the row's, the file's, then the command's.

    Args:
        default: The command's, or None for the zone of each page's brand.
        brand_zone: Gives a brand's zone by its id.
    """

    def __init__(self, default: ZoneInfo | None, brand_zone: Callable[[str], str]) -> None:
        self._default = default
        self._brand_zone = lru_cache(maxsize=None)(brand_zone)

    def needs_page(self, row: Row, calendar: Calendar) -> bool:
        """Whether the zone of one row is that of its page's brand."""
        name = row.timezone or calendar.timezone
        return self._default is None if name is None else name.strip().lower() == BRAND_ZONE

    def of(self, row: Row, calendar: Calendar, page: Mapping[str, Any]) -> ZoneInfo:
        """The zone of one row; raises TimeError where its name is unknown."""
        name = row.timezone or calendar.timezone
        if name is None and self._default is not None:
            return self._default
        if name is None or self.needs_page(row, calendar):
            name = self._brand_zone(str(page.get("brand_id")))
        return parse_zone(name)


def resolve_rows(
    calendar: Calendar,
    pages: Sequence[Mapping[str, Any]],
    zones: ZoneResolver,
    *,
    now: datetime,
    date_order: str | None = None,
    storage: StorageLimits | None = None,
) -> tuple[list[PlannedPost], list[Diagnostic]]:
    """The posts that `calendar` asks for, and everything that is wrong with its rows.

    Args:
        calendar: Read already.
        pages: Every page that the token reaches.
        zones: Of local times.
        now: The present, for times such as `tomorrow 09:00`.
        date_order: How `24/12/2026` is read: dmy, mdy or ymd; refused without.
        storage: How large files may be.
    """
    maker = _TargetMaker(
        calendar, pages, zones, now=now, date_order=date_order, storage=storage or StorageLimits()
    )
    for row in calendar.rows:
        maker.add(row)
    return maker.targets, maker.problems


class _TargetMaker:
    def __init__(
        self,
        calendar: Calendar,
        pages: Sequence[Mapping[str, Any]],
        zones: ZoneResolver,
        *,
        now: datetime,
        date_order: str | None,
        storage: StorageLimits,
    ) -> None:
        self.targets: list[PlannedPost] = []
        self.problems: list[Diagnostic] = []
        self._calendar = calendar
        self._zones = zones
        self._now = now
        self._date_order = date_order
        self._pages = pages
        self._sound_pages: dict[str, Mapping[str, Any]] = {}
        self._storage = storage
        self._files: dict[Path, MediaFile] = {}

    def add(self, row: Row) -> None:
        pages = self._pages_of(row)
        if not pages:
            # The rest of the row is checked all the same; a zone that needs the page is not known.
            if not self._zones.needs_page(row, self._calendar):
                self._instant(row, {})
            self._judge(row, "")
        files = self._files_of(row)
        for page in pages:
            self._judge(row, str(page.get("platform")))
            instant = self._instant(row, page)
            if instant is not None:
                self.targets.append(
                    PlannedPost(row, page, str(page["id"]), instant, row.content, files)
                )

    def _pages_of(self, row: Row) -> list[Mapping[str, Any]]:
        if len(row.pages) == 1 and row.pages[0] in self._sound_pages:
            return [self._sound_pages[row.pages[0]]]
        pages: dict[str, Mapping[str, Any]] = {}
        for name in row.pages:
            try:
                page = find_page(self._pages, name)
            except InvalidInputError as problem:
                self._complain(row, "page", f"{problem.message}. {problem.hint}")
                continue
            if page.get("expired"):
                what = f"the connection of {name} has expired; reconnect it in the dashboard"
                self._complain(row, "page", what)
            else:
                self._sound_pages[name] = page
            if str(page["id"]) in pages:
                self._complain(row, "page", f"{name} is named twice; keep one")
            pages[str(page["id"])] = page
        return list(pages.values())

    def _files_of(self, row: Row) -> tuple[MediaFile, ...]:
        found = []
        for path in row.media_files:
            try:
                if path not in self._files:
                    self._files[path] = inspect_file(path, self._storage)
                found.append(self._files[path])
            except MediaFileError as problem:
                self._complain(row, "media_files", f"{path.name}: {problem.message}")
        return tuple(found)

    def _judge(self, row: Row, platform: str) -> None:
        if row.has_bad_content:
            return
        for found in validate_content(row.content, platform, has_files=bool(row.media_files)):
            self._complain(row, found.field, found.what, is_warning=found.is_warning)

    def _instant(self, row: Row, page: Mapping[str, Any]) -> datetime | None:
        text = row.scheduled_at
        if not text:
            return None
        try:
            zone = self._zones.of(row, self._calendar, page)
        except TimeError as problem:
            self._complain(row, "timezone", f"{problem.message}. {problem.hint}")
            return None
        try:
            instant = parse_time(_ordered(text, self._date_order), now=self._now, zone=zone)
        except TimeError as problem:
            told = " ".join(filter(None, (f"{problem.message}.", problem.hint)))
            if self._date_order is None and "/" in text:
                told += " Or say how to read it: --date-order dmy"
            self._complain(row, "scheduled_at", told)
            return None
        if not text[:1].isdigit() and _RELATIVE.match(text.strip()):
            what = f"{text!r} means another time on another day; write the date"
            self._complain(row, "scheduled_at", what, is_warning=True)
        return instant

    def _complain(self, row: Row, field: str, what: str, *, is_warning: bool = False) -> None:
        self.problems.append(row.problem(field, what, is_warning=is_warning))


def _ordered(text: str, date_order: str | None) -> str:
    match = _NUMERIC_DATE.match(text.strip()) if date_order else None
    if match is None or date_order is None:
        return text
    # A year that comes first says so itself.
    order = "ymd" if len(match[1]) == 4 else date_order
    parts = dict(zip(order, match.groups(), strict=True))
    year = parts["y"] if len(parts["y"]) == 4 else f"20{parts['y']:0>2}"
    return f"{year}-{parts['m']:0>2}-{parts['d']:0>2}{text.strip()[match.end() :]}"
