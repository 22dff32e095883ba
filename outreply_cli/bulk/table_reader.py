"""Rows of calendars that have columns: CSV files and workbooks."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from outreply_cli.bulk.calendar import (
    LIST_FIELDS,
    MESSAGE_FIELDS,
    TIME_FIELDS,
    Calendar,
    add_row,
    check_duplicate_keys,
    find_target,
    guess_field,
    is_url,
    normalize_field,
    split_cell,
    split_urls,
    unknown_field_message,
)
from outreply_cli.bulk.headers import (
    HEADERLESS,
    REPORT_COLUMNS,
    TIME_PARTS,
    SchedulingTool,
    find_scheduler,
    get_target,
)
from outreply_cli.formats.csv import unescape_formula
from outreply_cli.formats.mapping import quote_mapping
from outreply_cli.formats.text import join_names
from outreply_cli.spec.platforms import PLATFORMS, find_platform
from outreply_cli.time_parser import find_weekday

Record = tuple[int, list[str]]
# What each column stands for: a field or a part of one, "" to ignore it, None if unknown.
_Targets = Sequence[str | None]

_REPORT_COLUMNS = frozenset(REPORT_COLUMNS)
# Stands for every unknown column in `ReadSettings.columns`.
ANY_COLUMN = "*"
# Error values of Excel, LibreOffice and Google Sheets, in five languages.
_ERROR = re.compile(
    r"#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|BUSY!"
    r"|UNKNOWN!|ERROR!|GETTING_DATA|WERT!|BEZUG!|ZAHL!|NV|ÜBERLAUF!|VALEUR!|NOM\?|NOMBRE!"
    r"|PROPAGATION!|¡VALOR!|¡REF!|¡NUM!|¡DIV/0!|¡NULO!|¿NOMBRE\?|¡DESBORDAMIENTO!|N/D|VALORE!|RIF!"
    r"|NOME\?|ESPANSIONE!)|Err:\d{3}|#{3,}"
)
_ERROR_STARTS = frozenset("#E \n")
_CORRECT_CELL = "correct the cell (text that starts with =, +, - or @ needs a ' before it)"
_MAX_COLUMNS = 1_000
_MAX_ROWS_AND_PROBLEMS = 200_000
# A date with a time: a value, not the name of a column.
_TIMESTAMP = re.compile(r"\s*\d{1,4}([-/.])\d{1,2}\1\d{1,4}[ T]\d{1,2}:\d\d")
# Maximum number of rows with one cell above the header, such as titles.
_MAX_TITLES = 20
# Remarks in a header about its values, such as `(UTC)`.
_REMARK = re.compile(
    r"(?<!\s)\s*\((?:utc|gmt|[ecmp][sd]?t|[abij]st|cest|aest|[dmyhs][dmyhs ,:./-]*)\)"
    r"|(?<![\s_-])[\s_-]*(?:utc|gmt)$",
    re.IGNORECASE,
)
# Targets that several columns may have.
_SEVERAL = frozenset({"media", "media_urls", "network"})
# Targets that are not fields, as notes call them.
_TARGET_LABELS = {"media": "media files or URLs", "network": "page", "platform": "page"}
# Parts of fields, which are put together once a row is read.
_PARTS = frozenset({"media", "platform", "weekday", "am_pm", "draft", "comments", *TIME_PARTS})
# A row with nothing else is not a post, but an empty line or a note.
_NOT_CONTENT = frozenset(
    {"key", "scheduled_at", "date", "time", "timezone", "weekday", "am_pm", *TIME_PARTS}
)
# A zone may follow.
_AM_PM = re.compile(r"[ap]\.?\s?m\.?(?:\s.*)?", re.IGNORECASE)
# The year of a date, beside its month or its day.
_YEAR = re.compile(r"[-./]20\d\d(?!\d)|(?<!\d)20\d\d[-./]")
# Text that ends with a 12-hour time, which AM or PM completes.
_TWELVE_HOURS = re.compile(r"(?:.*[\sT])?(?:0?[1-9]|1[0-2])(?:[:.][\d:.]*)?")
_YES = frozenset({"true", "yes", "y", "x", "1", "wahr", "ja", "vrai", "oui", "verdadero", "si",
                  "sí", "verdadeiro", "sim"})  # fmt: skip
_NO = frozenset({"", "false", "no", "n", "0", "falsch", "nein", "faux", "non", "falso", "não",
                 "nao"})  # fmt: skip


def add_records(calendar: Calendar, records: Iterator[Record]) -> None:
    """Add the rows and problems of `records`, cells with their line; the first one is the header.

    Rows above the header that have one cell are titles.
    """
    scheduler = calendar.settings.scheduler
    if scheduler is not None and scheduler.columns_in_order:
        targets, records = _skip_header(calendar, scheduler, records)
    else:
        targets, records = _read_header(calendar, records)
    if targets is not None:
        reader = _RowReader(calendar, targets)
        for line, cells in records:
            if len(calendar.rows) + len(calendar.problems) >= _MAX_ROWS_AND_PROBLEMS:
                kind = "file" if calendar.sheet is None else "sheet"
                message = (
                    f"the {kind} has more than {_MAX_ROWS_AND_PROBLEMS} rows and problems; split it"
                )
                calendar.add_problem(line, "", message)
                break
            reader.add(line, cells)
        reader.add_notes()
    check_duplicate_keys(calendar)


def _skip_header(
    calendar: Calendar, scheduler: SchedulingTool, records: Iterator[Record]
) -> tuple[_Targets | None, Iterator[Record]]:
    """Return the targets of a file without a header row, and its rows without an added one."""
    first = next(records, None)
    if first is not None and find_target(first[1][0]) is None:
        records = itertools.chain([first], records)
    calendar.header = list(scheduler.columns_in_order)
    _note_scheduler(calendar, scheduler)
    return calendar.header, records


def _read_header(
    calendar: Calendar, records: Iterator[Record]
) -> tuple[_Targets | None, Iterator[Record]]:
    """Return the targets, or None if rows cannot be read without more information."""
    titles: list[Record] = []
    found: Record | None = None
    for record in itertools.islice(records, _MAX_TITLES):
        filled = [cell for cell in record[1] if cell.strip()]
        if len(filled) > 1 or find_target(filled[0]):
            found = record
            break
        titles.append(record)
    if found is None and titles:
        # Every row has one cell: the first one is the header.
        found, *rest = titles
        titles, records = [], itertools.chain(rest, records)
    if found is None:
        if not calendar.problems:
            message = "the file is empty; start with a header row: page,scheduled_at,message"
            calendar.add_problem(1, "", message)
        return None, records
    if _TIMESTAMP.match(found[1][0]) and len(found[1]) <= len(HEADERLESS.columns_in_order):
        return _skip_header(calendar, HEADERLESS, itertools.chain([found], records))
    if titles:
        lines = _join_lines(calendar, [line for line, _ in titles])
        calendar.notes.append(f"{lines} above the header row ignored")
    return _parse_header(calendar, *found), records


def _parse_header(calendar: Calendar, line: int, names: list[str]) -> _Targets | None:
    if len(names) > _MAX_COLUMNS:
        message = (
            f"the file has {len(names)} columns; the limit is {_MAX_COLUMNS}; remove unknown "
            "columns"
        )
        calendar.add_problem(line, "", message)
        return None
    names = [name.strip() for name in names]
    if not _REPORT_COLUMNS.isdisjoint(names):
        names = [unescape_formula(name) for name in names]
    calendar.header = names
    settings = calendar.settings
    calendar.scheduler = scheduler = settings.scheduler or find_scheduler(names)
    explicit = [
        settings.columns.get(name.lower(), "" if name in _REPORT_COLUMNS else None)
        for name in names
    ]
    mapped = _map_columns(names, explicit, scheduler)
    _pair_date_and_time(names, mapped, explicit)
    if "page" not in mapped and "platform" in mapped:
        mapped[mapped.index("platform")] = "page"
    unknown = [index for index, name in enumerate(names) if name and mapped[index] is None]
    if scheduler is not None:
        # The API has no field for the others; those that look like a field are reported.
        unknown = [index for index in unknown if find_target(names[index])]
    if unknown and settings.columns.get(ANY_COLUMN) is None:
        unknown_names = [names[index] for index in unknown]
        _report_unknown_columns(calendar, line, unknown_names, names, mapped)
    for index, target in enumerate(mapped):
        if target and target in mapped[:index] and target not in _SEVERAL:
            message = f"two columns map to {target}; keep one of them"
            calendar.add_problem(line, names[index], message)
    if calendar.sheet is not None:
        calendar.sheet = calendar.sheet._replace(letters=_get_letters(mapped))
    _note_columns(calendar, names, mapped)
    return None if _is_page_missing(calendar, line, mapped) else mapped


def _map_columns(
    names: Sequence[str], explicit: Sequence[str | None], scheduler: SchedulingTool | None
) -> list[str | None]:
    """Return what each column stands for; None if that is unknown, or another column has it."""
    mapped = list(explicit)
    # Our own names take precedence over other words for the same field; users add columns to the
    # files of schedulers too.
    own = () if scheduler is None else (scheduler.get_target,)
    for find in (*own, normalize_field, get_target):
        for index, name in enumerate(names):
            target = find(name) if mapped[index] is None else None
            if find == get_target and target in mapped and target not in _SEVERAL:
                # A date and its time, such as `Post date` and `Post time`, are a pair.
                is_pair = target == "scheduled_at" and mapped.count(target) == 1
                target = target if is_pair and _is_pair(names[mapped.index(target)], name) else None
            mapped[index] = mapped[index] if target is None else target
    return mapped


def _is_pair(*names: str) -> bool:
    words = [set(name.lower().split()) & {"date", "time"} for name in names]
    return words in ([{"date"}, {"time"}], [{"time"}, {"date"}])


def _is_page_missing(calendar: Calendar, line: int, mapped: Sequence[str | None]) -> bool:
    """Add an error if the column for the page is missing; return whether it is."""
    if calendar.settings.pages or not {"page", "network"}.isdisjoint(mapped):
        return False
    hint = "start with: page,scheduled_at,message"
    if "message" in mapped:
        hint = "add it, or set the page of all rows with --page"
    calendar.add_problem(line, "page", f"missing column 'page'; {hint}")
    return True


def _pair_date_and_time(
    names: Sequence[str], mapped: list[str | None], explicit: Sequence[str | None]
) -> None:
    """Make two columns of one time `date` and `time`, and the only one `scheduled_at`."""
    times = [index for index, target in enumerate(mapped) if target in TIME_FIELDS]
    if len(times) == 2 and "scheduled_at" in mapped:
        times.sort(
            key=lambda index: (
                ("date", "scheduled_at", "time").index(mapped[index] or ""),
                "time" in names[index].lower(),
            )
        )
        mapped[times[0]], mapped[times[1]] = "date", "time"
    elif not {"date", "time"} <= set(mapped):
        # `Mon` and `18:00` alone would mean a different date in each week.
        has_date = not {"date", "scheduled_at"}.isdisjoint(mapped)
        if "weekday" in mapped and not has_date:
            mapped[mapped.index("weekday")] = None
        for index, target in enumerate(mapped):
            if target in {"date", "time"} and explicit[index] is None:
                mapped[index] = None if "scheduled_at" in mapped else "scheduled_at"


def _report_unknown_columns(
    calendar: Calendar,
    line: int,
    unknown: Sequence[str],
    names: Sequence[str],
    mapped: Sequence[str | None],
) -> None:
    """Add one error for the columns in `unknown`, with the option that maps or ignores them."""
    guesses: dict[str, str] = {}
    rivals: dict[str, str] = {}
    zone = ""
    has_time = not TIME_FIELDS.isdisjoint(mapped)
    about_time = [name for name in unknown if _is_about_time(name)]
    for name in unknown:
        plain = _REMARK.sub("", name)
        guess = find_target(plain) or guess_field(plain) or ""
        if not has_time and about_time == [name] == list(unknown):
            # Rows without a time would take slots.
            guess = "scheduled_at"
        if guess in TIME_FIELDS:
            zone = zone if plain == name else ", and set the time zone with --tz"
        if guess in mapped and get_target(plain) == guess:
            rivals[name] = names[mapped.index(guess)]
            guesses[rivals[name]] = guess
        is_free = guess not in mapped and guess not in guesses.values()
        guesses[name] = guess if is_free and normalize_field(guess) else ""
    # The option replaces the one that was given.
    hint = f"--columns {quote_mapping({**calendar.settings.columns, **guesses})}{zone}"
    if len(unknown) > 1:
        verb = "map" if all(guesses.values()) else "map or ignore"
        message = f"unknown columns {', '.join(map(repr, unknown))}; {verb} them with {hint}"
        calendar.add_problem(line, "", message)
        return
    (name,) = unknown
    if name in rivals:
        field = guesses[rivals[name]]
        message = f"may hold the {field}, and so may {rivals[name]!r}; choose one with {hint}"
    else:
        verb = " Map it with" if guesses[name] else "; ignore it with"
        message = f"{unknown_field_message(name, guesses[name] or None)}{verb} {hint}"
    calendar.add_problem(line, name, message)


def _is_about_time(name: str) -> bool:
    return any(get_target(word) in TIME_FIELDS for word in re.split(r"[\W_]+", name))


def _note_columns(calendar: Calendar, names: Sequence[str], mapped: Sequence[str | None]) -> None:
    """Note which scheduler wrote the file, or which columns have another name than their field."""
    if calendar.scheduler is not None:
        _note_scheduler(calendar, calendar.scheduler)
        return
    renamed = [
        f"{name!r} as {_TARGET_LABELS.get(target, target)}"
        for name, target in zip(names, mapped, strict=True)
        if target
        and normalize_field(name) is None
        and name.lower() not in calendar.settings.columns
    ]
    if renamed:
        calendar.notes.append(f"recognized columns: {', '.join(renamed)}")


def _note_scheduler(calendar: Calendar, scheduler: SchedulingTool) -> None:
    calendar.scheduler = scheduler
    columns = (
        ""
        if scheduler.signature
        else f": {', '.join(scheduler.columns_in_order)}, without a header"
    )
    calendar.notes.append(f"read as a file for {scheduler.label}{columns}")


def _get_letters(targets: _Targets) -> dict[str, str]:
    letters: dict[str, str] = {}
    for index, target in enumerate(targets):
        for name in ("media_files", "media_urls") if target == "media" else (target,):
            if name:
                letters.setdefault(name, _column_letter(index))
        if target in {"date", *TIME_PARTS}:
            letters.setdefault("scheduled_at", _column_letter(index))
    if "network" in letters:
        letters.setdefault("page", letters.pop("network"))
    return letters


class _RowReader:
    """Reads the rows of a file whose columns are known."""

    def __init__(self, calendar: Calendar, targets: _Targets) -> None:
        self._calendar = calendar
        self._names = names = calendar.header
        columns = list(enumerate(targets))
        self._fields = [(index, name) for index, name in columns if name and name != "network"]
        self._networks = [index for index, name in columns if name == "network"]
        unknown = [index for index, name in columns if name is None]
        self._nameless = [index for index in unknown if not names[index]]
        # Columns of the scheduler for which the API has no field.
        self._left_out = [
            index
            for index in unknown
            if calendar.scheduler and names[index] and not find_target(names[index])
        ]
        # The brand of each row would be lost, so a file may have only one brand.
        self._brand = next((i for i in self._left_out if names[i].lower() == "brand name"), None)
        if "page" in targets:
            self._brand = None
        self._brand_line: tuple[str, int] | None = None
        # A `scheduled_at` beside a `date` is its time, or a date and a time.
        self._may_be_complete = "time" in targets and (
            find_target(names[targets.index("time")]) == "scheduled_at"
        )
        self._used: set[int] = set()
        self._is_report = not _REPORT_COLUMNS.isdisjoint(names)
        self._frames: list[int] = []

    def add(self, line: int, cells: list[str]) -> None:
        """Add a row of the file."""
        calendar, names = self._calendar, self._names
        if self._is_report:
            cells = [unescape_formula(cell) for cell in cells]
        calendar.records[line] = cells
        # Most files need none of these checks, which would double the time of each row.
        if len(cells) > len(names) and any(map(str.strip, cells[len(names) :])):
            message = (
                f"the row has {len(cells)} cells, but the file has {len(names)} columns; quote "
                "cells that contain a delimiter"
            )
            calendar.add_problem(line, "", message)
            return
        if self._nameless and any(
            cells[index].strip() for index in self._nameless if index < len(cells)
        ):
            message = (
                "text in a column without a name; quote cells that contain a delimiter, or name "
                "the column"
            )
            calendar.add_problem(line, "", message)
            return
        values = self._read_fields(line, cells)
        if (
            self._may_be_complete
            and {"date", "time", "weekday"} & values.keys() == {"time"}
            and _YEAR.search(values["time"])
        ):
            values["scheduled_at"] = values.pop("time")
        if values.keys() <= _NOT_CONTENT:
            self._frames.append(line)
        elif cells[0].strip() != names[0] or [*map(str.strip, cells)] != names:
            # Otherwise the header row is repeated, such as above each month.
            if self._left_out:
                self._used.update(
                    index
                    for index in self._left_out
                    if index < len(cells) and cells[index].strip().lower() not in _NO
                )
            if _PARTS.isdisjoint(values) or self._join_parts(line, values):
                self._check_brand(line, cells)
                add_row(calendar, line, values)

    def add_notes(self) -> None:
        """Add notes on what was not read."""
        notes = self._calendar.notes
        if self._frames:
            lines = _join_lines(self._calendar, self._frames)
            notes.append(f"{lines} without a page, text or media ignored")
        names = [self._names[index] for index in sorted(self._used)]
        if names:
            fields = "a field for it" if len(names) == 1 else "fields for them"
            notes.append(f"ignored {join_names(names)}: the API does not have {fields}")

    def _read_fields(self, line: int, cells: Sequence[str]) -> dict[str, Any]:
        """Return the fields of a row, and parts of fields."""
        calendar = self._calendar
        values: dict[str, Any] = {}
        count = len(cells)
        for index, name in self._fields:
            cell = cells[index] if index < count else ""
            if not cell or cell.isspace():
                continue
            if cell[0] in _ERROR_STARTS and _ERROR.fullmatch(cell.strip()):
                message = f"{cell.strip()} is a spreadsheet error; {_CORRECT_CELL}"
                calendar.add_problem(line, name, message)
            if name in MESSAGE_FIELDS:
                values[name] = cell
            elif name in LIST_FIELDS:
                values.setdefault(name, []).extend(split_cell(calendar, name, cell))
            elif name == "media":
                self._add_media(values, cell)
            else:
                values[name] = cell.strip()
        if self._networks:
            self._add_networks(line, values, cells)
        return values

    def _add_media(self, values: dict[str, Any], cell: str) -> None:
        if is_url(cell):
            values.setdefault("media_urls", []).extend(split_urls(cell))
            return
        for name in split_cell(self._calendar, "media_files", cell):
            values.setdefault("media_urls" if is_url(name) else "media_files", []).append(name)

    def _add_networks(self, line: int, values: dict[str, Any], cells: Sequence[str]) -> None:
        for index in self._networks:
            cell = cells[index].strip().lower() if index < len(cells) else ""
            name = self._names[index]
            if cell in _YES:
                values.setdefault("page", []).append(name)
            elif cell not in _NO:
                self._calendar.add_problem(line, name, f"{cell!r} is not TRUE or FALSE")

    def _check_brand(self, line: int, cells: Sequence[str]) -> None:
        """Add an error if a row is for another brand than an earlier one."""
        index = self._brand
        brand = "" if index is None or index >= len(cells) else cells[index].strip()
        if not brand:
            return
        first, first_line = self._brand_line = self._brand_line or (brand, line)
        if brand.casefold() != first.casefold():
            message = (
                f"the row is for the brand {brand!r}, but would get the same pages as {first!r} on "
                f"{_join_lines(self._calendar, [first_line])}; write a file for each brand, or "
                "ignore the column with --columns"
            )
            self._calendar.add_problem(line, "page", message)

    def _join_weekday(self, line: int, values: dict[str, Any]) -> None:
        """Add the weekday to the date: the parser refuses one that contradicts it."""
        weekday = values.pop("weekday")
        known = find_weekday(weekday)
        if known is None:
            message = f"{weekday!r} is not a weekday; ignore the column with --columns"
            self._calendar.add_problem(line, "weekday", message)
            return
        for name in ("date", "scheduled_at"):
            if name in values:
                values[name] = f"{known} {values[name]}"
                return

    def _join_am_pm(self, line: int, values: dict[str, Any]) -> None:
        am_pm = values.pop("am_pm")
        name = "time" if {"date", "time"} & values.keys() else "scheduled_at"
        time = values.get(name, "")
        if _AM_PM.fullmatch(am_pm) and _TWELVE_HOURS.fullmatch(time):
            values[name] = f"{time} {am_pm}"
            return
        if not _AM_PM.fullmatch(am_pm):
            problem = "is not AM or PM; correct the cell"
        elif not time:
            problem = "has no time beside it; write the time"
        else:
            problem = (
                f"completes a time such as 6:00, not {time!r}; correct the time, or clear this cell"
            )
        self._calendar.add_problem(line, "am_pm", f"{am_pm!r} {problem}")

    def _join_parts(self, line: int, values: dict[str, Any]) -> bool:
        """Replace parts of fields with the fields; return whether the row is a post."""
        calendar = self._calendar
        draft = values.pop("draft", "").lower()
        if draft in _YES:
            calendar.add_problem(line, "", "skipped: the row is a draft", is_warning=True)
            return False
        if draft not in _NO:
            calendar.add_problem(line, "draft", f"{draft!r} is not TRUE or FALSE")
        if "comments" in values:
            first, *others = map(str.strip, values.pop("comments").split("||"))
            values["first_comment"] = first
            if others:
                message = f"only the first of {1 + len(others)} comments can be posted"
                calendar.add_problem(line, "first_comment", message, is_warning=True)
        if any(part in values for part in TIME_PARTS):
            year, month, day, hour, minute = (values.pop(part, "") for part in TIME_PARTS)
            # An empty hour is not midnight.
            values["scheduled_at"] = f"{year}-{month:0>2}-{day:0>2} {hour}:{minute or 0:0>2}"
        if "am_pm" in values:
            self._join_am_pm(line, values)
        if "weekday" in values:
            self._join_weekday(line, values)
        platform = values.pop("platform", None)
        if platform is not None and "page" in values:
            values["page"] = [self._add_platform(line, platform, name) for name in values["page"]]
        elif platform is not None:
            values["page"] = split_cell(calendar, "page", platform)
        return True

    def _add_platform(self, line: int, platform: str, name: str) -> str:
        """Return the name of a page with the row's platform, which must not be another one."""
        known = find_platform(platform)
        if known is not None and ":" not in name and name != platform:
            alias, names = f"{known.name}:{name.lstrip('@')}", self._calendar.settings.page_names
            # A name may be that of pages on several platforms.
            if alias.lower() in names or name.lower() not in names:
                return alias
            # `--pages` leaves out a name without a page.
            name = names[name.lower()] or name
        prefix, colon, _ = name.partition(":")
        own = find_platform(prefix) if colon else None
        if own is None and known is None and name != platform:
            message = (
                f"{platform!r} is not one of {', '.join(item.name for item in PLATFORMS)}; write "
                "several pages as instagram:acme;facebook:acme, or ignore the column with --columns"
            )
            self._calendar.add_problem(line, "page", message)
        elif own is not None and own != known:
            message = (
                f"{name!r} is not on {platform!r}; correct one of them, or ignore the column with "
                "--columns"
            )
            self._calendar.add_problem(line, "page", message)
        return name


def _column_letter(index: int) -> str:
    """Return the letters of the column at `index` in a spreadsheet: A, B … Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _join_lines(calendar: Calendar, lines: Sequence[int]) -> str:
    word = "line" if calendar.sheet is None else "row"
    return f"{word}{'s' * (len(lines) > 1)} {join_names([str(line) for line in lines])}"
