"""Calendar files from disk or stdin."""

from collections.abc import Mapping
from pathlib import Path

from outreply_cli.bulk.calendar import FIELDS, Calendar, normalize_field, unknown_field_message
from outreply_cli.bulk.csv_reader import read_csv
from outreply_cli.errors import InvalidInputError
from outreply_cli.paths import to_path
from outreply_cli.spec.text import is_unicode

_YAML_ENDINGS = {".yaml", ".yml"}
_SPREADSHEETS = {".xlsx", ".xls", ".ods", ".numbers"}
_FILE_MAX_BYTES = 64 * 1024 * 1024


def load_calendar(name: str, columns: Mapping[str, str] | None = None) -> Calendar:
    """The calendar in the file called `name`, with every problem of the file by itself.

    Args:
        name: A path; its ending tells YAML from CSV.
        columns: What `--columns` renames.
    """
    path = to_path(name).absolute()
    calendar = Calendar(name, path)
    ending = path.suffix.lower()
    if ending in _SPREADSHEETS:
        calendar.add_error(
            0, "", "it is a spreadsheet; choose 'Save as' and 'CSV UTF-8', and give that file"
        )
        return calendar
    try:
        if not path.is_file() and path.exists():
            calendar.add_error(0, "", "it is no file; give a CSV or YAML file")
            return calendar
        if path.stat().st_size > _FILE_MAX_BYTES:
            calendar.add_error(0, "", "it is larger than 64 MB; split it")
            return calendar
        calendar.path = calendar_path(name)
        content = path.read_bytes()
    except InvalidInputError as problem:
        calendar.add_error(0, "", problem.message)
        return calendar
    except (OSError, ValueError) as failure:
        calendar.add_error(
            0, "", f"it can't be read: {getattr(failure, 'strerror', '') or failure}"
        )
        return calendar
    if ending in _YAML_ENDINGS:
        from outreply_cli.bulk.yaml_reader import read_yaml

        read_yaml(calendar, content)
    else:
        read_csv(calendar, content, columns or {})
    if not calendar.rows and not calendar.problems:
        calendar.add_error(0, "", "it has no posts")
    return calendar


def calendar_path(name: str) -> Path:
    """Where the calendar called `name` is: what the journal keeps its posts under.

    Raises:
        InvalidInputError: There are bytes in it that no text can hold.
    """
    path = to_path(name).resolve()
    if not is_unicode(str(path)):
        raise InvalidInputError("the calendar's name has bytes that are no UTF-8 text; rename it")
    return path


def parse_columns(text: str | None) -> dict[str, str]:
    """`Text=message,Date=scheduled_at` as a renaming; a name with nothing after it is left out.

    Raises:
        InvalidInputError: It is no such list, or names no known field.
    """
    renamed: dict[str, str] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        theirs, equals, ours = (piece.strip() for piece in part.partition("="))
        known = normalize_field(ours) if ours else ""
        if not equals or not theirs:
            raise InvalidInputError(
                f"--columns {part.strip()!r} is not NAME=FIELD",
                hint=f"The fields are: {', '.join(FIELDS)}",
            )
        if known is None:
            raise InvalidInputError(f"--columns: {unknown_field_message(ours)}")
        renamed[theirs.lower()] = known
    return renamed
