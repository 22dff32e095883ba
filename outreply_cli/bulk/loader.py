"""Loading of calendar files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from outreply_cli.bulk.calendar import (
    FIELDS,
    STDIN,
    Calendar,
    guess_field,
    normalize_field,
    unknown_field_message,
)
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.errors import InvalidInputError, malformed_value_error
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.paths import to_path
from outreply_cli.spec.text import is_unicode
from outreply_cli.storage.file_scope import FileScope

_YAML_SUFFIXES = {".yaml", ".yml"}
_SPREADSHEETS = {".xlsx", ".xls", ".ods", ".numbers"}
_FILE_MAX_BYTES = 64 * 1024 * 1024


def load_calendar(
    name: str,
    columns: Mapping[str, str] | None = None,
    stdin: BinaryIO | None = None,
    *,
    private: Sequence[Path] = (),
    allow_outside: bool = False,
) -> Calendar:
    """Return the calendar in the file called `name`, with all problems found in the file.

    Files that end in .yaml or .yml are YAML, others CSV. `-` stands for `stdin`: it is YAML if its
    first line is not a header with a separator. `columns` maps column names to fields. The files
    that its rows name must be below the directory of the calendar (of the file itself, if `name` is
    a link), or anywhere with `allow_outside`, but never in a `private` directory.

    Raises:
        InvalidInputError: The file cannot be read.
    """
    if name == STDIN and stdin is not None:
        calendar = Calendar(name, Path(name))
        calendar.files = _make_scope(calendar.path, private, allow_outside=allow_outside)
        return _parse(calendar, stdin.read(_FILE_MAX_BYTES + 1), columns)
    path = to_path(name).absolute()
    calendar = Calendar(name, path)
    suffix = path.suffix.lower()
    if suffix in _SPREADSHEETS:
        message = "the file is a spreadsheet; choose 'Save as' and 'CSV UTF-8', and use that file"
        calendar.add_error(0, "", message)
        return calendar
    try:
        if not path.is_file() and path.exists():
            calendar.add_error(0, "", "not a file; use a CSV or YAML file")
            return calendar
        calendar.path = calendar_path(name)
        calendar.files = _make_scope(calendar.path, private, allow_outside=allow_outside)
        with calendar.path.open("rb") as stream:
            content = stream.read(_FILE_MAX_BYTES + 1)
    except InvalidInputError as problem:
        calendar.add_error(0, "", problem.message)
        return calendar
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", "") or failure
        raise InvalidInputError(f"cannot read {name}: {reason}") from None
    return _parse(calendar, content, columns, is_yaml=suffix in _YAML_SUFFIXES)


def _make_scope(calendar: Path, private: Sequence[Path], *, allow_outside: bool) -> FileScope:
    # Resolved now, not when a file is opened: the directory may be swapped in between.
    directory = None if allow_outside else calendar.parent.resolve()
    return FileScope(directory, tuple(private))


def _parse(
    calendar: Calendar,
    content: bytes,
    columns: Mapping[str, str] | None,
    *,
    is_yaml: bool | None = None,
) -> Calendar:
    if len(content) > _FILE_MAX_BYTES:
        calendar.add_error(0, "", "the file is larger than 64 MB; split it")
        return calendar
    if is_yaml is None:
        is_yaml = _looks_like_yaml(content)
    if is_yaml:
        from outreply_cli.bulk.yaml_reader import parse_yaml

        parse_yaml(calendar, content)
    else:
        parse_csv(calendar, content, columns or {})
    if not calendar.rows and not calendar.problems:
        calendar.add_error(0, "", "the calendar has no posts")
    return calendar


def _looks_like_yaml(content: bytes) -> bool:
    try:
        text = decode_text(content)
    except TextEncodingError:
        # Each reader reports that.
        return False
    lines = (line for line in text.split("\n") if line.strip() and line[:1] != "#")
    header = next(lines, "")
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
    """Parse `Text=message,Notes=` into fields by lower-case column name.

    Raises:
        InvalidInputError: The text is not such a list, or names an unknown field.
    """
    fields: dict[str, str] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        column, equals, name = (piece.strip() for piece in part.partition("="))
        field = normalize_field(name) if name else ""
        if not equals or not column:
            raise malformed_value_error(
                "--columns",
                part.strip(),
                "COLUMN=FIELD",
                hint=f"The fields are: {', '.join(FIELDS)}",
            )
        if field is None:
            raise InvalidInputError(f"--columns: {unknown_field_message(name, guess_field(name))}")
        fields[column.lower()] = field
    return fields
