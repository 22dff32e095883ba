"""Rows of calendar files: what each field means, and where everything stands in its file."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from outreply_cli.formats.json import parse_json
from outreply_cli.posts.content import PostContent

FIELDS = (
    "key",
    "page",
    "scheduled_at",
    "timezone",
    "message",
    "message_file",
    "media_files",
    "media_ids",
    "media_urls",
    "first_comment",
    "link",
    "tiktok_settings",
)
LIST_FIELDS = frozenset({"page", "media_files", "media_ids", "media_urls"})
_ALIASES = {"page_id": "page", "pages": "page"}
_BETWEEN_URLS = re.compile(r";(?=\s*[A-Za-z][A-Za-z0-9+.-]*:)|\n")
_KEY_MAX_CHARACTERS = 200
_MESSAGE_FILE_MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Diagnostic:
    """What is wrong at one place of a calendar.

    Attributes:
        file: As the user named it.
        line: From 1; 0 for the file as a whole.
        field: Which field, or "" for the whole row.
        what: The reason, and what to do.
        is_warning: Whether the calendar may go out all the same.
    """

    file: str
    line: int
    field: str
    what: str
    is_warning: bool = False

    @property
    def text(self) -> str:
        """`FILE:LINE: field: what, and what to do`."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.field, self.what) if part)

    def as_details(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "file": self.file,
            "line": self.line,
            "field": self.field,
            "message": self.what,
            "text": self.text,
        }


class Row(NamedTuple):
    """One row as it was written.

    Attributes:
        line: Where it begins in its file.
        key: What names it over runs, if anything does.
        pages: What names its pages.
        scheduled_at: The time as written.
        timezone: The zone of this row, if it has one of its own.
        media_files: On this machine, still to be uploaded.
        has_bad_content: Whether its content could not be read, and so can't be judged.
    """

    file: str
    line: int
    key: str | None
    pages: tuple[str, ...]
    scheduled_at: str
    timezone: str | None
    content: PostContent
    media_files: tuple[Path, ...] = ()
    has_bad_content: bool = False

    def problem(self, field: str, what: str, *, is_warning: bool = False) -> Diagnostic:
        """What is wrong with one field of it, or with all of it for ""."""
        return Diagnostic(self.file, self.line, field, what, is_warning=is_warning)


@dataclass
class Calendar:
    """One calendar file.

    Attributes:
        name: The file as the user named it.
        path: Where it is: what the journal knows it by.
        timezone: The zone of rows that have none; None where the file has none either.
        problems: Everything that is wrong with the file by itself.
    """

    name: str
    path: Path
    timezone: str | None = None
    rows: list[Row] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)

    def add_error(self, line: int, field_name: str, what: str) -> None:
        """Write a problem down."""
        self.problems.append(Diagnostic(self.name, line, field_name, what))


def normalize_field(name: str) -> str | None:
    """The field that a column or key called `name` holds, or None."""
    if name in FIELDS:
        return name
    plain = "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
    plain = _ALIASES.get(plain, plain)
    return plain if plain in FIELDS else None


def unknown_field_message(name: str) -> str:
    """What is said of a field that does not exist."""
    near = difflib.get_close_matches(name.strip().lower(), [*FIELDS, *_ALIASES], n=1, cutoff=0.5)
    if near:
        return f"there is no field {name!r}; did you mean {near[0]!r}?"
    return f"there is no field {name!r}; the fields are: {', '.join(FIELDS)}"


def make_row(calendar: Calendar, line: int, values: Mapping[str, Any]) -> Row:
    """The row that `values` make up; what is wrong with them becomes a problem of `calendar`.

    Args:
        calendar: Where the row belongs.
        line: Where it begins.
        values: By field: text, lists of text for LIST_FIELDS, an object for `tiktok_settings`;
            empty ones are left out.
    """
    get = values.get
    pages, scheduled_at, key = get("page") or (), get("scheduled_at"), get("key")
    if not pages:
        calendar.add_error(line, "page", "it is missing; name a page, such as instagram:acme")
    if not scheduled_at:
        calendar.add_error(line, "scheduled_at", "it is missing; write 2026-12-24 18:00")
    if key is not None and len(key) > _KEY_MAX_CHARACTERS:
        calendar.add_error(line, "key", f"it is longer than {_KEY_MAX_CHARACTERS} characters")
    before = len(calendar.problems)
    message, settings, files = get("message"), get("tiktok_settings"), get("media_files") or ()
    if "message_file" in values:
        if message is not None:
            calendar.add_error(line, "message_file", "there is a message too; keep one of them")
        else:
            message = _read_message(calendar, line, values["message_file"])
    if isinstance(settings, str):
        settings = _read_settings(calendar, line, settings)
    content = PostContent(
        message,
        tuple(get("media_ids") or ()),
        tuple(get("media_urls") or ()),
        get("first_comment"),
        get("link"),
        settings,
    )
    return Row(
        calendar.name,
        line,
        key,
        tuple(pages),
        scheduled_at or "",
        get("timezone"),
        content,
        tuple(_beside(calendar, name) for name in files),
        len(calendar.problems) > before,
    )


def split_list(text: str) -> list[str]:
    """The entries of a CSV cell that holds several, separated by `;` or line breaks."""
    if ";" not in text and "\n" not in text:
        return [text.strip()]
    parts = (part.strip() for part in text.replace("\n", ";").split(";"))
    return [part for part in parts if part]


def split_urls(text: str) -> list[str]:
    """The URLs of a CSV cell: a `;` in one of them is its own, unless another URL follows it."""
    parts = (part.strip().rstrip(";").rstrip() for part in _BETWEEN_URLS.split(text))
    return [part for part in parts if part]


def check_duplicate_keys(calendar: Calendar) -> None:
    """Keys name rows: the same one twice is a problem of both rows."""
    seen: dict[str, int] = {}
    for row in calendar.rows:
        if row.key is None:
            continue
        if row.key in seen:
            calendar.add_error(
                row.line,
                "key",
                f"{row.key!r} is the key of line {seen[row.key]} too; every row needs its own",
            )
        seen.setdefault(row.key, row.line)


def sort_diagnostics(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """`problems` as a reader meets them in the files, each once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line))


def _beside(calendar: Calendar, name: str) -> Path:
    path = calendar.path.parent / name
    if "\\" in name and not os.path.exists(path):  # noqa: PTH110 - pathlib's own raises
        # Written on Windows, and carried out by a server.
        return calendar.path.parent / PureWindowsPath(name).as_posix()
    return path


def _read_message(calendar: Calendar, line: int, name: str) -> str | None:
    path = _beside(calendar, name)
    try:
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            calendar.add_error(line, "message_file", f"{path} is no file")
            return None
        with path.open(encoding="utf-8-sig") as stream:
            text = stream.read(_MESSAGE_FILE_MAX_CHARACTERS + 1)
        if len(text) <= _MESSAGE_FILE_MAX_CHARACTERS:
            return text.rstrip("\n")
        calendar.add_error(line, "message_file", f"{path} is too long for a message")
    except FileNotFoundError:
        calendar.add_error(line, "message_file", f"there is no file {path}")
    except UnicodeDecodeError:
        calendar.add_error(line, "message_file", f"{path} is not UTF-8 text")
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        calendar.add_error(line, "message_file", f"{path} can't be read: {reason}")
    return None


def _read_settings(calendar: Calendar, line: int, text: str) -> dict[str, Any] | None:
    try:
        settings = parse_json(text)
    except ValueError:
        settings = None
    if isinstance(settings, dict):
        return settings
    calendar.add_error(
        line, "tiktok_settings", 'it is no JSON object; write {"privacy_level": "SELF_ONLY"}'
    )
    return None
