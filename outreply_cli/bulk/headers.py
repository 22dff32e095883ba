"""Column headers, from `headers.json`: common ones in five languages, and those of schedulers.

A header stands for a field, or for a part of one:

- `media`: file names or URLs
- `platform`: the platform of the page
- `weekday`, `am_pm`, and `year` to `minute`: parts of a time
- `network`: whether the row goes to the platform that the header names
- `comments`: several comments
- `draft`: whether the row is a draft, which is not posted
- "": a column that the API has no field for
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from outreply_cli.formats.json import load_data

# What `--report` adds to the columns of a calendar.
REPORT_COLUMNS = ("outreply id", "outreply status", "outreply error", "outreply link")
TIME_PARTS = ("year", "month", "day", "hour", "minute")
_WORD = re.compile(r"[^\W_]+")
_NUMBERED = re.compile(r"(?P<name>.*\D) \d{1,2}")


@dataclass(frozen=True)
class SchedulingTool:
    """A scheduler, and the columns of the file that it exports or imports.

    Attributes:
        name: Name for `--from`.
        label: Display name.
        columns: Field for each normalized header; other headers have no field.
        signature: The headers by which a file is recognized; empty if it has no header row.
        columns_in_order: Fields of the columns of a file without a header row.
        skips_today: Whether `next friday` on a Friday means the Friday a week later.
    """

    name: str
    label: str
    columns: Mapping[str, str] = field(default_factory=dict)
    signature: Sequence[str] = ()
    columns_in_order: Sequence[str] = ()
    skips_today: bool = False

    def get_target(self, name: str) -> str | None:
        """Return what the column `name` stands for; None if it has no field here."""
        return _find(name, self.columns)


def _load() -> tuple[Mapping[str, str], tuple[SchedulingTool, ...]]:
    """Return the fields by their common headers, and the schedulers.

    All headers are normalized. The columns are those that the schedulers documented in November
    2026, most of them on their help pages.
    """
    document = load_data(__file__, "headers.json")
    fields = {
        header: target
        for target, languages in document["words"].items()
        for headers in languages.values()
        for header in headers
    }
    return fields, tuple(SchedulingTool(**entry) for entry in document["schedulers"])


_FIELDS, SCHEDULERS = _load()
(HEADERLESS,) = (scheduler for scheduler in SCHEDULERS if not scheduler.signature)


def _normalize(name: str) -> str:
    """Return a header in lower case, without accents and punctuation."""
    text = unicodedata.normalize("NFKD", name.casefold())
    return " ".join(_WORD.findall("".join(c for c in text if not unicodedata.combining(c))))


def find_scheduler(names: Iterable[str]) -> SchedulingTool | None:
    """Return the scheduler whose columns are among the headers `names`."""
    headers = {_normalize(name) for name in names}
    for scheduler in SCHEDULERS:
        if scheduler.signature and headers.issuperset(scheduler.signature):
            return scheduler
    return None


def find_scheduler_by_name(name: str) -> SchedulingTool | None:
    """Return the scheduler called `name`, in any case, or None."""
    wanted = name.strip().casefold()
    for scheduler in SCHEDULERS:
        if wanted in {scheduler.name, scheduler.label.casefold()}:
            return scheduler
    return None


def get_target(name: str) -> str | None:
    """Return what a column with the common header `name` stands for; None if it is unknown."""
    return _find(name, _FIELDS)


def _find(name: str, targets: Mapping[str, str]) -> str | None:
    header = _normalize(name)
    if header in targets:
        return targets[header]
    numbered = _NUMBERED.fullmatch(header)
    target = targets.get(numbered["name"]) if numbered else None
    # Only media can have several columns.
    return target if target in {"media", "media_urls"} else None
