"""Calendars of any format as CSV with our own columns."""

import json
import os
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import FIELDS, PLATFORM_MESSAGES, Calendar, Row
from outreply_cli.bulk.export import to_cell
from outreply_cli.bulk.resolve import parse_row_time, parse_row_zone, row_zone_name
from outreply_cli.errors import TimeError
from outreply_cli.formats.csv import csv_lines
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.times import BRAND_ZONE
from outreply_cli.timestamps import format_timestamp

_ALWAYS = frozenset({"page", "scheduled_at", "message"})


def convert_calendar(
    calendar: Calendar, zone: ZoneInfo, now: datetime
) -> tuple[str, list[Diagnostic]]:
    """Return a calendar as CSV, and the problems of rows that cannot be converted.

    Every time is absolute, or local with its zone beside it.

    Args:
        calendar: The calendar.
        zone: Zone of times without one.
        now: Current time, for times such as `tomorrow 09:00`.
    """
    problems: list[Diagnostic] = []
    records: list[dict[str, str]] = []
    for row in calendar.rows:
        try:
            time, zone_name = _convert_time(calendar, row, zone, now)
        except TimeError as error:
            problems.append(row.diagnostic("scheduled_at", error.text))
            continue
        values = {
            "key": row.key,
            "page": row.pages,
            "scheduled_at": time,
            "timezone": zone_name,
            "repeat": row.repeat and row.repeat.text,
        }
        if row.variants:
            variants = [_content(calendar, variant) for variant in row.variants]
            values["variants"] = json.dumps(variants, ensure_ascii=False)
        else:
            values |= _content(calendar, row)
        for path in values.get("media_files") or ():
            if ";" in path:
                message = f"{path!r} has a semicolon, which separates names in CSV; rename the file"
                problems.append(row.diagnostic("media_files", message))
        records.append({name: to_cell(name, value) for name, value in values.items() if value})
    used = _ALWAYS.union(*records)
    columns = [name for name in FIELDS if name in used]
    lines = [[record.get(name, "") for name in columns] for record in records]
    return "".join(csv_lines([columns, *lines])), problems


def _content(calendar: Calendar, row: Row) -> dict[str, Any]:
    """Return the fields of a row's content that are not empty."""
    values = {
        "message": row.content.message,
        **{PLATFORM_MESSAGES[platform]: text for platform, text in row.messages.items()},
        "media_files": [os.path.relpath(path, calendar.path.parent) for path in row.media_files],
        **row.content._asdict(),
    }
    return {name: value for name, value in values.items() if value}


def _convert_time(
    calendar: Calendar, row: Row, zone: ZoneInfo, now: datetime
) -> tuple[str, str | None]:
    """Return the time and the zone of a row; raises TimeError."""
    name = row_zone_name(calendar, row, now)
    if row.scheduled_at in {"", NEXT_SLOT} or (
        name is not None and name.strip().lower() == BRAND_ZONE
    ):
        return row.scheduled_at, name
    # The zone of this machine is written as well: a calendar must accept it.
    named = parse_row_zone(zone.key if name is None else name)
    zone = zone if name is None else named
    at = parse_row_time(calendar, row.scheduled_at, zone, now)
    local = at.astimezone(zone)
    # A local time that occurs twice needs its offset.
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return format_timestamp(at), zone.key
    return f"{local:%Y-%m-%d %H:%M:%S}".removesuffix(":00"), zone.key
