"""Calendars, their rows and their fields."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from outreply_cli.bulk.headers import SchedulingTool, get_target
from outreply_cli.bulk.series import Repeat, parse_repeat
from outreply_cli.errors import TimeError
from outreply_cli.formats.json import parse_json
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.paths import resolve_unicode_name, suggest_near_file
from outreply_cli.posts.content import Diagnostic, PostContent
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.spec.platforms import PLATFORMS, find_platform
from outreply_cli.spec.text import normalize_line_endings
from outreply_cli.storage.file_scope import FileRefusedError, FileScope, check_regular

# The name of a calendar that is read from stdin, and its path.
STDIN = "-"
# The field with the text for each platform, in place of `message`.
PLATFORM_MESSAGES = {platform.name: f"message_{platform.label.lower()}" for platform in PLATFORMS}
_PLATFORM_FIELDS = frozenset(PLATFORM_MESSAGES.values())
# All fields with a text of a post.
MESSAGE_FIELDS = _PLATFORM_FIELDS | {"message"}


class Field(NamedTuple):
    """A field of a row, for readers, help and the JSON Schema.

    `kind` is `text`, `list` or `object`; `example` is a value in YAML.
    """

    name: str
    help: str
    example: str
    kind: str = "text"


FIELD_TABLE = (
    Field("key", "identifies the row: edit the rest, and its post is replaced", "launch"),
    Field("page", "ID, platform:username or name; separate several with ;",
          "instagram:acme", "list"),
    Field("scheduled_at", "a time, next-slot or nothing; see: outreply help slots",
          "2026-12-24 18:00"),
    Field("date", "the day; use date and time instead of scheduled_at", "2026-12-24"),
    Field("time", "the time of day, with `date`", "18:00"),
    Field("timezone", "time zone of this row", "Europe/Paris"),
    Field("message", "the text", "Good morning!"),
    *(
        Field(PLATFORM_MESSAGES[platform.name],
              f"the text for {platform.label} instead of `message`", "Good morning!")
        for platform in PLATFORMS
    ),
    Field("message_file", "a file with the text, instead of `message`", "texts/launch.txt"),
    Field("media_files", "images and videos, relative to the calendar; uploaded once",
          "images/hero.jpg", "list"),
    Field("media_ids", "uploaded media; see: outreply media list",
          "69b2f0c1a2b3c4d5e6f70812", "list"),
    Field("media_urls", "media on the web", "https://cdn.example.com/hero.jpg", "list"),
    Field("first_comment", "Instagram and Facebook only", "Who is coming?"),
    Field("link", "a link to attach", "https://example.com"),
    Field("tiktok_settings", "TikTok settings as JSON", '{"privacy_level": "SELF_ONLY"}',
          "object"),
    Field("repeat", "repeats the row as a series", "every tue until 2027-03"),
    Field("variants", "texts for the posts of a series, in turn",
          '["First text", "Second text"]', "variants"),
)  # fmt: skip
FIELDS = tuple(entry.name for entry in FIELD_TABLE)
# Fields that each variant of a series may have.
VARIANT_FIELDS = FIELDS[FIELDS.index("message") : FIELDS.index("repeat")]
TIME_FIELDS = frozenset({"scheduled_at", "date", "time"})
LIST_FIELDS = frozenset(entry.name for entry in FIELD_TABLE if entry.kind == "list")
ALIASES = {"page_id": "page", "pages": "page", "message_twitter": "message_x"}
MAX_KEY_CHARACTERS = 200
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_URL_SEPARATOR = re.compile(
    r";(?=\s*[A-Za-z][A-Za-z0-9+.-]*:)|(?<![,|\s])[,|\s]+(?=https?://)|\n", re.IGNORECASE
)
# Fields that hold the text for all platforms.
_TEXTS = frozenset({"message", "message_file"})
_MAX_MESSAGE_FILE_BYTES = 400_000
# One object for all rows.
_NO_MESSAGES: Mapping[str, str] = {}


class Sheet(NamedTuple):
    """A sheet of a workbook: its name, and the column letters of the fields."""

    name: str
    letters: Mapping[str, str] = {}

    def cell(self, line: int, field_name: str) -> str:
        """Return the address of a field: `Plan:C7`, or `Plan:7` for a field without a column."""
        return f"{self.name}:{self.letters.get(field_name, '')}{line or ''}".rstrip(":")


class Row(NamedTuple):
    """A row as written in its file.

    Attributes:
        key: Its identity across runs.
        scheduled_at: Its time as written; NEXT_SLOT for a row without one.
        messages: The texts for individual platforms, by the platform's name.
        has_invalid_content: Whether its content could not be read, and cannot be validated.
        repeat: Rule by which it is repeated; the other fields are those of each post.
        variants: The row with the content of each post of a series, in turn.
        is_composed: Whether its text is not in the file, but was composed for it.
    """

    file: str
    line: int
    key: str | None
    pages: tuple[str, ...]
    scheduled_at: str
    timezone: str | None
    content: PostContent
    media_files: tuple[Path, ...] = ()
    messages: Mapping[str, str] = {}
    has_invalid_content: bool = False
    sheet: Sheet | None = None
    repeat: Repeat | None = None
    variants: tuple["Row", ...] = ()
    is_composed: bool = False

    @property
    def lacks_text(self) -> bool:
        """Whether a text can be composed for the row: it has a time, and no text."""
        if self.messages or self.has_invalid_content or self.repeat is not None:
            return False
        return self.scheduled_at != NEXT_SLOT and not (self.content.message or "").strip()

    def diagnostic(self, field: str, message: str, *, is_warning: bool = False) -> Diagnostic:
        """Return a problem of one field, or of the whole row for ""."""
        cell = self.sheet.cell(self.line, field) if self.sheet is not None else ""
        return Diagnostic(field, message, is_warning, self.file, self.line, cell=cell)

    def for_platform(self, platform: str) -> "Row":
        """Return the row with its text for a platform."""
        if platform not in self.messages:
            return self
        return self._replace(content=self.content._replace(message=self.messages[platform]))


@dataclass(frozen=True)
class ReadSettings:
    """Settings for reading a calendar file, from outside of the file.

    Attributes:
        columns: Fields by lower-case column name; "" ignores a column, and `*` stands for all
            unknown ones.
        page_names: Pages by the lower-case name that the file uses for them; "" leaves it out.
        pages: Pages of rows that name none.
        scheduler: The scheduler that wrote the file; None to recognize it.
        sheet: Name of the sheet in a workbook; None for the only one with rows.
        date_order: Order of dates such as `24/12/2026`; None rejects them.
        utm: Templates of the parameters that links get.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    page_names: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[str, ...] = ()
    scheduler: SchedulingTool | None = None
    sheet: str | None = None
    date_order: str | None = None
    utm: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Calendar:
    """A calendar file.

    Attributes:
        file_name: Name of the file, as the user wrote it.
        path: Resolved path; `-` for stdin.
        settings: Settings for reading it.
        options: The command-line options behind these settings, stored for the next run.
        timezone: Zone of times without one.
        name: Name of the calendar, the same for all its files; None if it has none.
        file_scope: The files that its rows may name.
        sheet: The sheet that was read, if the file is a workbook.
        scheduler: The scheduler that wrote the file, if it is one that is known.
        header: The column names as written, in a file with columns.
        records: The cells of each row by its line, in a file with columns.
        notes: Notes for the user about the interpretation of the file.
    """

    file_name: str
    path: Path
    settings: ReadSettings = ReadSettings()
    options: Mapping[str, Any] = field(default_factory=dict)
    timezone: str | None = None
    name: str | None = None
    rows: list[Row] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    file_scope: FileScope = field(default_factory=FileScope)
    sheet: Sheet | None = None
    scheduler: SchedulingTool | None = None
    header: list[str] = field(default_factory=list)
    records: dict[int, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def is_remote(self) -> bool:
        """Whether the file was fetched from a URL."""
        return is_calendar_url(self.file_name)

    @property
    def source(self) -> str:
        """Path or URL of the file; `-` for stdin."""
        return self.file_name if self.is_remote else str(self.path)

    def resolve_path(self, name: str) -> Path:
        """Return the path of a file that a row names."""
        path = self.path.parent / name
        if "\\" in name and not _exists(path):
            # Calendars from Windows have backslashes in paths.
            path = self.path.parent / PureWindowsPath(name).as_posix()
        return resolve_unicode_name(path)

    def add_problem(
        self, line: int, field_name: str, message: str, *, is_warning: bool = False
    ) -> None:
        """Add a problem of the file, or a warning."""
        cell = self.sheet.cell(line, field_name) if self.sheet is not None else ""
        self.problems.append(
            Diagnostic(field_name, message, is_warning, self.file_name, line, cell=cell)
        )


def normalize_field(name: str) -> str | None:
    """Return the field that a column or key called `name` holds, or None."""
    normalized = _normalize(name)
    normalized = ALIASES.get(normalized, normalized)
    return normalized if normalized in FIELDS else None


def find_target(name: str) -> str | None:
    """Return what a column called `name` stands for: a field, or a part of one."""
    return normalize_field(name) or get_target(name)


def guess_field(name: str) -> str | None:
    """Return the field that an unknown `name` probably means."""
    import difflib

    name = _normalize(name)
    # A platform alone may be a column of its pages, or of check marks.
    platform = find_platform(name.removeprefix("message_"))
    if platform is not None:
        return PLATFORM_MESSAGES[platform.name] if name.startswith("message_") else None

    def is_near(field: str) -> bool:
        if field in TIME_FIELDS and name.count("_") > field.count("_"):
            # Rejects `end time` and `scheduled_at_utc`.
            return False
        # `message_fr` is not a text for X.
        is_text = field.startswith("message_")
        if is_text and name.startswith("message") and not name.startswith("message_"):
            return False
        start = len("message_") if is_text and name.startswith("message_") else 0
        cutoff = 0.7 if is_text or field in TIME_FIELDS else 0.6
        return bool(difflib.get_close_matches(name[start:], [field[start:]], cutoff=cutoff))

    near = difflib.get_close_matches(name, [*FIELDS, *ALIASES], n=len(FIELDS), cutoff=0.6)
    return next(filter(is_near, near), None)


def is_calendar_url(name: str) -> bool:
    """Whether the calendar called `name` is on the web, not in a file."""
    return name.lower().startswith(("https://", "http://"))


def is_url(text: str) -> bool:
    """Whether `text` starts like an absolute URL."""
    return _URL.match(text.strip()) is not None


def unknown_field_message(name: str, meant: str | None) -> str:
    """Return the message for an unknown field; `meant` is the field that was probably meant."""
    if meant:
        return f"unknown field {name!r}; did you mean {meant!r}?"
    return f"unknown field {name!r}; the fields are {', '.join(FIELDS)}"


def add_row(calendar: Calendar, line: int, values: Mapping[str, Any]) -> None:
    """Add the row with `values`, and its problems, to `calendar`.

    Values are text, lists of text for LIST_FIELDS, and an object for `tiktok_settings`; empty ones
    are left out.
    """
    row = _RowBuilder(calendar, line, values).build()
    if row is not None:
        calendar.rows.append(row)


class _RowBuilder:
    """Builds the row of a line, and adds its problems to the calendar."""

    def __init__(self, calendar: Calendar, line: int, values: Mapping[str, Any]) -> None:
        self._calendar = calendar
        self._line = line
        self._values = values

    def build(self) -> Row | None:
        """Return the row; None if it is left out."""
        calendar, values, get = self._calendar, self._values, self._values.get
        pages, key = self._map_pages(get("page") or ()), get("key")
        if not pages and get("page"):
            left_out = ", ".join(values["page"])
            reason = f"skipped: --pages leaves out {left_out}"
            calendar.add_problem(self._line, "page", reason, is_warning=True)
            return None
        scheduled_at = self._join_time(get("scheduled_at"), get("date"), get("time"))
        if key is not None and len(key) > MAX_KEY_CHARACTERS:
            self._add_problem("key", f"`key` is longer than {MAX_KEY_CHARACTERS} characters")
        problem_count = len(calendar.problems)
        content = self._read_content(values)
        variants = []
        if "variants" in values:
            variants = [self._read_content(variant) for variant in self._read_variants()]
        has_invalid_content = len(calendar.problems) > problem_count
        repeat = self._read_repeat()
        if repeat is not None and scheduled_at == NEXT_SLOT:
            message = "`repeat` requires the time of the first post (for example 2026-12-24 18:00)"
            self._add_problem("scheduled_at", message)
            scheduled_at = ""
        elif repeat is None and "repeat" in values:
            # Not the time of a single post.
            scheduled_at = ""
        # Without `repeat`, its message may be in the variants only.
        has_invalid_content |= bool(variants and repeat is None)
        row = Row(
            calendar.file_name, self._line, key, pages, scheduled_at, get("timezone"), *content,
            has_invalid_content, calendar.sheet, repeat,
        )  # fmt: skip
        if not variants:
            return row
        # Each variant is a single post.
        post = row._replace(repeat=None)
        return row._replace(
            variants=tuple(
                post._replace(content=content, media_files=files, messages=messages)
                for content, files, messages in variants
            )
        )

    def _add_problem(self, field_name: str, message: str) -> None:
        self._calendar.add_problem(self._line, field_name, message)

    def _map_pages(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the pages of the row, as `--pages` and `--page` map them."""
        settings = self._calendar.settings
        known = settings.page_names
        if not names:
            if not settings.pages:
                message = "`page` is required, for example instagram:acme; or use --page"
                self._add_problem("page", message)
            return settings.pages
        if not known:
            return tuple(names)
        mapped = []
        for name in names:
            parts = [part.strip() for part in name.split(",")]
            # A comma may belong to a name.
            if name.strip().lower() in known or known.keys().isdisjoint(map(str.lower, parts)):
                parts = [name.strip()]
            mapped += [known.get(part.lower(), part) for part in parts]
        return tuple(dict.fromkeys(name for name in mapped if name))

    def _join_time(self, scheduled_at: str | None, date: str | None, time: str | None) -> str:
        if date is None and time is None:
            text = scheduled_at or NEXT_SLOT
            return NEXT_SLOT if text.lower() == NEXT_SLOT else text
        if scheduled_at:
            self._add_problem("scheduled_at", "conflicts with `date` and `time`; keep one of them")
        elif date is None:
            self._add_problem("date", "`time` requires `date` too (for example 2026-12-24)")
        elif time is None:
            self._add_problem("time", "`date` requires `time` too (for example 18:00)")
        else:
            return f"{date} {time}"
        return ""

    def _read_content(
        self, values: Mapping[str, Any]
    ) -> tuple[PostContent, tuple[Path, ...], Mapping[str, str]]:
        """Return the content, the files, and the texts for individual platforms."""
        get = values.get
        message, comment, settings = get("message"), get("first_comment"), get("tiktok_settings")
        names = get("media_files") or ()
        if self._calendar.is_remote:
            names = ()
            # A calendar from a URL must not read files of this machine.
            for name, instead in (("message_file", "message"), ("media_files", "media_urls")):
                if name in values:
                    text = f"a calendar from a URL cannot use local files; use {instead}"
                    self._add_problem(name, text)
        elif "message_file" in values:
            if message is not None:
                self._add_problem("message_file", "conflicts with `message`; keep one of them")
            else:
                message = self._read_message(values["message_file"])
        if isinstance(settings, str):
            settings, reason = _parse_json(settings)
            if not isinstance(settings, dict):
                text = f'not a JSON object{reason} (for example {{"privacy_level": "SELF_ONLY"}})'
                self._add_problem("tiktok_settings", text)
                settings = None
        content = PostContent(
            message and normalize_line_endings(message),
            tuple(get("media_ids") or ()),
            tuple(get("media_urls") or ()),
            comment and normalize_line_endings(comment),
            get("link"),
            settings,
        )
        messages = _NO_MESSAGES
        if not _PLATFORM_FIELDS.isdisjoint(values):
            messages = {
                platform: normalize_line_endings(values[name])
                for platform, name in PLATFORM_MESSAGES.items()
                if name in values
            }
        return content, self._find_files(names) if names else (), messages

    def _find_files(self, names: Sequence[str]) -> tuple[Path, ...]:
        for name in filter(is_url, names):
            self._add_problem("media_files", f"{name!r} is a URL; move it to media_urls")
        return tuple(self._calendar.resolve_path(name) for name in names if not is_url(name))

    def _read_message(self, name: str) -> str | None:
        """Return the text in the file called `name`; None if it has a problem."""
        path = self._calendar.resolve_path(name)
        try:
            with os.fdopen(self._calendar.file_scope.open(path, check_regular), "rb") as stream:
                content = stream.read(_MAX_MESSAGE_FILE_BYTES + 1)
            if len(content) <= _MAX_MESSAGE_FILE_BYTES:
                return decode_text(content).rstrip("\n")
            problem = f"{path} is too long for a message"
        except FileNotFoundError:
            problem = f"file not found: {path}{suggest_near_file(path)}"
        except FileRefusedError as error:
            problem = f"{name} {error.message}"
        except TextEncodingError as error:
            problem = f"{path} {error}; save it as UTF-8"
        except (OSError, ValueError) as failure:
            problem = f"cannot read {path}: {getattr(failure, 'strerror', None) or failure}"
        self._add_problem("message_file", problem)
        return None

    def _read_variants(self) -> list[dict[str, Any]]:
        """Return the values of each variant: its own, and those of the row that it lacks."""
        values, variants = self._values, self._values.get("variants") or []
        if isinstance(variants, str):
            variants = self._parse_variants(variants)
        if (
            variants
            and values.keys() & _TEXTS
            and all(_TEXTS & variant.keys() for variant in variants)
        ):
            message = "not used, because each variant has a message; move it to `variants`"
            self._add_problem("message", message)
        other = {
            name: value
            for name, value in values.items()
            if name not in _TEXTS and name not in MESSAGE_FIELDS
        }
        return [{**(other if _TEXTS & item.keys() else values), **item} for item in variants]

    def _parse_variants(self, text: str) -> list[dict[str, Any]]:
        items, reason = _parse_json(text)
        if isinstance(items, list) and items:
            variants = [{"message": item} if isinstance(item, str) else item for item in items]
            if all(
                isinstance(item, dict) and all(map(_is_value, item, item.values()))
                for item in variants
            ):
                return variants
        message = f'not a JSON list{reason} (for example ["Text one", {{"message": "Text two"}}])'
        self._add_problem("variants", message)
        return []

    def _read_repeat(self) -> Repeat | None:
        """Return `repeat`; None if there is none, or it is invalid."""
        text = self._values.get("repeat")
        if text is None:
            if self._values.get("variants"):
                self._add_problem("variants", "`variants` requires `repeat`")
            return None
        try:
            return parse_repeat(text)
        except TimeError as error:
            self._add_problem("repeat", error.text)
            return None


def _parse_json(text: str) -> tuple[Any, str]:
    """Return the value of a JSON cell; None and the reason if it is invalid."""
    try:
        return parse_json(text, is_unique=True), ""
    except ValueError as error:
        return None, f": {error}"


def _is_value(name: str, value: object) -> bool:
    """Return whether a variant may have `value` in the field `name`."""
    if name in LIST_FIELDS and name in VARIANT_FIELDS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name == "tiktok_settings":
        return isinstance(value, dict)
    return name in VARIANT_FIELDS and isinstance(value, str) and bool(value.strip())


def split_cell(calendar: Calendar, field_name: str, text: str) -> list[str]:
    """Split a CSV cell of one of LIST_FIELDS at `;`, line breaks and, where it is clear, commas."""
    if field_name == "media_urls":
        return split_urls(text)
    separated = text.replace("\n", ";")
    if field_name == "media_ids":
        separated = separated.replace(",", ";")
    names = [part for part in map(str.strip, separated.split(";")) if part]
    if field_name != "media_files":
        return names
    return [part for name in names for part in _split_file_names(calendar, name)]


def split_urls(text: str) -> list[str]:
    """Split a CSV cell of URLs; a `;`, `|` or comma belongs to a URL unless another one follows."""
    parts = (part.strip().rstrip(";,| ") for part in _URL_SEPARATOR.split(text))
    return [part for part in parts if part]


def check_duplicate_keys(calendar: Calendar) -> None:
    """Add an error for each row whose key an earlier row has."""
    lines: dict[str, int] = {}
    for row in calendar.rows:
        if row.key is None:
            continue
        if row.key in lines:
            message = (
                f"duplicate key {row.key!r}, also on line {lines[row.key]}; use a different key"
            )
            calendar.add_problem(row.line, "key", message)
        lines.setdefault(row.key, row.line)


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return `diagnostics` by file and line, without duplicates."""
    return sorted(
        dict.fromkeys(diagnostics), key=lambda diagnostic: (diagnostic.file, diagnostic.line)
    )


def _normalize(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def _split_file_names(calendar: Calendar, name: str) -> list[str]:
    parts = [part for part in map(str.strip, name.split(",")) if part]
    if calendar.is_remote:
        return parts
    # A comma may belong to a name: only files that exist, or URLs, are several.
    is_list = len(set(parts)) == len(parts) and all(
        is_url(part) or _exists(calendar.resolve_path(part)) for part in parts
    )
    return parts if is_list and not _exists(calendar.resolve_path(name)) else [name]


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - pathlib's own raises
