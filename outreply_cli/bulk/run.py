"""`bulk schedule` from beginning to end: read, check, plan, carry out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource
from outreply_cli.bulk.account_view import AccountView, read_posts, standings
from outreply_cli.bulk.engine import Engine, Result, RunReport, Stop
from outreply_cli.bulk.guardrails import Limits
from outreply_cli.bulk.matching import Matched, match_rows
from outreply_cli.bulk.plan import (
    Kind,
    Plan,
    check_guardrails,
    check_month,
    make_plan,
    order_cancels,
)
from outreply_cli.bulk.rows import Calendar, CalendarProblem, in_order
from outreply_cli.bulk.targets import Target, Zones, make_targets
from outreply_cli.errors import CalendarError
from outreply_cli.posting.journal import Entry, EntryState, Journal, NewEntry
from outreply_cli.posting.sending import Sender, account_digest, idempotency_key, is_post_of


@dataclass(frozen=True)
class Settings:
    """How a calendar is read and carried out.

    Attributes:
        zone: Of local times that nothing nearer gives one; None for each page's brand's.
        date_order: How `24/12/2026` is read; None refuses it.
        prune: Whether rows that were taken out of the file are cancelled.
        adopt: Whether equal posts that the account has already are taken over.
        concurrency: Requests in flight at most.
    """

    zone: ZoneInfo | None
    date_order: str | None = None
    prune: bool = False
    adopt: bool = False
    concurrency: int = 4


@dataclass
class Prepared:
    """A calendar that is ready to be carried out.

    Attributes:
        account: As the journal calls it.
        view: What was read of the account.
        unsettled: Entries of an earlier run that could not be settled.
    """

    calendar: Calendar
    account: str
    view: AccountView
    plan: Plan
    unsettled: list[Entry] = field(default_factory=list)

    @property
    def warnings(self) -> list[CalendarProblem]:
        """What may be wrong, and does not forbid the run."""
        return [problem for problem in self.plan.problems if problem.is_warning]


class BulkRun:
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
        settings: Settings,
        before_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._settings = settings
        self._sender = Sender(client, journal, before_step)
        # What earlier files of this command will add: the rules hold for all files together.
        self._coming: list[Resource] = []

    def account_of(self, view: AccountView) -> str:
        """What the journal calls the account."""
        return account_digest(self._client.transport.base_url, view.account_id)

    def prepare(self, calendar: Calendar, view: AccountView, *, settle: bool) -> Prepared:
        """Check `calendar` against the account and plan it; nothing new is sent.

        Args:
            calendar: Read already, with its own problems.
            view: From `read_account`.
            settle: Whether what an earlier run left open is settled first, which may send that
                run's requests again; not for a dry run.

        Raises:
            CalendarError: Something in it is wrong; every problem of it is listed.
            OutReplyError: The account can't be read.
        """
        account, name = self.account_of(view), str(calendar.path)
        now = self._client.now()
        targets, problems = self._targets(calendar, view)
        problems = [*calendar.problems, *problems]
        if calendar.problems and not targets:
            raise calendar_error(problems)
        unsettled = (
            self._settle(account, name) if settle else self._journal.unsettled(account, name)
        )
        read_posts(self._client, view, (target.page_id for target in targets), now)
        matched, gone = match_rows(targets, self._journal.rows(account, name), now)
        matched = self._adopt(matched, view, account, name, problems)
        entries = [one.live for one in matched if one.live is not None] + gone
        standing = standings(self._client, view, entries, now)
        plan = make_plan(matched, gone, standing, now=now, prune=self._settings.prune)
        limits = Limits.from_account(view.account)
        posts: list[Resource] = [*view.scheduled, *view.published, *self._coming]
        brand_of = {str(page["id"]): str(page.get("brand_id")) for page in view.pages}
        check_guardrails(plan, posts, brand_of, limits)
        check_month(plan, view.publishes_left(), now)
        order_cancels(plan, posts, limits)
        plan.problems = in_order([*problems, *plan.problems])
        if any(not problem.is_warning for problem in plan.problems):
            raise calendar_error(plan.problems)
        self._coming += [
            one.body
            for action in plan.of_kind(Kind.CREATE, Kind.CHANGE)
            if (one := action.matched) is not None
        ]
        return Prepared(calendar, account, view, plan, unsettled)

    def carry_out(
        self, prepared: Prepared, stop: Stop, on_result: Callable[[Result], None]
    ) -> RunReport:
        """Do what the plan says; see Engine.run."""
        engine = Engine(
            self._sender,
            self._journal,
            account=prepared.account,
            calendar=str(prepared.calendar.path),
            stop=stop,
            concurrency=self._settings.concurrency,
            on_result=on_result,
        )
        return engine.run(prepared.plan.actions)

    def _targets(
        self, calendar: Calendar, view: AccountView
    ) -> tuple[list[Target], list[CalendarProblem]]:
        zones = Zones(self._settings.zone, self._brand_zone)
        return make_targets(
            calendar,
            view.pages,
            zones,
            now=self._client.now(),
            date_order=self._settings.date_order,
        )

    def _brand_zone(self, brand_id: str) -> str:
        return str(self._client.brand(brand_id).get("timezone") or "UTC")

    def _settle(self, account: str, calendar: str) -> list[Entry]:
        unsettled = []
        for entry in self._journal.unsettled(account, calendar):
            outcome = self._sender.settle(entry)
            if outcome.entry.state in {EntryState.SENT, EntryState.CANCELLING}:
                if outcome.error is not None and outcome.error.code != "OUTCOME_UNKNOWN":
                    raise outcome.error
                unsettled.append(outcome.entry)
        return unsettled

    def _adopt(
        self,
        matched: Sequence[Matched],
        view: AccountView,
        account: str,
        calendar: str,
        problems: list[CalendarProblem],
    ) -> list[Matched]:
        claimed = self._journal.post_ids(account)
        free = [
            post
            for post in (*view.scheduled, *view.published)
            if str(post.get("id")) not in claimed
        ]
        by_page: dict[str, list[Resource]] = {}
        for post in free:
            by_page.setdefault(str(post.get("page_id")), []).append(post)
        if not by_page:
            return list(matched)
        return [
            self._adopt_one(one, by_page.get(one.target.page_id, []), account, calendar, problems)
            if one.live is None
            else one
            for one in matched
        ]

    def _adopt_one(
        self,
        one: Matched,
        posts: list[Resource],
        account: str,
        calendar: str,
        problems: list[CalendarProblem],
    ) -> Matched:
        new = NewEntry(
            account=account,
            calendar=calendar,
            row=one.row,
            generation=one.generation,
            page_id=one.target.page_id,
            scheduled_at=one.target.instant,
            body=one.body,
            fingerprint=one.digest,
            idempotency_key=idempotency_key(account, calendar, one.row, one.digest, one.generation),
        )
        twin = next((post for post in posts if is_post_of(post, new)), None)
        if twin is None:
            return one
        posts.remove(twin)
        if not self._settings.adopt:
            row = one.target.row
            what = (
                f"the account has exactly this post already ({twin.get('id')}), and not from this "
                "file; take it over with --adopt"
            )
            problems.append(CalendarProblem(row.file, row.line, "", what))
            return one
        live = self._journal.adopt(new, str(twin["id"]))
        return Matched(one.target, one.body, one.digest, one.row, one.generation + 1, live)


def calendar_error(problems: Sequence[CalendarProblem]) -> CalendarError:
    """Everything that is wrong with a calendar, as one failure; warnings are left out."""
    return joined_error(
        [problem.as_details() for problem in in_order(problems) if not problem.is_warning]
    )


def joined_error(problems: Sequence[Mapping[str, Any]]) -> CalendarError:
    """The problems of several calendars, as one failure."""
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    files = ", ".join(dict.fromkeys(str(problem["file"]) for problem in problems))
    return CalendarError(f"{count} in {files}; nothing was sent", problems=problems)
