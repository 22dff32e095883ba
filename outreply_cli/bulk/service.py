"""`bulk schedule` from beginning to end: read, check, plan, carry out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource
from outreply_cli.bulk.adopt import PostAdopter
from outreply_cli.bulk.calendar import Calendar, Diagnostic, sort_diagnostics
from outreply_cli.bulk.executor import CancellationToken, PlanExecutor, RowResult, RunReport
from outreply_cli.bulk.matching import MatchedRow, match_rows
from outreply_cli.bulk.media import check_storage, upload_files
from outreply_cli.bulk.plan import (
    Action,
    ActionType,
    Plan,
    check_guardrails,
    check_lead_time,
    check_monthly_quota,
    make_plan,
    schedule_cancels_first,
)
from outreply_cli.bulk.remote_state import PostStatus, RemoteState, fetch_statuses, read_posts
from outreply_cli.bulk.resolve import PlannedPost, ZoneResolver, resolve_rows
from outreply_cli.errors import CalendarError, InvalidInputError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import EntryState, JournalEntry, RowHistory
from outreply_cli.media.files import StorageLimits
from outreply_cli.media.uploader import Uploader
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.posts.sender import Sender

_CANCELS_UNASKED = 10
_CANCELS_UNASKED_SHARE = 5


class TooManyCancelsError(InvalidInputError):
    """More posts would be cancelled than goes without saying."""

    code = "TOO_MANY_CANCELS"


@dataclass(frozen=True)
class BulkOptions:
    """How a calendar is read and carried out.

    Attributes:
        zone: Of local times that nothing nearer gives one; None for each page's brand's.
        date_order: How `24/12/2026` is read; None refuses it.
        prune: Whether rows that were taken out of the file are cancelled.
        adopt: Whether equal posts that the account has already are taken over.
        concurrency: Requests in flight at most.
        spread_window: How far rows that break a rule may be moved; None leaves them.
        may_upload: Whether files of rows may be uploaded.
        max_cancel: How many posts may be cancelled; None for ten or a fifth of the calendar.
    """

    zone: ZoneInfo | None
    date_order: str | None = None
    prune: bool = False
    adopt: bool = False
    concurrency: int = 4
    spread_window: timedelta | None = None
    max_cancel: int | None = None
    may_upload: bool = True


@dataclass(frozen=True)
class CalendarDiff:
    """A calendar's rows beside the journal and the server.

    Attributes:
        view: What was read of the account.
        matched: The rows, and what earlier runs know of them.
        gone: Entries that no row stands for any more.
        statuses: What became of the posts, by the entry's number.
        problems: What is wrong with the rows.
        twins: Ids of posts that are just what a row asks for, and not taken over.
    """

    calendar: Calendar
    view: RemoteState
    matched: list[MatchedRow]
    gone: list[JournalEntry]
    statuses: dict[int, PostStatus]
    problems: list[Diagnostic]
    twins: set[str]


@dataclass(frozen=True)
class PlannedCalendar:
    """A calendar that is ready to be carried out.

    Attributes:
        remote: What was read of the account.
    """

    calendar: Calendar
    remote: RemoteState
    plan: Plan

    @property
    def warnings(self) -> list[Diagnostic]:
        """What may be wrong, and does not forbid the run."""
        return [problem for problem in self.plan.problems if problem.is_warning]


class BulkService:
    """One command's work on calendars of one account.

    Args:
        client: Speaks for the account.
        journal: Where rows keep their identity over runs.
        settings: How calendars are read and carried out.
        before_step: See Sender.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        settings: BulkOptions,
        before_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._settings = settings
        self._sender = Sender(client, journal, before_step)
        # What earlier files of this command will add: the rules hold for all files together.
        self._coming: list[Resource] = []

    def diff(self, calendar: Calendar, view: RemoteState, *, settle: bool) -> CalendarDiff:
        """Check `calendar` by itself and find what is known of its rows; nothing new is sent.

        Args:
            calendar: Read already, with its own problems.
            view: From `read_account`; what the account has scheduled is added to it.
            settle: Whether what an earlier run left open is settled first, which may send that
                run's requests again; not for a dry run.

        Raises:
            CalendarError: The file can't be read at all.
            OutReplyError: The account can't be read.
        """
        account, name = view.digest, str(calendar.path)
        now = self._client.now()
        targets, problems = self._targets(calendar, view)
        problems = [*calendar.problems, *problems]
        if calendar.problems and not targets:
            raise calendar_error(problems)
        if settle:
            self._settle(account, name)
        read_posts(self._client, view, (target.page_id for target in targets), now)
        histories = self._journal.rows(account, name)
        matched, gone = match_rows(targets, histories, now)
        adoption = PostAdopter(
            self._journal, account, name, may_adopt=self._settings.adopt, may_write=settle
        )
        window = self._settings.spread_window
        # A row that moved out of the way of its own post would be posted twice.
        known = matched
        matched = adoption.adopt(known, view, reach=window or timedelta(0))
        if window is not None and not adoption.problems:
            from outreply_cli.bulk.spreading import apply_spread

            histories += [
                RowHistory(one.row, one.live, one.generation)
                for one, before in zip(matched, known, strict=True)
                if one.live is not before.live
            ]
            targets, unplaced = apply_spread(
                matched,
                self._standing_beside(view),
                GuardrailLimits.from_account(view.account),
                now=now,
                window=window,
            )
            problems += unplaced
            matched, gone = match_rows(targets, histories, now)
        entries = [one.live for one in matched if one.live is not None] + gone
        standing = fetch_statuses(self._client, view, entries, now)
        return CalendarDiff(
            calendar, view, matched, gone, standing, [*problems, *adoption.problems],
            adoption.duplicates,
        )  # fmt: skip

    def plan(self, calendar: Calendar, view: RemoteState, *, settle: bool) -> PlannedCalendar:
        """Plan `calendar`; arguments as in `compare`.

        Raises:
            CalendarError: Something in it is wrong; every problem of it is listed.
            TooManyCancelsError: It would cancel more than goes without saying.
            OutReplyError: The account can't be read.
        """
        known = self.diff(calendar, view, settle=settle)
        now = self._client.now()
        plan = make_plan(
            known.matched, known.gone, known.statuses, now=now, prune=self._settings.prune
        )
        limits = GuardrailLimits.from_account(view.account)
        # A row does not collide with the post that it asks for.
        posts = [
            post for post in self._standing_beside(view) if str(post.get("id")) not in known.twins
        ]
        brand_of = {str(page["id"]): str(page.get("brand_id")) for page in view.pages}
        check_guardrails(plan, posts, brand_of, limits)
        check_monthly_quota(plan, view.publishes_left(), now)
        check_lead_time(plan, view.requests_per_minute(), now)
        check_storage(
            plan,
            StorageLimits.from_account(view.account),
            Uploader(self._client, self._journal, view.digest),
            may_upload=self._settings.may_upload,
        )
        schedule_cancels_first(plan, posts, limits)
        plan.problems = sort_diagnostics([*known.problems, *plan.problems])
        if any(not problem.is_warning for problem in plan.problems):
            raise calendar_error(plan.problems)
        self._refuse_many_cancels(plan, len(known.statuses))
        self._coming += [
            one.body
            for action in plan.of_kind(ActionType.CREATE, ActionType.CHANGE)
            if (one := action.matched) is not None
        ]
        return PlannedCalendar(calendar, view, plan)

    def pending_entries(self, view: RemoteState, path: Path) -> list[JournalEntry]:
        """The posts of the calendar at `path` that are still to come, settled."""
        account, now = view.digest, self._client.now()
        self._settle(account, str(path))
        read_posts(self._client, view, (), now)
        live = [h.active for h in self._journal.rows(account, str(path)) if h.active is not None]
        pending = [entry for entry in live if entry.scheduled_at > now]
        standing = fetch_statuses(self._client, view, pending, now)
        still = {PostStatus.SCHEDULED, PostStatus.EDITED, PostStatus.UNLISTED}
        return [entry for entry in pending if standing[entry.id] in still]

    def apply(
        self,
        prepared: PlannedCalendar,
        stop: CancellationToken,
        on_result: Callable[[RowResult], None],
    ) -> RunReport:
        """Do what the plan says; see Engine.run."""
        account = prepared.remote.digest
        uploader = Uploader(self._client, self._journal, account)
        actions, failed = upload_files(prepared.plan.actions, uploader, stop.set)
        return self.apply_actions(
            account,
            prepared.calendar.path,
            actions,
            stop,
            on_result=on_result,
            settled=failed,
        )

    def apply_actions(
        self,
        account: str,
        path: Path,
        actions: Sequence[Action],
        stop: CancellationToken,
        *,
        on_result: Callable[[RowResult], None],
        settled: Mapping[int, RowResult] | None = None,
    ) -> RunReport:
        """Do `actions` of the calendar at `path`; see Engine.run."""
        engine = PlanExecutor(
            self._sender,
            self._journal,
            account=account,
            calendar=str(path),
            stop=stop,
            concurrency=self._settings.concurrency,
            on_result=on_result,
        )
        return engine.run(actions, settled or {})

    def _targets(
        self, calendar: Calendar, view: RemoteState
    ) -> tuple[list[PlannedPost], list[Diagnostic]]:
        zones = ZoneResolver(self._settings.zone, self._client.brand_zone)
        return resolve_rows(
            calendar,
            view.pages,
            zones,
            now=self._client.now(),
            date_order=self._settings.date_order,
            storage=StorageLimits.from_account(view.account),
        )

    def _standing_beside(self, view: RemoteState) -> list[Resource]:
        return [*view.scheduled, *view.published, *self._coming]

    def _settle(self, account: str, calendar: str) -> None:
        for entry in self._journal.unsettled(account, calendar):
            outcome = self._sender.reconcile(entry)
            if outcome.entry.state not in {EntryState.SENT, EntryState.CANCELLING}:
                continue
            # What can't be told is held back, row by row; anything else ends the run.
            if outcome.error is not None and outcome.error.code != "OUTCOME_UNKNOWN":
                raise outcome.error

    def _refuse_many_cancels(self, plan: Plan, posts: int) -> None:
        allowed = self._settings.max_cancel
        if allowed is None:
            allowed = min(_CANCELS_UNASKED, posts // _CANCELS_UNASKED_SHARE)
        if plan.cancels > allowed:
            raise TooManyCancelsError(
                f"{plan.cancels} posts would be cancelled, of {posts} in the calendar",
                hint=f"Nothing was sent. If that is meant, add: --max-cancel {plan.cancels}",
                details={"cancels": plan.cancels, "allowed": allowed},
            )


def calendar_error(problems: Sequence[Diagnostic]) -> CalendarError:
    """Everything that is wrong with a calendar, as one failure; warnings are left out."""
    return merge_calendar_errors(
        [problem.as_details() for problem in sort_diagnostics(problems) if not problem.is_warning]
    )


def merge_calendar_errors(problems: Sequence[Mapping[str, Any]]) -> CalendarError:
    """The problems of several calendars, as one failure."""
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    files = ", ".join(dict.fromkeys(str(problem["file"]) for problem in problems))
    return CalendarError(f"{count} in {files}; nothing was sent", problems=problems)
