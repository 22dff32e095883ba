"""Calendars of any format as CSV with our own columns."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import FIELDS, PLATFORM_MESSAGES, Calendar, Row
from outreply_cli.bulk.export import join_urls
from outreply_cli.bulk.resolve import parse_row_time
from outreply_cli.errors import TimeError
from outreply_cli.formats.csv import csv_lines
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.times import BRAND_ZONE, parse_zone
from outreply_cli.timestamps import format_timestamp

_ALWAYS = frozenset({"page", "scheduled_at", "message"})


@dataclass(frozen=True)
class ConvertedCalendar:
    """A calendar as CSV, and the problems of rows whose time is unclear."""

    text: str
    count: int
    problems: list[Diagnostic]


def convert_calendar(calendar: Calendar, zone: ZoneInfo, now: datetime) -> ConvertedCalendar:
    """Return a calendar as CSV; every time is absolute, or local with its zone beside it.

    Args:
        calendar: The calendar.
        zone: Zone of times without one.
        now: Current time, for times such as `tomorrow 09:00`.
    """
    problems: list[Diagnostic] = []
    records = [dict(_fields(calendar, row, zone, now, problems.append)) for row in calendar.rows]
    used = _ALWAYS.union(*(record.keys() for record in records))
    columns = [name for name in FIELDS if name in used]
    lines = [[record.get(name, "") for name in columns] for record in records]
    return ConvertedCalendar("".join(csv_lines([columns, *lines])), len(records), problems)


def _fields(
    calendar: Calendar,
    row: Row,
    zone: ZoneInfo,
    now: datetime,
    add_problem: Callable[[Diagnostic], None],
) -> Iterator[tuple[str, str]]:
    try:
        time, zone_name = _convert_time(calendar, row, zone, now)
    except TimeError as error:
        add_problem(row.diagnostic("scheduled_at", error.text))
        return
    values = {
        "key": row.key,
        "page": ";".join(row.pages),
        "scheduled_at": time,
        "timezone": zone_name,
        "repeat": row.repeat.text if row.repeat is not None else None,
    }
    if row.variants:
        variants = [_content(calendar, variant) for variant in row.variants]
        values["variants"] = json.dumps(variants, ensure_ascii=False)
    else:
        fields = _content(calendar, row)
        for path in fields.get("media_files", ()):
            if ";" in path:
                message = f"{path!r} has a semicolon, which separates names in CSV; rename the file"
                add_problem(row.diagnostic("media_files", message))
        values |= {name: _to_cell(name, value) for name, value in fields.items()}
    yield from ((name, value) for name, value in values.items() if value)


def _content(calendar: Calendar, row: Row) -> dict[str, Any]:
    content = row.content
    values = {
        "message": content.message,
        **{PLATFORM_MESSAGES[platform]: text for platform, text in row.messages.items()},
        "media_files": [os.path.relpath(path, calendar.path.parent) for path in row.media_files],
        "media_ids": list(content.media_ids),
        "media_urls": list(content.media_urls),
        "first_comment": content.first_comment,
        "link": content.link,
        "tiktok_settings": content.tiktok_settings,
    }
    return {name: value for name, value in values.items() if value}


def _to_cell(name: str, value: Any) -> str:
    if name == "media_urls":
        return join_urls(value)
    if isinstance(value, list):
        return ";".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _convert_time(
    calendar: Calendar, row: Row, zone: ZoneInfo, now: datetime
) -> tuple[str, str | None]:
    """Return the time and the zone of a row; raises TimeError."""
    name = row.timezone or calendar.timezone
    if row.scheduled_at in {"", NEXT_SLOT} or (
        name is not None and name.strip().lower() == BRAND_ZONE
    ):
        return row.scheduled_at, name
    zone = parse_zone(name) if name is not None else zone
    at = parse_row_time(calendar, row.scheduled_at, zone, now)
    local = at.astimezone(zone)
    # A local time that occurs twice needs its offset.
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return format_timestamp(at), zone.key
    return f"{local:%Y-%m-%d %H:%M:%S}".removesuffix(":00"), zone.key
