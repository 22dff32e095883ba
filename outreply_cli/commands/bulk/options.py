"""Options of the commands of `outreply bulk`, and the context that they run in."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.api.client import Client
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.executor import CancellationToken, InterruptibleClock
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.resolve import BRAND_ZONE, DATE_ORDERS
from outreply_cli.bulk.service import BulkOptions, BulkService, calendar_error
from outreply_cli.cli.options import TimeZone
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, NotLoggedInError
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.journal.locks import calendar_lock
from outreply_cli.times import parse_duration

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="CSV or YAML calendars.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="CSV or YAML calendar.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Use identical posts that the account already has.")
]
NoUpload = Annotated[
    bool, typer.Option("--no-upload", help="Reject rows whose files are not uploaded yet.")
]
Concurrency = Annotated[
    int,
    typer.Option(metavar="COUNT", min=1, max=32, help="Send at most this many requests at a time."),
]
ReportFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the result of each row as CSV.")
]
WaitLock = Annotated[
    str,
    typer.Option(metavar="DURATION", help="Wait this long for another run of the same calendar."),
]


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """The options that decide how a calendar file is read."""

    columns: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=FIELD,…",
            help="Map columns to fields, such as 'Text=message'; 'Notes=' ignores a column.",
        ),
    ] = None
    date_order: Annotated[
        str | None,
        typer.Option(
            metavar="dmy|mdy|ymd", help="Read numeric dates such as 24/12/2026 in this order."
        ),
    ] = None
    tz: TimeZone = None


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The options that decide what a run does with the rows."""

    prune: Annotated[
        bool, typer.Option("--prune", help="Cancel posts whose rows were removed.")
    ] = False
    spread: Annotated[
        bool,
        typer.Option(
            "--spread", help="Move rows that violate a guardrail to the nearest free time."
        ),
    ] = False
    spread_window: Annotated[
        str, typer.Option(metavar="DURATION", help="Move rows by at most this long with --spread.")
    ] = "24h"
    max_cancel: Annotated[
        int | None,
        typer.Option(
            metavar="COUNT",
            min=0,
            help="Abort if more than COUNT posts would be cancelled (default: 10, or 20% of the "
            "calendar if less).",
        ),
    ] = None


@dataclass(frozen=True)
class BulkContext:
    """A bulk run."""

    client: Client
    service: BulkService
    stop: CancellationToken

    def requests_left(self) -> str:
        """Return the rest of the rate limit, for a progress bar."""
        left = self.client.transport.requests_left
        return f"{left} requests left" if left is not None else ""


def parse_options(
    context: Context,
    reading: ReadOptions,
    planning: PlanOptions | None = None,
    *,
    adopt: bool = False,
    concurrency: int = 4,
    no_upload: bool = False,
) -> BulkOptions:
    """Return the options of a run; raises InvalidInputError."""
    planning = planning or PlanOptions()
    if reading.date_order is not None and reading.date_order not in DATE_ORDERS:
        raise InvalidInputError(
            f"invalid --date-order {reading.date_order!r}",
            hint=f"Use one of: {', '.join(DATE_ORDERS)}",
        )
    return BulkOptions(
        zone=None if reading.tz == BRAND_ZONE else context.zone(reading.tz),
        date_order=reading.date_order,
        prune=planning.prune,
        adopt=adopt,
        concurrency=concurrency,
        spread_window=parse_duration(planning.spread_window) if planning.spread else None,
        max_cancel=planning.max_cancel,
        allow_upload=not no_upload,
    )


@contextmanager
def bulk_context(
    context: Context,
    options: BulkOptions,
    calendars: Sequence[Calendar],
    *,
    wait_lock: str | None = None,
) -> Iterator[BulkContext]:
    """Open the account and the journal, and hold the locks of `calendars`.

    `wait_lock` is the maximum wait for a lock; None for a command that writes nothing.

    Raises:
        CalendarBusyError: Another process holds the lock of a calendar.
        NotLoggedInError: There is no account, and the calendars have no problems.
    """
    stop = CancellationToken()
    try:
        client = context.client(max_wait=None, clock=InterruptibleClock(context.clock, stop))
    except NotLoggedInError:
        problems = [problem for calendar in calendars for problem in calendar.problems]
        if not problems:
            raise
        error = calendar_error(problems)
        annotate_problems(context, error.problems)
        raise error from None
    with ExitStack() as stack:
        journal = stack.enter_context(closing(Journal(context.state_dir / JOURNAL_FILE)))
        account = fetch_account(client)
        if wait_lock is not None:
            seconds = parse_duration(wait_lock).total_seconds()
            # A fixed order prevents deadlocks between runs.
            for path in sorted({calendar.path for calendar in calendars}):
                stack.enter_context(
                    calendar_lock(context.state_dir, account.fingerprint, str(path), wait=seconds)
                )
        yield BulkContext(client, BulkService(client, journal, account, options), stop)
