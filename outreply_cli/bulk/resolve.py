"""Resolution of rows into planned posts: one post on one page at one time."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import Calendar, Row
from outreply_cli.bulk.utm import MissingValueError, fill_templates, tag_content
from outreply_cli.errors import InvalidInputError, OutReplyError, TimeError
from outreply_cli.journal.models import FILES_FIELD
from outreply_cli.media.files import MediaFile, MediaFileError, StorageLimits, inspect_and_hash
from outreply_cli.pages import UnknownPageError, resolve_page
from outreply_cli.posts.content import Diagnostic, validate_content
from outreply_cli.spec.platforms import find_platform, long_name
from outreply_cli.storage.file_scope import FileRefusedError
from outreply_cli.time_parser import DateOrderError, parse_time
from outreply_cli.times import BRAND_ZONE, parse_zone

# How a spreadsheet shows the time of a cell without a date format.
_NUMBER = re.compile(r"\d{5}(?:[.,]\d+)?")
# Where a day ends last.
LAST_ZONE = "Etc/GMT+12"
# A time that differs in a run this much later is relative.
_LATER = timedelta(days=400)


# A NamedTuple, because thousands of them are made, and a dataclass is several times slower.
class PlannedPost(NamedTuple):
    """A post in a calendar, at a time in UTC.

    `moved_from` is the time that the file says, where `--spread` moved the post.
    """

    row: Row
    page: Mapping[str, Any]
    page_id: str
    scheduled_at: datetime
    media_files: tuple[MediaFile, ...] = ()
    moved_from: datetime | None = None

    @property
    def key(self) -> str | None:
        """Key of the row."""
        return self.row.key

    @property
    def platform(self) -> str:
        """Platform of the page."""
        return str(self.page.get("platform") or "")

    def body(self) -> dict[str, Any]:
        """Return the request body (reference: POST /posts/schedule), files as their digests."""
        body = self.row.content.body(self.page_id, self.scheduled_at)
        if self.media_files:
            body[FILES_FIELD] = [file.sha256 for file in self.media_files]
        return body


class ResolvedRows(NamedTuple):
    """The posts of a calendar, the problems of its rows, and notes for the user."""

    posts: list[PlannedPost]
    problems: list[Diagnostic]
    notes: list[str]


def resolve_rows(
    calendar: Calendar,
    pages: Sequence[Mapping[str, Any]],
    *,
    zone: ZoneInfo | None,
    brand_zone: Callable[[str], str],
    now: datetime,
    storage: StorageLimits,
    has_secret: Callable[[object], bool],
) -> ResolvedRows:
    """Return the posts in `calendar`, and all problems of its rows.

    Rows without a zone are in `zone`, or in that of each page's brand if it is None; `brand_zone`
    returns the zone of a brand by its ID. `has_secret` returns whether a field contains one.
    """
    brand_zone = lru_cache(maxsize=None)(brand_zone)
    resolver = _RowResolver(calendar, pages, zone, brand_zone, now, storage, has_secret)
    for row in calendar.rows:
        resolver.add(row)
    return ResolvedRows(resolver.posts, resolver.problems, list(resolver.notes()))


def is_in_brand_zone(row: Row, calendar: Calendar, default: ZoneInfo | None) -> bool:
    """Whether the time of `row` is in the zone of the page's brand; None as `default` is so too."""
    name = row.timezone or calendar.timezone
    return default is None if name is None else name.strip().lower() == BRAND_ZONE


@dataclass
class _RowResolver:
    _calendar: Calendar
    _pages: Sequence[Mapping[str, Any]]
    _default_zone: ZoneInfo | None
    _brand_zone: Callable[[str], str]
    _now: datetime
    _storage: StorageLimits
    _has_secret: Callable[[object], bool]
    posts: list[PlannedPost] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    _valid_pages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _files: dict[Path, MediaFile] = field(default_factory=dict)
    _tagged: int = 0

    def add(self, row: Row) -> None:
        pages = self._find_pages(row)
        if not pages:
            # Validate the rest of the row too. Where its zone depends on the page, a time is past
            # if it is so in the last zone of the day.
            time = self._parse_time(row, {})
            if time is not None and time <= self._now:
                self._ignore_past_row(row)
                return
            self._validate(row.for_platform(next(iter(row.messages), "")), "")
        files = self._inspect_files(row)
        for page in pages:
            post_row = row.for_platform(str(page.get("platform") or "")) if row.messages else row
            if self._calendar.settings.utm:
                post_row = self._tag_links(post_row, page)
            self._validate(post_row, str(page.get("platform") or ""))
            scheduled_at = self._parse_time(row, page)
            if scheduled_at is not None:
                self.posts.append(PlannedPost(post_row, page, str(page["id"]), scheduled_at, files))

    def notes(self) -> Iterator[str]:
        """Yield what was changed in the rows."""
        if self._tagged:
            yield f"--utm added parameters to {self._tagged} link{'s' * (self._tagged > 1)}"

    def _tag_links(self, row: Row, page: Mapping[str, Any]) -> Row:
        values = {
            "platform": long_name(str(page.get("platform") or "")),
            "page": str(page.get("username") or ""),
            "key": row.key or "",
            "calendar": self._calendar.name or "",
        }
        try:
            parameters = fill_templates(self._calendar.settings.utm, values)
        except MissingValueError as error:
            # Only a row with a link needs it.
            if tag_content(row.content, {"utm_source": "x"})[1]:
                message = f"--utm requires a {error} for its links; add one, or leave it out"
                self._add(row, str(error) if str(error) in {"key", "page"} else "", message)
            return row
        content, count = tag_content(row.content, parameters)
        self._tagged += count
        return row._replace(content=content)

    def _find_pages(self, row: Row) -> list[Mapping[str, Any]]:
        if len(row.pages) == 1 and row.pages[0] in self._valid_pages:
            return [self._valid_pages[row.pages[0]]]
        pages: dict[str, Mapping[str, Any]] = {}
        for name in self._split_pages(row.pages):
            try:
                page = self._resolve_page(name)
            except InvalidInputError as error:
                message = _with_hint(error)
                if self._calendar.scheduler is not None and isinstance(error, UnknownPageError):
                    message = (
                        f"{error.message}; map it with --pages '{name}=PAGE', or leave it out with "
                        f"--pages '{name}='"
                    )
                self._add(row, "page", message)
                continue
            if page.get("expired"):
                message = f"the connection of {name} has expired; reconnect it in the dashboard"
                self._add(row, "page", message)
            else:
                self._valid_pages[name] = page
            if str(page["id"]) in pages:
                self._add(row, "page", f"duplicate page {name}; keep one of them")
            pages[str(page["id"])] = page
        return list(pages.values())

    def _resolve_page(self, name: str) -> Mapping[str, Any]:
        """Return the page called `name`, or the only page of a platform."""
        platform = find_platform(name)
        if platform is None or any(page.get("name") == name for page in self._pages):
            return resolve_page(self._pages, name)
        pages = [
            page
            for page in self._pages
            if long_name(str(page.get("platform") or "")) == platform.name
        ]
        if len(pages) == 1:
            return pages[0]
        count = f"{len(pages)} pages are" if pages else "no page is"
        raise InvalidInputError(
            f"{name!r} is a platform, and {count} on it",
            hint=f"Set the page with: --pages '{name}=PAGE'",
        )

    def _split_pages(self, names: Sequence[str]) -> Iterator[str]:
        for name in names:
            # A comma may belong to the name of a page.
            is_list = "," in name and all(page.get("name") != name for page in self._pages)
            yield from filter(None, map(str.strip, name.split(","))) if is_list else (name,)

    def _ignore_past_row(self, row: Row) -> None:
        # The page may have been removed after the row's post was published.
        self.problems = [
            replace(problem, is_warning=True)
            if (problem.line, problem.field) == (row.line, "page")
            else problem
            for problem in self.problems
        ]

    def _inspect_files(self, row: Row) -> tuple[MediaFile, ...]:
        files = []
        for path in row.media_files:
            try:
                if path not in self._files:
                    self._files[path] = inspect_and_hash(path, self._storage, self._calendar.files)
                files.append(self._files[path])
                if warning := self._files[path].warning:
                    self._add(row, "media_files", f"{path.name}: {warning}", is_warning=True)
            except MediaFileError as error:
                message = error.describe(path.name)
                if "," in path.name and not path.exists():
                    message += "; separate several names with ; (in YAML, write a list)"
                self._add(row, "media_files", message)
            except FileRefusedError as error:
                self._add(row, "media_files", f"{path.name} {error.message}")
        return tuple(files)

    def _validate(self, row: Row, platform: str) -> None:
        if row.has_invalid_content:
            return
        for problem in validate_content(
            row.content,
            platform,
            has_files=bool(row.media_files),
            has_secret=self._has_secret,
        ):
            self._add(row, problem.field, problem.message, is_warning=problem.is_warning)

    def _parse_time(self, row: Row, page: Mapping[str, Any]) -> datetime | None:
        text = row.scheduled_at
        if not text:
            return None
        try:
            zone = self._get_zone(row, page)
        except TimeError as error:
            self._add(row, "timezone", _with_hint(error))
            return None
        try:
            time = parse_row_time(self._calendar, text, zone, self._now)
        except DateOrderError as error:
            self._add(row, "scheduled_at", f"{_with_hint(error)}, or set --date-order dmy")
            return None
        except TimeError as error:
            if _NUMBER.fullmatch(text):
                message = f"{text} is a number; format the cell as a date with a time"
                self._add(row, "scheduled_at", message)
            else:
                self._add(row, "scheduled_at", _with_hint(error))
            return None
        if self._is_relative(text, zone, time):
            message = f"{text!r} is relative to the day of the run; write the date"
            self._add(row, "scheduled_at", message, is_warning=True)
        return time

    def _is_relative(self, text: str, zone: ZoneInfo, time: datetime) -> bool:
        if text[:4].isdigit():
            return False
        try:
            return parse_row_time(self._calendar, text, zone, self._now + _LATER) != time
        except TimeError:
            return True

    def _get_zone(self, row: Row, page: Mapping[str, Any]) -> ZoneInfo:
        name = row.timezone or self._calendar.timezone
        if name is None and self._default_zone is not None:
            return self._default_zone
        if name is None or is_in_brand_zone(row, self._calendar, self._default_zone):
            name = self._brand_zone(str(page.get("brand_id") or "")) if page else LAST_ZONE
        return parse_zone(name)

    def _add(self, row: Row, field_name: str, message: str, *, is_warning: bool = False) -> None:
        self.problems.append(row.diagnostic(field_name, message, is_warning=is_warning))


def parse_row_time(calendar: Calendar, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the time of a row of `calendar` in UTC; raises TimeError."""
    date_order, scheduler = calendar.settings.date_order, calendar.scheduler
    try:
        return parse_time(text, now=now, zone=zone, date_order=date_order)
    except TimeError:
        if scheduler is None or not scheduler.skips_today or "next " not in text.lower():
            raise
        return parse_time(text, now=now + timedelta(days=1), zone=zone, date_order=date_order)


def _with_hint(error: OutReplyError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else f"{error.message}."
