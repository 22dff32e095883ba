"""Resolution of rows into planned posts: one post on one page at one time."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import Calendar, Row
from outreply_cli.bulk.series import MAX_SERIES_AGE, Expansion, Repeat, expand_series
from outreply_cli.bulk.utm import MissingValueError, fill_templates, tag_content
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.formats.mapping import quote_mapping
from outreply_cli.journal.models import FILES_FIELD
from outreply_cli.media.files import MediaFile, MediaFileError, StorageLimits, inspect_and_hash
from outreply_cli.pages import UnknownPageError, resolve_page
from outreply_cli.posts.content import Diagnostic, validate_content
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.spec.platform_rules import DEFAULT_RULES, RuleSet
from outreply_cli.spec.platforms import find_platform, long_name
from outreply_cli.spec.rule_kinds import Media
from outreply_cli.spec.token import holds_secret
from outreply_cli.storage.file_scope import FileRefusedError
from outreply_cli.time_parser import DateOrderError, PassedTimeError, parse_time
from outreply_cli.times import BRAND_ZONE, parse_zone

# How a spreadsheet shows the time of a cell without a date format.
_NUMBER = re.compile(r"\d{5}(?:[.,]\d+)?")
_TIME_OF_DAY = re.compile(
    r"(?:\d{1,2}(?:[:.]\d\d){0,2}\s?(?:[ap]\.?\s?m\.?|uhr|h(?:\s?\d\d)?)?|noon)"
    # An optional zone.
    r"(?:\s?(?:z|utc|gmt|[+-]\d{1,2}(?::?\d\d)?)|\s[a-z_]+/[a-z_/+0-9-]+)?",
    re.IGNORECASE,
)
# The last time zone in which a day ends.
LAST_ZONE = "Etc/GMT+12"
# Zone names that people also use for standard time all year, or for a region's daylight time.
_AMBIGUOUS_ZONES = {
    "EST": "America/New_York, or Etc/GMT+5 for -05:00 all year",
    "MST": "America/Denver, or Etc/GMT+7 for -07:00 all year",
    **dict.fromkeys(("CET", "MET"), "Europe/Paris, or Etc/GMT-1 for +01:00 all year"),
    "EET": "Europe/Athens, or Etc/GMT-2 for +02:00 all year",
    "WET": "Europe/Lisbon, or UTC for +00:00 all year",
}
# A time is relative if it differs in a run this much later.
_LATER = timedelta(days=400)
_MAX_SERIES_POSTS = 200_000
# The time of a post whose slot is not chosen yet.
UNPLACED = datetime.max.replace(tzinfo=UTC, microsecond=0)


# A NamedTuple, because thousands of them are made, and a dataclass is several times slower.
class PlannedPost(NamedTuple):
    """A post in a calendar, at a time in UTC.

    `moved_from` is the time in the file, if `--spread` moved the post. `series_zone` is the time
    zone of the post's series, if it has one. A post that `takes_slot` has no
    time in the file; it is UNPLACED until `placement` chooses one.
    """

    row: Row
    page: Mapping[str, Any]
    page_id: str
    scheduled_at: datetime
    media_files: tuple[MediaFile, ...] = ()
    moved_from: datetime | None = None
    series_zone: ZoneInfo | None = None
    takes_slot: bool = False

    @property
    def time_in_file(self) -> datetime:
        """The time in the file."""
        return self.moved_from or self.scheduled_at

    @property
    def series_day(self) -> date | None:
        """The local day of an occurrence of a series."""
        if self.series_zone is None:
            return None
        return self.time_in_file.astimezone(self.series_zone).date()

    @property
    def key(self) -> str | None:
        """Key of the row."""
        return self.row.key

    @property
    def position(self) -> tuple[int, str]:
        """Line of the row, and ID of the page."""
        return self.row.line, self.page_id

    @property
    def lacks_text(self) -> bool:
        """Whether it has no text, and one can be composed for it."""
        return self.series_zone is None and self.row.lacks_text

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
    """The posts of a calendar, the problems of its rows, and notes for the user.

    The posts of a series are also those of past occurrences, and of some that are too far ahead:
    a post that an earlier run made is always the post of its occurrence.
    """

    posts: list[PlannedPost]
    problems: list[Diagnostic]
    notes: list[str]


def is_in_brand_zone(row: Row, calendar: Calendar, default: ZoneInfo | None) -> bool:
    """Return whether the time of `row` is in the zone of the page's brand.

    A `default` of None is that zone.
    """
    name = row.timezone or calendar.timezone
    return default is None if name is None else name.strip().lower() == BRAND_ZONE


@dataclass
class RowResolver:
    """Resolves the rows of one calendar, once.

    Attributes:
        zone: Zone of rows without one; None for that of each page's brand.
        brand_zone: Returns the zone of a brand by its ID.
        latest: Time after which posts of series are left to later runs.
        has_secret: Returns whether a field contains a secret.
        rules: Rules of the platforms; a row that breaks one has a warning, or an error if the
            resolver `is_strict`.
        texts: Texts composed for posts without one, by index.
        may_lack_text: Whether other posts without a text are to be composed, and are not errors.
    """

    calendar: Calendar
    pages: Sequence[Mapping[str, Any]]
    _: KW_ONLY
    zone: ZoneInfo | None
    brand_zone: Callable[[str], str]
    now: datetime
    latest: datetime
    storage: StorageLimits = field(default_factory=StorageLimits)
    has_secret: Callable[[object], bool] = holds_secret
    rules: RuleSet = DEFAULT_RULES
    is_strict: bool = False
    texts: Mapping[int, str] = field(default_factory=dict)
    may_lack_text: bool = False
    _posts: list[PlannedPost] = field(init=False, default_factory=list)
    _problems: list[Diagnostic] = field(init=False, default_factory=list)
    _valid_pages: dict[str, Mapping[str, Any]] = field(init=False, default_factory=dict)
    _files: dict[Path, MediaFile] = field(init=False, default_factory=dict)
    _zones: dict[tuple[str | None, str | None], ZoneInfo] = field(init=False, default_factory=dict)
    _tagged: int = field(init=False, default=0)
    # Series with posts that are left to later runs, once for each page.
    _ongoing: list[Expansion] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.brand_zone = cache(self.brand_zone)

    def resolve(self) -> ResolvedRows:
        """Return the posts of the calendar, and all problems of its rows."""
        for row in self.calendar.rows:
            if row.repeat is None:
                self._add_row(row)
            else:
                self._add_series(row, row.repeat)
        return ResolvedRows(self._posts, self._problems, list(self._notes()))

    def _add_row(self, row: Row) -> None:
        known = len(self._problems)
        pages = self._find_pages(row)
        if not pages:
            # Validate the rest of the row too. Where its zone depends on the page, a time is past
            # once it is past in the last zone of the day.
            time = self._parse_time(row, {})
            if time is not None and time <= self.now:
                self._ignore_page_problems(known)
                return
            self._validate(self._fit_page(row, {}), "", (), may_lack_text=row.lacks_text)
        files = self._inspect_files(row) if row.media_files else ()
        for page in pages:
            text = self.texts.get(len(self._posts))
            post_row = self._fit_page(row if text is None else _with_text(row, text), page)
            platform = str(page.get("platform") or "")
            self._validate(post_row, platform, files, may_lack_text=post_row.lacks_text)
            page_id, takes_slot = str(page["id"]), row.scheduled_at == NEXT_SLOT
            scheduled_at = UNPLACED if takes_slot else self._parse_time(row, page)
            if scheduled_at is not None:
                self._posts.append(
                    PlannedPost(post_row, page, page_id, scheduled_at, files, takes_slot=takes_slot)
                )

    def _add_series(self, row: Row, repeat: Repeat) -> None:
        if len(self._posts) > _MAX_SERIES_POSTS:
            message = f"the calendar has more than {_MAX_SERIES_POSTS:,} posts; split it"
            self._add(row, "repeat", message)
            return
        known = len(self._problems)
        pages = self._find_pages(row)
        expanded: dict[str, Expansion | None] = {}
        for page in pages or [{}]:
            zone = self._find_zone(row, page)
            if zone is None:
                continue
            if zone.key not in expanded:
                expanded[zone.key] = self._expand(row, repeat, zone)
            series = expanded[zone.key]
            if series is None:
                continue
            variants = [self._fit_page(variant, page) for variant in row.variants or [row]]
            used = (
                {number % len(variants) for number, _, _ in series.coming}
                if series.is_counted
                else set(range(len(variants)))
            )
            if not used:
                # The series is over: its page may have been removed.
                self._ignore_page_problems(known)
            files = {number: self._inspect_files(variants[number]) for number in sorted(used)}
            for number, media_files in files.items():
                platform = str(page.get("platform") or "")
                self._validate(variants[number], platform, media_files)
            if page:
                self._add_occurrences(page, zone, series, variants, files)

    def _add_occurrences(
        self,
        page: Mapping[str, Any],
        zone: ZoneInfo,
        series: Expansion,
        variants: Sequence[Row],
        files: Mapping[int, tuple[MediaFile, ...]],
    ) -> None:
        for number, local, at in series.occurrences:
            variant_index = number % len(variants)
            row = variants[variant_index]
            row = row._replace(
                key=self._derive_key(row, local.date()), scheduled_at=f"{local:%F %T}", repeat=None
            )
            media_files = files.get(variant_index, ())
            self._posts.append(
                PlannedPost(row, page, str(page["id"]), at, media_files, series_zone=zone)
            )
        if series.later:
            self._ongoing.append(series)

    def _fit_page(self, row: Row, page: Mapping[str, Any]) -> Row:
        """Return the row with the text and the links for a page."""
        if row.messages:
            row = row.for_platform(str(page.get("platform") or next(iter(row.messages))))
        return self._tag_links(row, page) if page and self.calendar.settings.utm else row

    def _expand(self, row: Row, repeat: Repeat, zone: ZoneInfo) -> Expansion | None:
        """Return the occurrences of a row, or None if it has a problem."""
        start = self._parse_start(row, repeat, zone)
        if start is None:
            return None
        series = expand_series(repeat, start, zone, now=self.now, latest=self.latest)
        for local, error in series.invalid:
            reason = error.message.rpartition(";")[0]
            message = f"{reason}; add `except {local.date()}`, or use another time of day"
            self._add(row, "repeat", message)
        if series.is_empty:
            self._add(row, "repeat", "the series ends before its first post; correct the end")
        for day in series.unmatched:
            message = f"{day:%a} {day} is not a date of the series; remove it from `except`"
            self._add(row, "repeat", message)
        return series

    def _parse_start(self, row: Row, repeat: Repeat, zone: ZoneInfo) -> datetime | None:
        """Return the local time of the first occurrence, or None if it has a problem."""
        text = row.scheduled_at
        at = self._parse_time_in(row, zone) if text else None
        if at is None:
            return None
        message = ""
        if is_relative(self.calendar, text, zone, self.now):
            message = f"{text!r} is relative to the day of the run; write the date"
        elif has_offset(self.calendar, text, self.now):
            message = (
                f"{text!r} has its own offset, which would be wrong after a clock change; write "
                "the local time, and its zone in `timezone`"
            )
        elif abs(at - self.now) > MAX_SERIES_AGE:
            message = f"{text!r} is more than 20 years away; correct the year"
        if message:
            self._add(row, "scheduled_at", message)
            return None
        start = at.astimezone(zone).replace(tzinfo=None)
        try:
            repeat.check_start(start)
        except TimeError as error:
            self._add(row, "repeat", error.text)
            return None
        return start

    def _derive_key(self, row: Row, day: date) -> str | None:
        """Return the key of an occurrence."""
        if row.key is None:
            return None
        key = f"{row.key}/{day}"
        if key in self._lines:
            message = f"the post of {day} has the key {key!r}, also on line {self._lines[key]}"
            self._add(row, "key", f"{message}; use a different key")
        return key

    @cached_property
    def _lines(self) -> dict[str, int]:
        return {row.key: row.line for row in self.calendar.rows if row.key is not None}

    def _notes(self) -> Iterator[str]:
        """Yield what was changed in the rows, and what is left to later runs."""
        if self._ongoing:
            first = min(series.later[0].local.date() for series in self._ongoing)
            posts = "later posts of the series are"
            if all(series.is_counted for series in self._ongoing):
                count = sum(len(series.later) for series in self._ongoing)
                posts = f"{count} later post{'s are' if count > 1 else ' is'}"
            yield f"{posts} scheduled by later runs; run this again by {first - timedelta(days=1)}"
        if self._tagged:
            yield f"--utm added parameters to {self._tagged} link{'s' * (self._tagged > 1)}"

    def _tag_links(self, row: Row, page: Mapping[str, Any]) -> Row:
        values = {
            "platform": long_name(str(page.get("platform") or "")),
            "page": str(page.get("username") or ""),
            "key": row.key or "",
            "calendar": self.calendar.name or "",
        }
        try:
            parameters = fill_templates(self.calendar.settings.utm, values)
        except MissingValueError as error:
            # The missing value matters only if the row has a link.
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
                message = error.text
                if self.calendar.scheduler is not None and isinstance(error, UnknownPageError):
                    message = (
                        f"{error.message}; map it with {self._pages_option(name, 'PAGE')}, or "
                        f"leave it out with {self._pages_option(name, '')}"
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
        if platform is None or any(page.get("name") == name for page in self.pages):
            return resolve_page(self.pages, name)
        pages = [
            page
            for page in self.pages
            if long_name(str(page.get("platform") or "")) == platform.name
        ]
        if len(pages) == 1:
            return pages[0]
        count = f"{len(pages)} pages" if pages else "no pages"
        raise InvalidInputError(
            f"{name!r} is a platform, and the account has {count} on it",
            hint=f"Set the page with: {self._pages_option(name, 'PAGE')}",
        )

    def _pages_option(self, name: str, page: str) -> str:
        # The option replaces the one that was given.
        return f"--pages {quote_mapping({**self.calendar.settings.page_names, name: page})}"

    def _split_pages(self, names: Sequence[str]) -> Iterator[str]:
        for name in names:
            # A comma may belong to the name of a page.
            is_list = "," in name and all(page.get("name") != name for page in self.pages)
            yield from filter(None, map(str.strip, name.split(","))) if is_list else (name,)

    def _ignore_page_problems(self, start: int) -> None:
        """Make the page problems from `start` on, those of a past row, warnings."""
        # The page may have been removed after the row's post was published.
        self._problems[start:] = [
            problem._replace(is_warning=True) if problem.field == "page" else problem
            for problem in self._problems[start:]
        ]

    def _inspect_files(self, row: Row) -> tuple[MediaFile, ...]:
        files = []
        for path in row.media_files:
            try:
                if path not in self._files:
                    self._files[path] = inspect_and_hash(
                        path, self.storage, self.calendar.file_scope
                    )
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

    def _validate(
        self, row: Row, platform: str, files: Sequence[MediaFile], *, may_lack_text: bool = False
    ) -> None:
        if row.has_invalid_content:
            return
        media: list[Media] = []
        if row.media_files:
            media += [file.to_media() for file in files]
            # A file that cannot be read is unknown to the rules.
            media += [Media("media_files", "")] * (len(row.media_files) - len(files))
        for problem in validate_content(
            row.content,
            platform,
            files=media,
            rules=self.rules,
            is_strict=self.is_strict,
            has_secret=self.has_secret,
        ):
            message = problem.message
            if self.may_lack_text and problem.field == "message":
                if may_lack_text:
                    continue
                has_time = row.repeat is None and row.scheduled_at != NEXT_SLOT
                if not has_time and not row.content.message:
                    message += "; rows without a time and rows of a series are not composed"
            self._add(row, problem.field, message, is_warning=problem.is_warning)

    def _parse_time(self, row: Row, page: Mapping[str, Any]) -> datetime | None:
        has_time = row.scheduled_at not in {"", NEXT_SLOT}
        zone = self._find_zone(row, page) if has_time else None
        time = None if zone is None else self._parse_time_in(row, zone)
        if (
            zone is not None
            and time is not None
            and is_relative(self.calendar, row.scheduled_at, zone, self.now)
        ):
            message = f"{row.scheduled_at!r} is relative to the day of the run; write the date"
            self._add(row, "scheduled_at", message, is_warning=True)
        return time

    def _parse_time_in(self, row: Row, zone: ZoneInfo) -> datetime | None:
        text = row.scheduled_at
        try:
            return parse_row_time(self.calendar, text, zone, self.now)
        except TimeError as error:
            message = error.text
            if _NUMBER.fullmatch(text):
                message = f"{text} is a number; format the cell as a date with a time"
            elif row.repeat is not None and "readings" in error.details:
                message = f"{error.message.rpartition(';')[0]}; use another time of day"
            self._add(row, "scheduled_at", message)
        return None

    def _find_zone(self, row: Row, page: Mapping[str, Any]) -> ZoneInfo | None:
        # Cached: rows share a few pages and zones.
        key = name, _ = row_zone_name(self.calendar, row, self.now), page.get("id")
        zone = self._zones.get(key)
        if zone is None:
            try:
                zone = self._zones[key] = self._get_zone(row, page, name)
            except TimeError as error:
                self._add(row, "timezone", error.text)
        return zone

    def _get_zone(self, row: Row, page: Mapping[str, Any], name: str | None) -> ZoneInfo:
        if name is None and self.zone is not None:
            return self.zone
        if name is None or is_in_brand_zone(row, self.calendar, self.zone):
            return parse_zone(
                self.brand_zone(str(page.get("brand_id") or "")) if page else LAST_ZONE
            )
        return parse_row_zone(name)

    def _add(self, row: Row, field_name: str, message: str, *, is_warning: bool = False) -> None:
        self._problems.append(row.diagnostic(field_name, message, is_warning=is_warning))


def row_zone_name(calendar: Calendar, row: Row, now: datetime) -> str | None:
    """Return the time zone that a calendar names for a row, or UTC where any zone will do."""
    name = row.timezone or calendar.timezone
    is_ambiguous = name is not None and name.strip() in _AMBIGUOUS_ZONES
    return "UTC" if is_ambiguous and has_offset(calendar, row.scheduled_at, now) else name


def parse_row_zone(name: str) -> ZoneInfo:
    """Return the time zone that a calendar names; raises TimeError, even for an ambiguous one."""
    if name.strip() in _AMBIGUOUS_ZONES:
        raise TimeError(
            f"ambiguous time zone {name.strip()!r}: with or without daylight saving time",
            hint=f"Use {_AMBIGUOUS_ZONES[name.strip()]}.",
        )
    return parse_zone(name)


def parse_row_time(calendar: Calendar, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the time of a row of `calendar` in UTC; raises TimeError."""
    date_order, scheduler = calendar.settings.date_order, calendar.scheduler
    try:
        time = parse_time(text, now=now, zone=zone, date_order=date_order)
        has_day = not _TIME_OF_DAY.fullmatch(text)
    except PassedTimeError:
        has_day = False
    except DateOrderError as error:
        raise error.replace(hint=f"{error.hint}, or set --date-order dmy or mdy") from None
    except TimeError:
        if scheduler is None or not scheduler.skips_today or "next " not in text.lower():
            raise
        return parse_time(text, now=now + timedelta(days=1), zone=zone, date_order=date_order)
    if has_day:
        return time
    # A time without a date would be of today, which a calendar rarely means.
    raise TimeError(f"{text!r} is relative to the day of the run; write the date")


def has_offset(calendar: Calendar, text: str, now: datetime) -> bool:
    """Return whether a time of a row has its own offset or zone."""
    zones = ZoneInfo("UTC"), ZoneInfo(LAST_ZONE)
    try:
        times = {parse_row_time(calendar, text, zone, now) for zone in zones}
    except TimeError:
        return False
    return len(times) == 1 and not is_relative(calendar, text, zones[0], now)


def is_relative(calendar: Calendar, text: str, zone: ZoneInfo, now: datetime) -> bool:
    """Return whether the text gives a different time in a later run."""
    if text[:4].isdigit():
        return False
    try:
        later = parse_row_time(calendar, text, zone, now + _LATER)
        return later != parse_row_time(calendar, text, zone, now)
    except TimeError:
        return True


def _with_text(row: Row, text: str) -> Row:
    return row._replace(content=row.content._replace(message=text), is_composed=True)
