"""Options that the commands of `outreply bulk` share."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.api.client import Client
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.executor import CancellationToken, InterruptibleClock
from outreply_cli.bulk.loader import load_calendar, parse_columns
from outreply_cli.bulk.remote_state import RemoteState, fetch_remote_state
from outreply_cli.bulk.resolve import BRAND_ZONE, DATE_ORDERS
from outreply_cli.bulk.service import BulkOptions, BulkService, calendar_error
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, NotLoggedInError
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.journal.locks import calendar_lock
from outreply_cli.times import parse_duration

_OBJECTS_BEFORE_COLLECTING = 1_000_000
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="CSV or YAML calendars.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="A CSV or YAML calendar.")]
Prune = Annotated[bool, typer.Option("--prune", help="Cancel posts whose rows were taken out.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over equal posts that the account has already.")
]
Spread = Annotated[
    bool, typer.Option("--spread", help="Move rows that break a guardrail to a free time nearby.")
]
SpreadWindow = Annotated[str, typer.Option(metavar="T", help="How far --spread may move a row.")]
MaxCancel = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Posts that may be cancelled; 10 or a fifth by default."),
]
NoUpload = Annotated[bool, typer.Option("--no-upload", help="Refuse rows whose files are new.")]
Concurrency = Annotated[
    int, typer.Option(metavar="N", min=1, max=32, help="Requests in flight at most.")
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="A=B,…", help="Rename columns: 'Text=message,Date=scheduled_at'."),
]
DateOrder = Annotated[
    str | None, typer.Option(metavar="dmy|mdy|ymd", help="How 24/12/2026 is read; refused without.")
]
WaitLock = Annotated[
    str, typer.Option(metavar="T", help="How long to wait for another run of the calendar.")
]


@dataclass(frozen=True)
class BulkContext:
    """A run that may begin.

    Attributes:
        view: What was read of the account.
        stop: Ends the run.
    """

    client: Client
    run: BulkService
    view: RemoteState
    stop: CancellationToken

    def requests_left(self) -> str:
        """What is left of the rate limit, for a bar."""
        left = self.client.transport.requests_left
        return f"{left} requests left" if left is not None else ""


def parse_options(
    context: Context,
    *,
    tz: str | None,
    date_order: str | None = None,
    prune: bool = False,
    adopt: bool = False,
    concurrency: int = 4,
    spread: bool = False,
    spread_window: str = "24h",
    max_cancel: int | None = None,
    no_upload: bool = False,
) -> BulkOptions:
    """What the options say; raises InvalidInputError."""
    if date_order is not None and date_order not in DATE_ORDERS:
        raise InvalidInputError(
            f"--date-order {date_order!r} is unknown", hint=f"Choose: {', '.join(DATE_ORDERS)}"
        )
    return BulkOptions(
        zone=None if tz == BRAND_ZONE else context.zone(tz),
        date_order=date_order,
        prune=prune,
        adopt=adopt,
        concurrency=concurrency,
        spread_window=parse_duration(spread_window) if spread else None,
        max_cancel=max_cancel,
        may_upload=not no_upload,
    )


def load_calendars(names: Sequence[str], columns: str | None) -> list[Calendar]:
    """The calendars in the files called `names`, each once."""
    # Rows are many small objects that all stay: to collect them again and again finds nothing.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
    renamed = parse_columns(columns)
    return [load_calendar(name, renamed) for name in dict.fromkeys(names)]


@contextmanager
def bulk_context(
    context: Context,
    settings: BulkOptions,
    paths: Sequence[Path],
    *,
    wait_lock: str | None,
    calendars: Sequence[Calendar] = (),
) -> Iterator[BulkContext]:
    """The account's bulk run, with the locks of the calendars at `paths` held.

    Args:
        context: Whose account.
        settings: How calendars are read and carried out.
        paths: Of the calendars.
        wait_lock: How long to wait for a lock; None takes none, for what writes nothing.
        calendars: What is wrong with them by themselves is told when there is no account.

    Raises:
        CalendarBusyError: Another process is at one of the calendars.
        NotSignedInError: There is no account.
    """
    stop = CancellationToken()
    try:
        client = context.client(patient=True, clock=InterruptibleClock(context.clock, stop))
    except NotLoggedInError:
        problems = [problem for calendar in calendars for problem in calendar.problems]
        if problems:
            error = calendar_error(problems)
            annotate_problems(context, error.problems)
            raise error from None
        raise
    with ExitStack() as stack:
        journal = Journal(context.state_dir / JOURNAL_FILE)
        stack.callback(journal.close)
        view = fetch_remote_state(client)
        run = BulkService(client, journal, settings)
        if wait_lock is not None:
            seconds = parse_duration(wait_lock).total_seconds()
            # Always in the same order: two runs can't wait for each other.
            for path in sorted(set(paths)):
                stack.enter_context(
                    calendar_lock(context.state_dir, view.digest, str(path), wait=seconds)
                )
        yield BulkContext(client, run, view, stop)
