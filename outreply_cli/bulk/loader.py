"""Loading of calendar files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from outreply_cli.bulk.calendar import (
    FIELDS,
    STDIN,
    Calendar,
    ReadSettings,
    guess_field,
    is_calendar_url,
    normalize_field,
    unknown_field_message,
)
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.table_reader import ANY_COLUMN
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.formats.mapping import parse_mapping
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.paths import to_path
from outreply_cli.spec.text import is_unicode
from outreply_cli.storage.file_scope import FileScope

_FORMATS = {
    ".csv": "csv",
    **dict.fromkeys((".yaml", ".yml", ".json"), "yaml"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "workbook"),
}
_WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MAX_FILE_BYTES = 64 * 1024 * 1024


def load_calendar(
    name: str,
    settings: ReadSettings | None = None,
    stdin: BinaryIO | None = None,
    *,
    private: Sequence[Path] = (),
    cache_dir: Path = Path(),
    allow_outside: bool = False,
) -> Calendar:
    """Return the calendar in the file called `name`, with all problems found in the file.

    A file with the signature or the suffix of a workbook is read as one; .yaml, .yml and .json are
    read as YAML, others as CSV. `-` means `stdin`; it, and a URL with another suffix, is YAML if
    its first line is not a header with a separator. The files that its rows name must be under the
    directory of the calendar (of the file itself, if `name` is a link), or anywhere with
    `allow_outside`, but never in a `private` directory. A URL is fetched, and its content kept in
    `cache_dir`.

    Raises:
        InvalidInputError: The file cannot be read.
        FetchError: The URL cannot be fetched.
    """
    calendar = Calendar(name, Path(name), settings or ReadSettings())
    if name == STDIN and stdin is not None:
        calendar.file_scope = _make_scope(calendar.path, private, allow_outside=allow_outside)
        return _parse(calendar, stdin.read(_MAX_FILE_BYTES + 1))
    if is_calendar_url(name):
        from outreply_cli.bulk.remote_calendar import fetch_sheet

        suffix = Path(urlsplit(name).path).suffix.lower()
        return _parse(calendar, fetch_sheet(name, cache_dir), _FORMATS.get(suffix))
    path = calendar.path = to_path(name).absolute()
    try:
        if not path.is_file() and path.exists():
            calendar.add_problem(0, "", "not a file; use a calendar file")
            return calendar
        calendar.path = calendar_path(name)
        calendar.file_scope = _make_scope(calendar.path, private, allow_outside=allow_outside)
        with calendar.path.open("rb") as stream:
            content = stream.read(_MAX_FILE_BYTES + 1)
    except InvalidInputError as error:
        calendar.add_problem(0, "", error.message)
        return calendar
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", "") or failure
        raise InvalidInputError(f"cannot read {name}: {reason}") from None
    suffix = path.suffix.lower()
    if suffix == ".json" and (problem := _find_json_problem(content)) is not None:
        calendar.add_problem(*problem)
        return calendar
    return _parse(calendar, content, _FORMATS.get(suffix, "csv"))


def _make_scope(calendar: Path, private: Sequence[Path], *, allow_outside: bool) -> FileScope:
    # Resolved now, not when a file is opened: the directory may be swapped in between.
    directory = None if allow_outside else calendar.parent.resolve()
    return FileScope(directory, tuple(private))


def _parse(calendar: Calendar, content: bytes, file_format: str | None = None) -> Calendar:
    if len(content) > _MAX_FILE_BYTES:
        calendar.add_problem(0, "", "the file is larger than 64 MB; split it")
        return calendar
    if content.startswith(_WORKBOOK_STARTS):
        file_format = "workbook"
    elif file_format is None:
        file_format = "yaml" if _looks_like_yaml(content) else "csv"
    if file_format == "workbook":
        from outreply_cli.bulk.workbook_reader import parse_workbook

        parse_workbook(calendar, content)
    elif file_format == "yaml":
        from outreply_cli.bulk.yaml_reader import parse_yaml

        parse_yaml(calendar, content)
    else:
        parse_csv(calendar, content)
    if not calendar.rows and all(problem.is_warning for problem in calendar.problems):
        calendar.add_problem(0, "", "the calendar has no posts")
    return calendar


def _find_json_problem(content: bytes) -> tuple[int, str, str] | None:
    try:
        parse_json(decode_text(content))
    except TextEncodingError as problem:
        return problem.line, "", f"the file {problem}; save it as UTF-8"
    except json.JSONDecodeError as problem:
        return problem.lineno, "", f"invalid JSON: {problem.msg} (column {problem.colno})"
    except ValueError as problem:
        return 1, "", f"invalid JSON: {problem}"
    return None


def _looks_like_yaml(content: bytes) -> bool:
    try:
        text = decode_text(content)
    except TextEncodingError:
        # Each reader reports that.
        return False
    lines = (line for line in text.split("\n") if line.strip() and line[:1] != "#")
    header = next(lines, "")
    if header.lstrip()[:1] in {"[", "{"}:
        return True
    return not any(mark in header for mark in (",", ";", "\t", "sep="))


def calendar_path(name: str) -> Path:
    """Return the resolved path of the calendar called `name`; `-` is stdin.

    Raises:
        InvalidInputError: The path is not valid UTF-8.
    """
    if name == STDIN:
        return Path(name)
    path = to_path(name).resolve()
    if not is_unicode(str(path)):
        raise InvalidInputError("the calendar's name is not valid UTF-8; rename the file")
    return path


def parse_columns(text: str | None) -> dict[str, str]:
    """Parse `Text=message,"Notes, internal"=` into fields by lower-case column name.

    `*=` stands for all unknown columns.

    Raises:
        InvalidInputError: The text is not such a list, or names an unknown field.
    """
    hint = f"The fields are: {', '.join(FIELDS)}"
    names = parse_mapping("--columns", text or "", "COLUMN=FIELD", hint=hint)
    fields: dict[str, str] = {}
    for column, name in names.items():
        field = normalize_field(name) if name else ""
        if field is None:
            raise InvalidInputError(f"--columns: {unknown_field_message(name, guess_field(name))}")
        if field and column == ANY_COLUMN:
            raise InvalidInputError(
                f"--columns: {ANY_COLUMN}={name} maps all columns to one field",
                hint=f"Ignore all unknown columns with: --columns '{ANY_COLUMN}='",
            )
        fields[column.lower()] = field
    return fields


def parse_page_names(text: str | None) -> dict[str, str]:
    """Parse `NAME=PAGE,...` into pages by the lower-case name that a file uses.

    Raises:
        InvalidInputError: The text is not such a list.
    """
    hint = (
        "For example: --pages 'Acme Co.=facebook:acme'; an empty page skips the rows of that name."
    )
    names = parse_mapping("--pages", text or "", "NAME=PAGE", hint=hint)
    return {name.lower(): page for name, page in names.items()}
