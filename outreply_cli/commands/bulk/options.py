"""Options of the commands of `outreply bulk`."""

import shlex
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

from outreply_cli.bulk.calendar import ReadSettings
from outreply_cli.bulk.headers import SCHEDULERS, find_scheduler_by_name
from outreply_cli.bulk.loader import parse_columns, parse_page_names
from outreply_cli.bulk.service import BulkOptions
from outreply_cli.bulk.utm import parse_utm
from outreply_cli.cli.options import Strict, TimeZone, argument, option, switch
from outreply_cli.context import Context
from outreply_cli.errors import unknown_choice_error
from outreply_cli.posts.user_rules import load_rules
from outreply_cli.time_parser import DATE_ORDERS
from outreply_cli.times import BRAND_ZONE, parse_duration

# The options that decide what a calendar's rows mean.
REMEMBERED = ("columns", "page", "pages", "from_", "sheet", "date_order", "utm")
_REMEMBERED_GROUP = "File options, remembered by `bulk schedule`"
_remembered_option = partial(option, rich_help_panel=_REMEMBERED_GROUP)


Files = Annotated[list[str], argument("FILE...", "Calendar files or https:// URLs; - for stdin.")]
File = Annotated[str, argument("FILE", "Calendar file or https:// URL; - for stdin.")]
NoAdopt = Annotated[
    bool, switch("Do not pair rows with identical existing posts.", "--no-adopt/--adopt")
]
NoUpload = Annotated[bool, switch("Reject rows whose files are not uploaded yet.", "--no-upload")]
Concurrency = Annotated[
    int, option("COUNT", "Send at most COUNT requests at a time.", min=1, max=32)
]
ReportName = Annotated[
    Path | None,
    option(
        "FILE",
        "Write the result of each row to a .csv or .xlsx file, next to the row's own columns.",
    ),
]
WaitLock = Annotated[
    str, option("DURATION", "Wait this long for another run of the same calendar.")
]

AllowOutside = Annotated[
    bool,
    switch(
        "Accept files outside the calendar's directory, including through symbolic links.",
        "--allow-outside",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """The options that decide how a calendar file is read."""

    columns: Annotated[
        str | None,
        _remembered_option(
            "COLUMN=FIELD,...",
            "Map columns to fields, such as 'Text=message'; 'Notes=' ignores a column, '*=' all "
            "unknown ones.",
        ),
    ] = None
    page: Annotated[
        list[str] | None,
        _remembered_option("PAGE", "Use this page for rows without a page (repeatable)."),
    ] = None
    pages: Annotated[
        str | None,
        _remembered_option(
            "NAME=PAGE,...",
            "Map account or platform names in the file to pages; 'NAME=' skips the rows of NAME.",
        ),
    ] = None
    from_: Annotated[
        str | None,
        _remembered_option(
            "TOOL",
            "Read the format of another scheduler: "
            f"{', '.join(scheduler.name for scheduler in SCHEDULERS)} (default: detect it).",
            "--from",
        ),
    ] = None
    sheet: Annotated[str | None, _remembered_option("NAME", "Read this sheet of a workbook.")] = (
        None
    )
    date_order: Annotated[
        str | None,
        _remembered_option(
            "dmy|mdy|ymd",
            "Read numeric dates such as 24/12/2026 in this order.",
        ),
    ] = None
    tz: TimeZone = None
    name: Annotated[
        str | None,
        option(
            "CALENDAR",
            "Name of the calendar that the file belongs to (default: its `name`, or the calendar "
            "that it shares rows with).",
        ),
    ] = None
    utm: Annotated[
        str | None,
        _remembered_option(
            "PARAMETER=VALUE,...",
            "Add UTM parameters to links, such as 'source={platform},campaign={key}'.",
        ),
    ] = None
    forget: Annotated[
        bool,
        switch(
            "Ignore the options that `bulk schedule` remembers for the file.",
            rich_help_panel=_REMEMBERED_GROUP,
        ),
    ] = False
    allow_outside: AllowOutside = False

    def to_flags(self) -> str:
        """Return the options that are set, as the words of a command line."""
        words = []
        for field in fields(self):
            flag = f" --{field.name.strip('_').replace('_', '-')}"
            value = getattr(self, field.name)
            values = value if isinstance(value, list) else [value]
            words += [
                flag if item is True else f"{flag} {shlex.quote(item)}" for item in values if item
            ]
        return "".join(words)

    def to_settings(self) -> ReadSettings:
        """Return how the file is read; raises InvalidInputError."""
        if self.date_order and self.date_order not in DATE_ORDERS:
            raise unknown_choice_error("order", self.date_order, DATE_ORDERS, option="--date-order")
        scheduler = find_scheduler_by_name(self.from_) if self.from_ else None
        if self.from_ and scheduler is None:
            names = [scheduler.name for scheduler in SCHEDULERS]
            raise unknown_choice_error("scheduler", self.from_, names, option="--from")
        return ReadSettings(
            columns=parse_columns(self.columns),
            page_names=parse_page_names(self.pages),
            pages=tuple(filter(None, self.page or ())),
            scheduler=scheduler,
            sheet=self.sheet or None,
            date_order=self.date_order or None,
            utm=parse_utm(self.utm),
        )

    def to_options(self, context: Context, planning: "PlanOptions | None" = None) -> BulkOptions:
        """Return the options of a run; raises InvalidInputError."""
        planning = planning or PlanOptions()
        return BulkOptions(
            zone=None if self.tz == BRAND_ZONE else context.zone(self.tz),
            checks_zone=self.tz is None and not self.forget,
            prune=planning.prune,
            spread_window=parse_duration(planning.spread_window) if planning.spread else None,
            max_cancel=planning.max_cancel,
            rules=load_rules(context.config_dir),
            is_strict=planning.strict,
        )


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The options that decide what a run does with the rows."""

    prune: Annotated[bool, switch("Cancel posts whose rows were removed.")] = False
    spread: Annotated[
        bool, switch("Move posts that violate a guardrail to the nearest free time.")
    ] = False
    spread_window: Annotated[
        str, option("DURATION", "Maximum time by which --spread may move a post.")
    ] = "24h"
    max_cancel: Annotated[
        int | None,
        option(
            "COUNT",
            "Abort if more than COUNT posts would be cancelled (default: 20% of the calendar, from "
            "1 to 10).",
            min=0,
        ),
    ] = None
    strict: Strict = False
