"""Planning and applying of calendars."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource
from outreply_cli.bulk.adopt import adopt_posts
from outreply_cli.bulk.calendar import Calendar, sort_diagnostics
from outreply_cli.bulk.checks import (
    check_guardrails,
    check_lead_time,
    check_monthly_quota,
    check_storage,
    check_times,
)
from outreply_cli.bulk.executor import (
    CancellationToken,
    PlanExecutor,
    RowResult,
    RowStatus,
    RunReport,
    is_fatal,
)
from outreply_cli.bulk.matching import MatchedRow, match_rows
from outreply_cli.bulk.plan import Action, ActionType, Plan, make_plan, schedule_cancels_first
from outreply_cli.bulk.remote_state import (
    PostStatus,
    RemoteAccount,
    RemoteState,
    fetch_remote_state,
    fetch_statuses,
)
from outreply_cli.bulk.resolve import PlannedPost, resolve_rows
from outreply_cli.errors import CalendarError, InvalidInputError, OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import EntryState, JournalEntry, RowHistory
from outreply_cli.media.files import StorageLimits
from outreply_cli.media.uploader import Uploader
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.posts.sender import OutcomeUnknownError, Sender

_MAX_CANCEL = 10
_MAX_CANCEL_DIVISOR = 5
_ADOPT_HINT = "To use these posts for the rows, run the command again with --adopt."


class TooManyCancelsError(InvalidInputError):
    """A run that would cancel more posts than `--max-cancel` allows."""

    code = "TOO_MANY_CANCELS"


@dataclass(frozen=True)
class BulkOptions:
    """Options of a bulk run.

    Attributes:
        zone: Zone of local times without a closer one; None for that of each page's brand.
        date_order: Order of dates such as `24/12/2026`; None rejects them.
        prune: Whether posts whose rows were removed are cancelled.
        adopt: Whether identical posts that the account already has are adopted.
        concurrency: Maximum requests in flight.
        spread_window: Maximum shift of rows that violate a guardrail; None does not move them.
        max_cancel: Maximum posts to cancel; None for 10 or a fifth of the calendar.
        allow_upload: Whether files of rows may be uploaded.
    """

    zone: ZoneInfo | None
    date_order: str | None = None
    prune: bool = False
    adopt: bool = False
    concurrency: int = 4
    spread_window: timedelta | None = None
    max_cancel: int | None = None
    allow_upload: bool = True


@dataclass(frozen=True)
class CalendarDiff:
    """The rows of a calendar beside the journal and the account.

    Attributes:
        orphaned: Pending entries without a row.
        statuses: Status of each entry's post by the entry's ID.
        duplicates: IDs of posts that a row requires and that were not adopted.
    """

    remote: RemoteState
    rows: list[MatchedRow]
    orphaned: list[JournalEntry]
    statuses: dict[int, PostStatus]
    problems: list[Diagnostic]
    duplicates: set[str]


@dataclass(frozen=True)
class PlannedCalendar:
    """A calendar that is ready to be applied, and problems that do not prevent that."""

    calendar: Calendar
    account: RemoteAccount
    plan: Plan
    warnings: list[Diagnostic]


class BulkService:
    """Plans and applies the calendars of one command."""

    def __init__(
        self, client: Client, journal: Journal, account: RemoteAccount, options: BulkOptions
    ) -> None:
        self.account = account
        self._client = client
        self._journal = journal
        self._options = options
        self._sender = Sender(client, journal)
        self._storage = StorageLimits.from_account(account.account)
        self._limits = GuardrailLimits.from_account(account.account)
        # Posts of earlier files of the command: guardrails hold for all files together.
        self._planned: list[Resource] = []

    def diff(self, calendar: Calendar, *, reconcile: bool) -> CalendarDiff:
        """Compare `calendar` with the journal and the account; no new post is sent.

        With `reconcile` (not for a dry run), entries that an earlier run left open are settled,
        which may repeat its requests.

        Raises:
            CalendarError: The file cannot be read.
            OutReplyError: The account cannot be read.
        """
        now = self._client.now()
        posts, problems = resolve_rows(
            calendar,
            self.account.pages,
            zone=self._options.zone,
            brand_zone=self._client.brand_zone,
            now=now,
            date_order=self._options.date_order,
            storage=self._storage,
        )
        problems = [*calendar.problems, *problems]
        if calendar.problems and not posts:
            raise calendar_error(problems)
        if reconcile:
            self._reconcile(calendar.path)
        remote = fetch_remote_state(self._client, (post.page_id for post in posts), now)
        account, name = self.account.fingerprint, str(calendar.path)
        histories = self._journal.rows(account, name)
        window = self._options.spread_window

        def match(posts: Sequence[PlannedPost]) -> tuple[list[MatchedRow], list[JournalEntry]]:
            return match_rows(posts, histories, account=account, calendar=name, now=now)

        rows, orphaned = match(posts)
        # Before rows are spread: a row must not move away from its own post.
        adoption = adopt_posts(
            self._journal,
            account,
            rows,
            remote,
            enabled=self._options.adopt,
            dry_run=not reconcile,
            tolerance=window or timedelta(0),
        )
        if window is not None and not adoption.problems:
            from outreply_cli.bulk.spread import apply_spread

            histories += [
                RowHistory(row.draft.row, row.entry, row.draft.generation)
                for row, before in zip(adoption.rows, rows, strict=True)
                if row.entry is not before.entry
            ]
            existing = [*remote.posts, *self._planned]
            posts, unplaced = apply_spread(
                adoption.rows, existing, self._limits, now=now, window=window
            )
            problems += unplaced
            rows, orphaned = match(posts)
        else:
            rows = adoption.rows
        entries = [row.entry for row in rows if row.entry is not None] + orphaned
        statuses = fetch_statuses(self._client, remote, entries, now)
        problems += adoption.problems
        return CalendarDiff(remote, rows, orphaned, statuses, problems, adoption.duplicates)

    def plan(self, calendar: Calendar, *, reconcile: bool) -> PlannedCalendar:
        """Plan `calendar`; arguments as for `diff`.

        Raises:
            CalendarError: The calendar has errors; all of them are listed.
            TooManyCancelsError: The plan cancels too many posts.
            OutReplyError: The account cannot be read.
        """
        diff = self.diff(calendar, reconcile=reconcile)
        plan = make_plan(diff.rows, diff.orphaned, diff.statuses, prune=self._options.prune)
        # A row does not conflict with the post that it requires.
        posts = [
            post
            for post in (*diff.remote.posts, *self._planned)
            if str(post.get("id")) not in diff.duplicates
        ]
        problems = sort_diagnostics([*diff.problems, *self._check(plan, posts)])
        errors = [problem for problem in problems if not problem.is_warning]
        if errors:
            error = calendar_error(errors)
            # Without other errors, the file needs no correction.
            only_duplicates = len(errors) == len(diff.duplicates)
            raise error.replace(hint=_ADOPT_HINT) if only_duplicates else error
        plan = replace(plan, actions=schedule_cancels_first(plan, posts, self._limits))
        self._check_cancels(plan, len(diff.statuses))
        self._planned += [
            action.draft.body
            for action in plan.filter_actions(ActionType.CREATE, ActionType.CHANGE)
            if action.draft is not None
        ]
        return PlannedCalendar(calendar, self.account, plan, problems)

    def pending_entries(self, path: Path) -> list[JournalEntry]:
        """Reconcile the calendar at `path` and return the entries of its scheduled posts."""
        now = self._client.now()
        self._reconcile(path)
        remote = fetch_remote_state(self._client, (), now)
        histories = self._journal.rows(self.account.fingerprint, str(path))
        pending = [
            history.active
            for history in histories
            if history.active and history.active.scheduled_at > now
        ]
        statuses = fetch_statuses(self._client, remote, pending, now)
        scheduled = {PostStatus.SCHEDULED, PostStatus.EDITED, PostStatus.UNLISTED}
        return [entry for entry in pending if statuses[entry.id] in scheduled]

    def apply(
        self,
        planned: PlannedCalendar,
        stop: CancellationToken,
        on_result: Callable[[RowResult], None],
    ) -> RunReport:
        """Upload files and execute the plan; see PlanExecutor.run."""
        uploader = Uploader(self._client, self._journal, self.account.fingerprint)
        actions = list(planned.plan.actions)
        unsent: dict[int, RowResult] = {}
        for index, action in enumerate(actions):
            if not _needs_upload(action):
                continue
            if stop.is_set:
                unsent[index] = RowResult(action, RowStatus.PENDING)
                continue
            try:
                actions[index] = _with_media(action, uploader)
            except OutReplyError as error:
                if is_fatal(error):
                    stop.set(error)
                status = RowStatus.PENDING if is_fatal(error) else RowStatus.FAILED
                unsent[index] = RowResult(action, status, None, error)
        return self.apply_actions(actions, stop, on_result, unsent)

    def apply_actions(
        self,
        actions: Sequence[Action],
        stop: CancellationToken,
        on_result: Callable[[RowResult], None],
        finished: Mapping[int, RowResult] | None = None,
    ) -> RunReport:
        """Execute `actions`; see PlanExecutor.run."""
        executor = PlanExecutor(
            self._sender,
            self._journal,
            stop=stop,
            concurrency=self._options.concurrency,
            on_result=on_result,
        )
        return executor.run(actions, finished or {})

    def _check(self, plan: Plan, posts: Sequence[Resource]) -> list[Diagnostic]:
        now, account = self._client.now(), self.account
        brand_ids = {str(page["id"]): str(page.get("brand_id")) for page in account.pages}
        uploader = Uploader(self._client, self._journal, account.fingerprint)
        return [
            *check_times(plan, now),
            *check_guardrails(plan, posts, brand_ids, self._limits),
            *check_monthly_quota(plan, account.publishes_left, now),
            *check_lead_time(plan, account.requests_per_minute, now),
            *check_storage(plan, self._storage, uploader, allow_upload=self._options.allow_upload),
        ]

    def _reconcile(self, path: Path) -> None:
        for entry in self._journal.list_unsettled(self.account.fingerprint, str(path)):
            outcome = self._sender.reconcile(entry)
            if outcome.entry.state not in {EntryState.SENT, EntryState.CANCELLING}:
                continue
            # A row with an unknown outcome is held back; any other error ends the run.
            if outcome.error is not None and not isinstance(outcome.error, OutcomeUnknownError):
                raise outcome.error

    def _check_cancels(self, plan: Plan, posts: int) -> None:
        cancels = len(plan.filter_actions(ActionType.CANCEL))
        limit = self._options.max_cancel
        if limit is None:
            limit = min(_MAX_CANCEL, posts // _MAX_CANCEL_DIVISOR)
        if cancels > limit:
            raise TooManyCancelsError(
                f"{cancels} of {posts} posts of the calendar would be cancelled; nothing was sent",
                hint=f"To cancel them, add: --max-cancel {cancels}",
                details={"cancels": cancels, "limit": limit},
            )


def _needs_upload(action: Action) -> bool:
    is_new = action.kind in {ActionType.CREATE, ActionType.CHANGE}
    return is_new and action.post is not None and bool(action.post.media_files)


def _with_media(action: Action, uploader: Uploader) -> Action:
    """Upload the files of a new post, and return its action with their IDs in the draft."""
    assert action.post is not None
    assert action.draft is not None
    uploaded = [uploader.store(file, reuse=True).media_id for file in action.post.media_files]
    media_ids = [*action.post.row.content.media_ids, *uploaded]
    draft = replace(action.draft, body={**action.draft.body, "media_ids": media_ids})
    return action._replace(draft=draft)


def calendar_error(problems: Sequence[Diagnostic]) -> CalendarError:
    """Return the error of a calendar with `problems`, without its warnings."""
    return merge_calendar_errors(
        [problem.to_dict() for problem in sort_diagnostics(problems) if not problem.is_warning]
    )


def merge_calendar_errors(problems: Sequence[Mapping[str, Any]]) -> CalendarError:
    """Return the error of calendars with `problems`."""
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    files = ", ".join(dict.fromkeys(str(problem["file"]) for problem in problems))
    return CalendarError(f"{count} in {files}; nothing was sent", problems=problems)
