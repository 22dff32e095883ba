"""Planning and applying of calendars."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource, get_page_id, post_time
from outreply_cli.api.errors import NotFoundError, stops_batch
from outreply_cli.api.types import Post
from outreply_cli.bulk.adopt import adopt_exported, draft_from_post
from outreply_cli.bulk.ambiguities import (
    find_ambiguities,
    find_conflicts,
    find_missed,
    find_uncancelled,
)
from outreply_cli.bulk.calendar import STDIN, Calendar, is_calendar_url, sort_diagnostics
from outreply_cli.bulk.checks import (
    check_guardrails,
    check_lead_time,
    check_monthly_quota,
    check_replacing_quota,
    check_replacing_times,
    check_storage,
    check_times,
    check_zone,
)
from outreply_cli.bulk.composed_texts import find_texts, make_row_texts
from outreply_cli.bulk.executor import PlanExecutor, RowResult, RowStatus, RunReport
from outreply_cli.bulk.identity import (
    AmbiguousCalendarError,
    CalendarIdentity,
    calendar_label,
    describe_calendar,
    find_calendar,
    identify_calendar,
)
from outreply_cli.bulk.matching import (
    Ambiguity,
    MatchedRow,
    content_digest,
    is_slot_row,
    match_rows,
)
from outreply_cli.bulk.placement import Placement, place_posts
from outreply_cli.bulk.plan import (
    Action,
    ActionType,
    Plan,
    leave_out_late,
    make_plan,
    mark_cancel_first,
)
from outreply_cli.bulk.reconciliation import AmbiguousRow, Pairs, find_pairs
from outreply_cli.bulk.remote_state import (
    LIVE_STATUSES,
    PostStatus,
    RemoteAccount,
    RemoteState,
    fetch_due_status,
    fetch_remote_state,
    fetch_statuses,
)
from outreply_cli.bulk.resolve import (
    PlannedPost,
    RowResolver,
    parse_row_time,
)
from outreply_cli.cancellation import CancellationToken
from outreply_cli.errors import CalendarError, InvalidInputError, OutReplyError, TimeError
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.journal.models import ComposedText, EntryState, JournalEntry, RowHistory
from outreply_cli.media.files import StorageLimits
from outreply_cli.media.uploader import Uploader
from outreply_cli.posts.content import Diagnostic, PostContent
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.posts.sender import OutcomeUnknownError, Sender, is_claimed, matches_entry
from outreply_cli.posts.slot_finder import SlotFinder
from outreply_cli.spec.limits import SCHEDULE_LATEST
from outreply_cli.spec.platform_rules import DEFAULT_RULES, RuleSet
from outreply_cli.times import BRAND_ZONE, parse_zone
from outreply_cli.timestamps import format_timestamp

if TYPE_CHECKING:
    from outreply_cli.bulk.approval import Approval

# Diagnostics are dropped for rows whose posts have all been published or failed.
_FINAL_STATUSES = frozenset({PostStatus.PUBLISHED, PostStatus.FAILED})
_ON_SERVER = _FINAL_STATUSES | {PostStatus.SCHEDULED}
_CONTENT_FIELDS = frozenset({*PostContent._fields, "media_files"})
_MAX_CANCEL = 10
_MAX_CANCEL_DIVISOR = 5
_NOTHING_SENT = "; nothing was sent"


class TooManyCancelsError(InvalidInputError):
    """A run that would cancel more posts than `--max-cancel` allows."""

    code = "TOO_MANY_CANCELS"


@dataclass(frozen=True)
class BulkOptions:
    """Options of a bulk run.

    Attributes:
        zone: Default zone of local times; None for that of each page's brand.
        checks_zone: Whether local times must have the zone of the calendar's last run.
        prune: Whether posts whose rows were removed are cancelled.
        adopt: Whether identical posts that the account already has are adopted.
        concurrency: Maximum requests in flight.
        spread_window: Maximum shift of rows that violate a guardrail; None does not move them.
        max_cancel: Maximum posts to cancel; None for 10 or a fifth of the calendar.
        allow_upload: Whether files of rows may be uploaded.
        planned_at: Time of a saved plan, which decides which posts of series are near enough; None
            for the current time.
        rules: Rules of the platforms.
        is_strict: Whether a row that breaks a platform rule is an error.
        approval: Rows that may be sent; None for all.
        composes: Whether rows without a text are composed, so that they are not errors.
    """

    zone: ZoneInfo | None
    checks_zone: bool = False
    prune: bool = False
    adopt: bool = True
    concurrency: int = 4
    spread_window: timedelta | None = None
    max_cancel: int | None = None
    allow_upload: bool = True
    planned_at: datetime | None = None
    rules: RuleSet = DEFAULT_RULES
    is_strict: bool = False
    approval: "Approval | None" = None
    composes: bool = False

    @property
    def zone_name(self) -> str:
        """The name of the default zone, as `--tz` takes it."""
        return BRAND_ZONE if self.zone is None else self.zone.key


@dataclass(frozen=True)
class OpenCalendar:
    """A calendar file, the calendar of the journal that it belongs to, and its posts.

    `posts` includes posts of series that are past or too far ahead.
    """

    calendar: Calendar
    identity: CalendarIdentity
    posts: list[PlannedPost]
    problems: list[Diagnostic]
    notes: list[str]
    resolver: RowResolver

    def with_texts(self, texts: Mapping[int, str]) -> "OpenCalendar":
        """Return the calendar with texts that were composed for posts without one, by index."""
        composed = {
            index: post.row.content.message or ""
            for index, post in enumerate(self.posts)
            if post.row.is_composed
        }
        resolved = replace(self.resolver, texts={**composed, **texts}).resolve()
        problems = [*self.calendar.problems, *resolved.problems]
        return replace(self, posts=resolved.posts, problems=problems, notes=resolved.notes)


@dataclass(frozen=True)
class CalendarDiff:
    """The rows of a calendar compared with the journal and the account.

    Attributes:
        orphaned: Pending entries without a row.
        statuses: Status of each entry's post by the entry's ID, including orphaned ones.
        later: New rows that are too far ahead to be scheduled (not occurrences of series), and
            rows without a free slot.
    """

    remote: RemoteState
    rows: list[MatchedRow]
    orphaned: list[JournalEntry]
    statuses: dict[int, PostStatus]
    problems: list[Diagnostic]
    later: list[MatchedRow]


@dataclass(frozen=True)
class PlannedCalendar:
    """A calendar that is ready to be applied, with its warnings and notes.

    `calendar_id` is its ID in the journal. `links` are the URLs of recently published posts,
    by the post's ID. `approved_posts` are the IDs of posts that exist as they were approved.
    """

    calendar: Calendar
    account: RemoteAccount
    plan: Plan
    warnings: list[Diagnostic]
    notes: list[str]
    links: Mapping[str, str]
    calendar_id: str
    approved_posts: Sequence[str] = ()


class PendingEntries(NamedTuple):
    """The entries of a calendar's pending posts.

    Attributes:
        scheduled: Entries whose posts can be cancelled.
        unknown: Entries whose posts may have been sent.
        forbidden: Entries whose posts the token may not cancel.
    """

    scheduled: list[JournalEntry]
    unknown: list[JournalEntry]
    forbidden: list[JournalEntry]


class BulkService:
    """Plans and applies the calendars of one command."""

    def __init__(
        self, client: Client, journal: Journal, account: RemoteAccount, options: BulkOptions
    ) -> None:
        self.account = account
        # The account in the journal.
        self._account = account.fingerprint
        self._client = client
        self._journal = journal
        self._options = options
        self._sender = Sender(client, journal)
        self._storage = StorageLimits.from_account(account.account)
        self._limits = GuardrailLimits.from_account(account.account)
        # Posts of earlier files of the command: guardrails hold for all files together.
        self._planned: list[PlannedPost] = []
        # Their rows and plans, by the ID of the calendar.
        self._plans: dict[str, list[tuple[list[MatchedRow], Plan]]] = defaultdict(list)

    def open(self, calendar: Calendar) -> OpenCalendar:
        """Read the rows of `calendar` and identify it; nothing is sent.

        Raises:
            CalendarError: The file cannot be read.
            AmbiguousCalendarError: The file could belong to several calendars.
            InvalidInputError: The calendar's times were in another zone in its last run.
            OutReplyError: The account cannot be read.
        """
        now = self._client.now()
        resolver = RowResolver(
            calendar,
            self.account.pages,
            zone=self._options.zone,
            brand_zone=self._client.brand_zone,
            now=now,
            latest=min(now, self._options.planned_at or now) + SCHEDULE_LATEST,
            storage=self._storage,
            has_secret=self._client.transport.holds_secret,
            rules=self._options.rules,
            is_strict=self._options.is_strict,
            may_lack_text=self._options.composes,
        )
        resolved = resolver.resolve()
        # Required to identify the calendar, which compares the texts of rows.
        found = self._find_texts("", resolved.posts, now)
        if found:
            resolver = replace(resolver, texts={i: text.text for i, text in found.items()})
            resolved = resolver.resolve()
        posts, problems = resolved.posts, [*calendar.problems, *resolved.problems]
        if not posts and not all(problem.is_warning for problem in calendar.problems):
            raise calendar_error(problems)
        identity = self._identify(calendar, posts)
        if self._options.checks_zone and self._options.zone is not None:
            zones = self._journal.zones(self._account, identity.known_id)
            # The only file of a calendar may have been renamed.
            default = next(iter(zones.values())) if len(zones) == 1 else None
            last = zones.get(_file_label(calendar), default)
            if last is not None:
                check_zone(calendar, self._options.zone, last, now)
        return OpenCalendar(calendar, identity, posts, problems, resolved.notes, resolver)

    @staticmethod
    def unify_names(opened: Sequence[OpenCalendar]) -> list[OpenCalendar]:
        """Return the files of a command with one ID for each calendar, from the file that names it.

        Raises:
            AmbiguousCalendarError: The files give one name to several calendars.
        """
        first: dict[str, OpenCalendar] = {}
        for item in opened:
            identity, former = item.identity, item.identity.former_id
            other = first.setdefault(identity.id, item) if former is not None else item
            if other.identity.former_id != former:
                raise AmbiguousCalendarError(
                    f"{other.calendar.file_name} and {item.calendar.file_name} belong to different "
                    f"calendars, which cannot both be called {calendar_label(identity.id)!r}",
                    hint="Run each file separately, with a different --name.",
                )
        return [
            replace(item, identity=first.get(item.identity.id, item).identity) for item in opened
        ]

    def check_approval(self, opened: Sequence[OpenCalendar]) -> None:
        """Raise InvalidApprovalError if the approval is not one of these calendars."""
        if self._options.approval is not None:
            from outreply_cli.bulk.approval import InvalidApprovalError

            posts = [post for item in opened for post in item.posts]
            if not any(self._options.approval.find_decisions(posts)):
                raise InvalidApprovalError(
                    f"--approved: the approval is for {self._options.approval.calendar!r}, and has "
                    f"no row of {', '.join(item.calendar.file_name for item in opened)}",
                    hint="Nothing was sent. Use the approval file of this calendar.",
                )

    def check_prune(self, opened: Sequence[OpenCalendar]) -> None:
        """Raise InvalidInputError if files would prune posts of other files."""
        files: dict[str, str] = {}
        for item in opened if self._options.prune else ():
            name = item.calendar.file_name
            other = files.setdefault(item.identity.known_id, name)
            if other != name:
                raise InvalidInputError(
                    f"--prune: {other} and {name} belong to the same calendar, "
                    f"{calendar_label(item.identity.known_id)}; each would cancel the posts of the "
                    "other",
                    hint="Put all rows of a calendar into one file, or leave out --prune.",
                )
        for item in opened if self._options.prune else ():
            self.check_own_rows(item)

    def identify_again(self, opened: OpenCalendar) -> OpenCalendar:
        """Return the calendar as the journal identifies it now, once its lock is held.

        Raises:
            CalendarBusyError: Another run has changed it in the meantime.
        """
        identity = self._identify(opened.calendar, opened.posts)
        if identity.known_id != opened.identity.known_id:
            raise CalendarBusyError(
                f"another run has changed the calendar of {opened.calendar.file_name}",
                hint="Run the command again.",
            )
        return replace(opened, identity=identity)

    def _identify(self, calendar: Calendar, posts: Sequence[PlannedPost]) -> CalendarIdentity:
        now = self._client.now()
        return identify_calendar(self._journal, self._account, calendar, posts, now)

    def diff(self, opened: OpenCalendar, *, reconcile: bool) -> CalendarDiff:
        """Compare a calendar with the journal and the account; no new post is sent.

        With `reconcile` (not for a dry run), the calendar is recorded, and entries that an earlier
        run left open are settled, which may repeat its requests.

        Raises:
            OutReplyError: The account cannot be read.
        """
        now = self._client.now()
        if reconcile:
            # Recorded first: another file of this name may have texts under it already.
            opened = self._record(opened)
        opened = self._with_kept_texts(opened, now, record=reconcile)
        identity, posts, problems = opened.identity, opened.posts, opened.problems
        name, known_id = identity.id, identity.known_id
        if reconcile:
            self._reconcile(name)
        self._sender.searched_at = self._client.now()
        remote = fetch_remote_state(self._client, (post.page_id for post in posts), now)
        histories = self._journal.rows(self._account, known_id)
        last_zone = self._journal.zones(self._account, known_id).get(_file_label(opened.calendar))

        def match(posts: Sequence[PlannedPost]) -> tuple[list[MatchedRow], list[JournalEntry]]:
            return match_rows(
                posts, histories, account=self._account, calendar=name, now=now,
                earlier_times=self._earlier_times(opened.calendar, posts, last_zone, now),
            )  # fmt: skip

        placement = self._place(posts, histories, known_id, remote, now)
        matched, orphaned = match(placement.posts)
        out_of_window = [
            row for row in matched if _is_out_of_window(row, now, opened.resolver.latest)
        ]
        rows = [row for row in matched if not _is_out_of_window(row, now, opened.resolver.latest)]
        # Before rows are spread: a row must not move away from its own post.
        adopted = adopt_exported(
            self._client, self._journal, rows, remote, known_id, dry_run=not reconcile
        )
        entries = [row.entry for row in adopted if row.entry is not None] + orphaned
        statuses = fetch_statuses(self._client, remote, entries, now)
        for row in adopted:
            # Only edited rows require the exact status of a due post.
            if row.entry is None or row.is_unchanged:
                continue
            if statuses[row.entry.id] == PostStatus.PUBLISHED:
                statuses[row.entry.id] = fetch_due_status(self._client, row.entry, now)
        adopted = [_with_status(row, statuses) for row in adopted]
        ambiguities = find_ambiguities(
            adopted,
            remote,
            histories,
            claimed=self._claimed_posts(remote, known_id)
            | _find_own_posts(out_of_window, remote)
            # A dry run does not record what it adopts.
            | {row.post_id for row in adopted if row.post_id},
            separate=self._journal.separate_posts(self._account),
            outdated_pages={
                entry.page_id for entry in entries if statuses[entry.id] == PostStatus.MISSING
            }
            if self._journal.knows_all_posts(self._account, known_id)
            else remote.truncated_pages,
            unrecorded=placement.unrecorded,
            older=self._fetch_older(
                {
                    row.post.page_id
                    for row in adopted
                    if row.takes_new_slot or row.status == PostStatus.MISSING
                },
                now,
            ),
            removed=self._find_removed(matched, histories, remote, now)
            if placement.unrecorded
            else (),
        )
        if reconcile:
            self._record_rows(adopted, ambiguities, name)
        unsettled = self._journal.list_unsettled(self._account, known_id)
        cancelling = [entry for entry in unsettled if entry.state == EntryState.CANCELLING]
        ambiguities |= find_uncancelled(adopted, cancelling, now)
        if self._options.adopt:
            self._adopt_exact(adopted, ambiguities, statuses, dry_run=not reconcile)
        ambiguities = find_missed(adopted, now) | ambiguities
        if self._options.spread_window is not None:
            histories += [
                RowHistory(row.name, row.entry, row.draft.generation)
                for row, before in zip(adopted, rows, strict=True)
                if row.entry is not before.entry
            ]
            posts, unplaced = self._spread(
                adopted, ambiguities, remote, now, self._options.spread_window
            )
            problems = [*problems, *unplaced]
            spread, orphaned = match([*posts, *(row.post for row in out_of_window)])
            adopted = [_with_status(row, statuses) for row in spread[: len(posts)]]
        rows = [
            _with_ambiguity(
                row, ambiguities[index], has_time=row.post.position not in placement.problems
            )
            if index in ambiguities
            else row
            for index, row in enumerate(adopted)
        ]
        # A post that a row has is never the post of a removed row.
        own = {row.post_id for row in rows if row.post_id}
        orphaned = [entry for entry in orphaned if entry.post_id not in own]
        conflicts = find_conflicts(self._journal, self._account, rows, identity.known_id)
        problems = _drop_settled([*problems, *conflicts], rows)
        # An ambiguous row may need no slot.
        slotless = [
            row for row in rows if row.ambiguity is None and row.post.position in placement.problems
        ]
        rows = [
            row
            for row in rows
            if row.ambiguity is not None or row.post.position not in placement.problems
        ]
        problems += filter(None, (placement.problems[row.post.position] for row in slotless))
        later = [*(row for row in out_of_window if row.post.series_zone is None), *slotless]
        return CalendarDiff(remote, rows, orphaned, statuses, problems, later)

    def _spread(
        self,
        rows: Sequence[MatchedRow],
        ambiguities: Collection[int],
        remote: RemoteState,
        now: datetime,
        window: timedelta,
    ) -> tuple[list[PlannedPost], list[Diagnostic]]:
        from outreply_cli.bulk.spread import apply_spread

        # A composed text that was lost is searched for at the time in the file.
        fixed = {
            index
            for index, row in enumerate(rows)
            if row.post.takes_slot or row.post.lacks_text or row.post.row.is_composed
        }
        return apply_spread(
            rows, self._with_planned(remote), self._limits, now=now, window=window,
            fixed_rows=fixed | set(ambiguities),
        )  # fmt: skip

    def _find_texts(
        self, calendar_id: str, posts: Sequence[PlannedPost], now: datetime
    ) -> dict[int, ComposedText]:
        """Return the kept texts of posts without one in the file, by index."""
        rows = make_row_texts(calendar_id, posts)
        kept = self._journal.composed_texts(self._account) if rows else []
        return find_texts(rows, kept, now)

    def _with_kept_texts(
        self, opened: OpenCalendar, now: datetime, *, record: bool
    ) -> OpenCalendar:
        """Return a calendar with the kept texts of its rows; `record` stores those that moved."""
        known_id = opened.identity.known_id
        rows = make_row_texts(known_id, opened.posts)
        found = self._find_texts(known_id, opened.posts, now)
        moved = {
            index: text
            for index, text in found.items()
            if text != rows[index]._replace(text=text.text, content=text.content)
        }
        if record and moved:
            self._journal.keep_texts(
                self._account,
                [rows[index]._replace(text=text.text) for index, text in moved.items()],
                replaced=[text for text in moved.values() if text.calendar == known_id],
            )
        new = {
            index: text.text
            for index, text in found.items()
            if not opened.posts[index].row.is_composed
        }
        return opened.with_texts(new) if new else opened

    def find_uncomposed(self, opened: OpenCalendar) -> dict[int, PlannedPost]:
        """Return the posts that would be sent and have no text, by index.

        A row that may have been scheduled already, or whose text is kept, is not one of them.

        Raises:
            CalendarError: The calendar has errors.
            OutReplyError: The account cannot be read.
        """
        planned = self.plan(opened, reconcile=False, may_lack_text=True)
        self.forget_plans()
        wanted = {
            (post.position, post.scheduled_at) for post in planned.plan.new_posts if post.lacks_text
        }
        return {
            index: post
            for index, post in enumerate(opened.posts)
            if (post.position, post.scheduled_at) in wanted
        }

    def keep_texts(self, opened: OpenCalendar, texts: Mapping[int, str]) -> None:
        """Keep the texts that were composed for posts, by index; raises StorageError."""
        rows = make_row_texts(opened.identity.known_id, opened.posts)
        self._journal.keep_texts(
            self._account,
            [rows[index]._replace(text=text) for index, text in texts.items()],
        )

    def plan(
        self, opened: OpenCalendar, *, reconcile: bool, may_lack_text: bool = False
    ) -> PlannedCalendar:
        """Plan a calendar; arguments as for `diff`.

        With `may_lack_text`, posts may have no text yet.

        Raises:
            CalendarError: The calendar has errors; all of them are listed.
            TooManyCancelsError: The plan cancels too many posts.
            OutReplyError: The account cannot be read.
        """
        diff = self.diff(opened, reconcile=reconcile)
        plan = make_plan(diff.rows, diff.orphaned, diff.statuses, prune=self._options.prune)
        earlier = self._plans[opened.identity.id]
        if repeated := [*_find_repeated(diff.rows, plan, earlier)]:
            raise calendar_error(repeated)
        earlier.append((diff.rows, plan))
        problems, notes = list(diff.problems), list(opened.notes)
        approved_posts: list[str] = []
        if self._options.approval is not None:
            from outreply_cli.bulk.approval import restrict_plan

            plan, warnings, more, approved_posts = restrict_plan(plan, self._options.approval)
            problems += warnings
            notes += more
        if not self._options.prune:
            problems += _find_moved_too_far(opened.posts, diff)
        plan, late = leave_out_late(plan, self._client.now(), was_moved=self._was_moved)
        posts = self._with_planned(diff.remote)
        problems = sort_diagnostics([*problems, *late, *self._check(plan, posts)])
        if not may_lack_text and all(problem.is_warning for problem in problems):
            problems += _check_texts(plan, composes=self._options.composes)
        errors = [problem for problem in problems if not problem.is_warning]
        if errors:
            # If another process has taken over the calendar, the errors may be out of date.
            self._journal.check_lease(self._account, opened.identity.id)
            raise calendar_error(errors)
        plan = replace(plan, actions=mark_cancel_first(plan, posts, self._limits))
        now = self._client.now()
        late = [
            *check_replacing_times(plan, now),
            *check_replacing_quota(plan, self._publishes_left, now),
        ]
        if late:
            raise calendar_error(late)
        # Posts that were cancelled elsewhere do not count towards the size of the calendar.
        existing = [s for s in diff.statuses.values() if s != PostStatus.MISSING]
        self._check_cancels(plan, len(existing))
        self._planned += plan.new_posts
        links = {
            str(post["id"]): post["permalink"]
            for post in diff.remote.published
            if post.get("permalink")
        }
        notes += _note_later(diff.later)
        return PlannedCalendar(
            opened.calendar, self.account, plan, problems, notes, links, opened.identity.id,
            approved_posts,
        )  # fmt: skip

    def _was_moved(self, action: Action) -> bool:
        """Return whether the row of an action is as it was sent, and only its post's time is not.

        A row that was edited and then reverted has a post with the edited content or time.
        """
        entry, draft = action.entry, action.draft
        while entry is not None and draft is not None:
            if entry.fingerprint == draft.fingerprint:
                return True
            if content_digest(entry.body) != content_digest(draft.body):
                return False
            entry = None if entry.replaces is None else self._journal.entry(entry.replaces)
        return False

    def fetch_unclaimed(self, post_id: str) -> Post | None:
        """Return a scheduled post that no row claims and that lists may leave out, or None."""
        if post_id in self._journal.owned_post_ids(self._account):
            return None
        try:
            return self._client.scheduled_post(post_id)
        except NotFoundError:
            return None

    def find_pairs(self, opened: OpenCalendar, *, dry_run: bool) -> Pairs:
        """Return the ambiguous rows, with the posts that may be theirs; settles what it can.

        Raises:
            CalendarError: The calendar has errors.
            OutReplyError: The account cannot be read.
        """
        unsettled = self._count_unsettled(opened)
        diff = self.diff(opened, reconcile=not dry_run)
        errors = [problem for problem in diff.problems if not problem.is_warning]
        if errors:
            raise calendar_error(errors)
        claimed = self._journal.owned_post_ids(self._account)
        unclaimed = [post for post in diff.remote.posts if not is_claimed(post, claimed)]
        pairs = find_pairs(diff.rows, unclaimed, dry_run=dry_run)
        return replace(pairs, resolved=unsettled - self._count_unsettled(opened))

    def _count_unsettled(self, opened: OpenCalendar) -> int:
        return len(self._journal.list_unsettled(self._account, opened.identity.known_id))

    def pair(self, item: AmbiguousRow, post: Post) -> None:
        """Record that `post` is the post of an ambiguous row, and cancel its other post, if any.

        Raises:
            OutReplyError: The other post is still scheduled, and cannot be cancelled.
        """
        post_id = str(post["id"])
        if item.ambiguity.old is not None and post_id == item.ambiguity.old.post_id:
            self._sender.keep_old(item.ambiguity.old)
        elif item.ambiguity.old is not None and post_id == item.row.post_id:
            self._drop_old(item.ambiguity.old)
        else:
            self._adopt(item.row, post, dry_run=False)

    def _adopt_exact(
        self,
        rows: list[MatchedRow],
        ambiguities: dict[int, Ambiguity],
        statuses: dict[int, PostStatus],
        *,
        dry_run: bool,
    ) -> None:
        """Adopt the posts that are identical to `rows`, and remove the ambiguities about these."""
        for index in [index for index, ambiguity in ambiguities.items() if ambiguity.is_exact]:
            (post,) = ambiguities.pop(index).candidates
            entry = self._adopt(rows[index], post, dry_run=dry_run)
            is_published = "published_at" in post
            statuses[entry.id] = PostStatus.PUBLISHED if is_published else PostStatus.SCHEDULED
            rows[index] = _with_status(rows[index].with_entry(entry), statuses)

    def _adopt(self, row: MatchedRow, post: Post, *, dry_run: bool) -> JournalEntry:
        entry, post_id = row.entry, str(post["id"])
        draft = draft_from_post(row, post)
        if dry_run:
            return self._journal.preview_adoption(draft, post_id)
        text = str(draft.body.get("message") or "")
        if text:
            # The post has the text of a row that has none in the file.
            for own in make_row_texts(draft.calendar, [row.post]).values():
                kept = own._replace(text=text)
                self._journal.keep_texts(draft.account, [kept], replaced=[own])
        if entry is not None and entry.state == EntryState.SENT:
            self._journal.mark_done(entry, post_id)
            return self._journal.entry(entry.id)
        if entry is None:
            return self._journal.adopt(draft, post_id)
        # The row has been edited, and its new version exists already: only the old one is left.
        adopted = self._journal.adopt(replace(draft, replaces=entry.id), post_id)
        self._sender.reconcile(self._journal.entry(entry.id))
        return adopted

    def mark_new(self, item: AmbiguousRow) -> None:
        """Record that no candidate is the post of an ambiguous row.

        The row becomes a new post. If it has one that is scheduled, that one is kept.

        Raises:
            OutReplyError: The post that it replaces is still scheduled, and cannot be cancelled.
        """
        row, entry = item.row, item.row.entry
        is_cancelling = entry is not None and entry.state == EntryState.CANCELLING
        old = entry if is_cancelling else item.ambiguity.old
        if old is not None:
            self._drop_old(old)
            return
        if row.is_live:
            return
        if entry is not None and entry.state == EntryState.SENT:
            if entry.replaces is not None:
                replaced = self._journal.entry(entry.replaces)
                if replaced.state == EntryState.CANCELLING:
                    self._drop_old(replaced)
            self._journal.mark_unsent(entry)
            return
        if entry is not None:
            self._journal.mark_cancelled(entry)
        self._journal.record_planned([row.draft], claim=self._is_slot(row))

    def _is_slot(self, row: MatchedRow) -> bool:
        """Return whether the time of a row's next post is a slot; the row may have none."""
        if not row.post.takes_slot:
            return False
        at = row.draft.scheduled_at
        schedule = self._slot_finder((), self._client.now()).schedule_for(row.post.page)
        return schedule is not None and next(schedule.after(at, at), None) is not None

    def _drop_old(self, old: JournalEntry) -> None:
        """Record that a replaced post is gone, unless the server says otherwise."""
        error = self._sender.reconcile(old).error
        if isinstance(error, OutcomeUnknownError):
            self._journal.mark_cancelled(old)
        elif error is not None:
            raise error

    def mark_separate(self, row: MatchedRow, post_ids: Iterable[str]) -> None:
        """Record that posts are not those of a row."""
        self._journal.mark_separate(self._account, row.name, post_ids)

    def find_calendar(self, name: str, path: str) -> str | None:
        """Return the ID of the known calendar with a name, ID or path, if there is exactly one."""
        return find_calendar(self._journal, self._account, name, path)

    def cancelled_posts(self) -> set[str]:
        """Return the IDs of the posts that the journal has cancelled."""
        return self._journal.cancelled_post_ids(self._account)

    def describe_undone(self, plan: Plan, since: datetime) -> Iterator[str]:
        """Yield a message for each post that `plan` would create again after a cancellation.

        Only posts that were created after `since` count.
        """
        drafts = {
            action.draft.row: (action.line, action.draft)
            for action in plan.filter_actions(ActionType.CREATE)
            if action.draft is not None
        }
        for entry in self._journal.entries_for_rows(self._account, drafts):
            line, draft = drafts[entry.row]
            if (
                (entry.calendar, entry.fingerprint) == (draft.calendar, draft.fingerprint)
                # A post that is done and would be created was cancelled elsewhere.
                and entry.state in {EntryState.DONE, EntryState.CANCELLED}
                and entry.sent_at is not None
                and entry.sent_at > since
            ):
                yield f"line {line}: the row's post {entry.post_id} was cancelled"

    def pending_entries(self, calendar_id: str) -> PendingEntries:
        """Reconcile a calendar, and return the entries of its pending posts."""
        now = self._client.now()
        self._reconcile(calendar_id)
        remote = fetch_remote_state(self._client, (), now)
        histories = self._journal.rows(self._account, calendar_id)
        pending = [
            history.active
            for history in histories
            if history.active and history.active.scheduled_at > now
        ]
        statuses = fetch_statuses(self._client, remote, pending, now)
        # Also the old posts of rows whose new post exists.
        unsettled = self._journal.list_unsettled(self._account, calendar_id)
        return PendingEntries(
            [entry for entry in pending if statuses[entry.id] in LIVE_STATUSES],
            [entry for entry in unsettled if entry.scheduled_at > now],
            [entry for entry in pending if statuses[entry.id] == PostStatus.FORBIDDEN],
        )

    def count_unrecorded(self, opened: OpenCalendar) -> int:
        """Return how many rows have, or may have, a post that the journal does not know."""
        histories = self._journal.rows(self._account, opened.identity.known_id)
        # Posts that this journal has cancelled are known, even if other posts are similar.
        cancelled = {history.row for history in histories if history.cancelled is not None}
        rows = self.diff(opened, reconcile=False).rows
        ambiguous = [
            row for row in rows if row.entry is None and row.ambiguity and row.name not in cancelled
        ]
        # An entry without a row in the database has a negative ID.
        adopted = [row for row in rows if row.entry is not None and row.entry.id < 0]
        return len(ambiguous) + len(adopted)

    def check_own_rows(
        self, opened: OpenCalendar, pending: Sequence[JournalEntry] | None = None
    ) -> None:
        """Raise InvalidInputError if another file has rows of some `pending` posts.

        `pending` posts are to be cancelled; None means all that --prune cancels. Without a name, a
        file other than the calendar's last one may be a part of it, or only share rows with it.
        """
        known_id, source, prunes = opened.identity.known_id, opened.calendar.source, pending is None
        path = self._journal.calendars(self._account).get(known_id, "")
        is_named = opened.calendar.name is not None and opened.identity.former_id is None
        may_be_same = not path or _may_be_same_file(path, source)
        if is_named or path == source or (prunes and may_be_same):
            return
        orphaned = self.find_orphaned(opened)
        wanted = {entry.id for entry in (orphaned if pending is None else pending)}
        count = sum(entry.id in wanted for entry in orphaned)
        if count:
            keep = "To keep them, leave out --prune. To" if prunes else "To also"
            posts = f"{count} pending post{'s' * (count != 1)}"
            raise InvalidInputError(
                f"{'--prune: ' if prunes else ''}{opened.calendar.file_name} has no rows for "
                f"{posts} of the calendar {describe_calendar({known_id: path}, known_id)}",
                hint=f"{keep} cancel them, name the calendar: --name '{calendar_label(known_id)}'",
            )

    def find_orphaned(self, opened: OpenCalendar) -> list[JournalEntry]:
        """Return the entries of a calendar whose rows are not in its file."""
        known_id = opened.identity.known_id
        _, orphaned = match_rows(
            opened.posts, self._journal.rows(self._account, known_id), account=self._account,
            calendar=known_id, now=self._client.now(),
        )  # fmt: skip
        return orphaned

    def claim_slots(self, plans: Iterable[PlannedCalendar]) -> None:
        """Record the times that new posts of `plans` take, so that no other command takes them.

        Nothing is recorded if one of them is taken.

        Raises:
            SlotTakenError: Another command has taken one of them since it was planned.
        """
        drafts = [
            action.draft
            for planned in plans
            for action in planned.plan.filter_actions(ActionType.CREATE, ActionType.CHANGE)
            if action.draft is not None and action.post is not None and action.post.takes_slot
        ]
        if drafts:
            self._journal.record_planned(drafts, claim=True)

    def forget_plans(self) -> None:
        """Forget earlier plans, so that the same calendars can be planned again."""
        self._planned = []
        self._plans.clear()

    def slot_zone(self, post: PlannedPost) -> ZoneInfo | None:
        """Return the time zone of the slots of a post's page, if it has some."""
        schedule = self._slot_finder((), self._client.now()).schedule_for(post.page)
        return None if schedule is None else schedule.zone

    def apply(
        self,
        planned: PlannedCalendar,
        stop: CancellationToken,
        on_result: Callable[[RowResult], None],
    ) -> RunReport:
        """Claim slots, upload files and execute the plan; see PlanExecutor.run.

        Raises:
            SlotTakenError: Another command has taken a slot of the plan; nothing was sent.
        """
        self.claim_slots([planned])
        calendar = planned.calendar
        zone = calendar.timezone or self._options.zone_name
        self._journal.record_zone(self._account, planned.calendar_id, _file_label(calendar), zone)
        uploader = Uploader(self._client, self._journal, self._account)
        actions = list(planned.plan.actions)
        unsent: dict[int, RowResult] = {}
        for index, action in enumerate(actions):
            if not (action.kind.creates_post and action.post and action.post.media_files):
                continue
            if stop.is_set:
                unsent[index] = RowResult(action, RowStatus.PENDING)
                continue
            try:
                actions[index] = _with_media(action, uploader)
            except OutReplyError as error:
                if stops_batch(error):
                    stop.set(error)
                status = RowStatus.PENDING if stops_batch(error) else RowStatus.FAILED
                unsent[index] = RowResult(action, status, None, error)
        report = self.apply_actions(actions, stop, on_result, unsent)
        if (approval := self._options.approval) is not None:
            sent = [
                result.post_id
                for result in report.results
                if result.action.kind.creates_post
                and result.status == RowStatus.DONE
                and result.post_id is not None
            ]
            self._journal.record_approvals(
                self._account,
                [*planned.approved_posts, *sent],
                approval.approved_by,
                min(approval.approved_at, self._client.now()),
            )
        return report

    def apply_actions(
        self,
        actions: Sequence[Action],
        stop: CancellationToken,
        on_result: Callable[[RowResult], None],
        finished: Mapping[int, RowResult] | None = None,
    ) -> RunReport:
        """Execute `actions`; see PlanExecutor.run."""
        left = self._publishes_left
        executor = PlanExecutor(
            self._sender,
            self._journal,
            stop=stop,
            # One at a time, so that the publishes left go to the posts that are due first.
            concurrency=self._options.concurrency if left is None or left >= 0 else 1,
            on_result=on_result,
        )
        return executor.run(actions, finished or {})

    def _place(
        self,
        posts: Sequence[PlannedPost],
        histories: Sequence[RowHistory],
        calendar: str,
        remote: RemoteState,
        now: datetime,
    ) -> Placement:
        if not any(post.takes_slot for post in posts):
            return Placement([*posts], set(), {})
        claimed = self._claimed_posts(remote, calendar)
        finder = self._slot_finder(self._with_planned(remote), now)
        return place_posts(
            posts,
            histories,
            calendar=calendar,
            finder=finder,
            unclaimed=[post for post in remote.posts if not is_claimed(post, claimed)],
            separate=self._journal.separate_posts(self._account),
            now=now,
        )

    def _claimed_posts(self, remote: RemoteState, calendar: str) -> set[str]:
        """Return the IDs of posts that rows have, including those that other runs send now."""
        # Read first: an entry that is done in the meantime is in the second list.
        sent = [
            entry
            for entry in self._journal.list_unsettled(self._account)
            if entry.state == EntryState.SENT and entry.calendar != calendar
        ]
        return self._journal.owned_post_ids(self._account) | {
            str(post.get("id"))
            for entry in sent
            for post in remote.posts
            if matches_entry(post, entry)
        }

    def _slot_finder(self, posts: Sequence[Resource], now: datetime) -> SlotFinder:
        return SlotFinder(
            self._journal, self._account, self.account.pages, posts, limits=self._limits, now=now
        )

    def _fetch_older(self, page_ids: Iterable[str], now: datetime) -> list[Post]:
        """Return the published posts of pages, as far as the server lists them."""
        since = now - SCHEDULE_LATEST
        return [
            post
            for page_id in sorted(page_ids)
            for post in self._client.published_posts(page_id=page_id, since=since).items
        ]

    def _with_planned(self, remote: RemoteState) -> list[Resource]:
        """Return the posts of the account, and those planned by earlier files of the command."""
        return [*remote.posts, *(post.body() for post in self._planned)]

    def _find_removed(
        self,
        rows: Sequence[MatchedRow],
        histories: Iterable[RowHistory],
        remote: RemoteState,
        now: datetime,
    ) -> list[JournalEntry]:
        """Return the past entries without a row whose posts are not known to be cancelled."""
        # A corrected row that was paired with a post has it as well.
        own = {row.post_id for row in rows}
        removed = [
            entry
            for history in histories
            if (entry := history.active) is not None
            and entry.scheduled_at <= now
            and entry.post_id not in {None, *own}
        ]
        statuses = fetch_statuses(self._client, remote, removed, now)
        return [entry for entry in removed if statuses[entry.id] != PostStatus.MISSING]

    @property
    def _publishes_left(self) -> int | None:
        """Publishes left this month after all planned posts, if known; may be negative."""
        left = self.account.publishes_left
        return None if left is None else left - len(self._planned)

    def _check(self, plan: Plan, posts: Sequence[Resource]) -> list[Diagnostic]:
        now = self._client.now()
        brand_ids = {
            str(page["id"]): str(page.get("brand_id") or "") for page in self.account.pages
        }
        uploader = Uploader(self._client, self._journal, self._account)
        return [
            *check_times(plan, now),
            *check_guardrails(plan, posts, brand_ids, self._limits),
            *check_monthly_quota(plan, self._publishes_left, now, earlier=len(self._planned)),
            *check_lead_time(plan, self.account.requests_per_minute, now),
            *check_storage(plan, self._storage, uploader, allow_upload=self._options.allow_upload),
        ]

    def _record(self, opened: OpenCalendar) -> OpenCalendar:
        """Record a calendar under its name, and return it."""
        identity = opened.identity
        if identity.former_id is not None:
            self._journal.rename_calendar(self._account, identity.former_id, identity.id)
        self._journal.record_calendar(self._account, identity.id, opened.calendar.source)
        return replace(opened, identity=CalendarIdentity(identity.id))

    def _earlier_times(
        self, calendar: Calendar, posts: Sequence[PlannedPost], last: str | None, now: datetime
    ) -> dict[int, datetime]:
        """Return the times of rows in the zone of the last run, by index, where they differ."""
        times: dict[int, datetime] = {}
        if last is None or last == BRAND_ZONE:
            return times
        for index, post in enumerate(posts):
            row = post.row
            zone = row.timezone or calendar.timezone or self._options.zone_name
            if zone == last or post.takes_slot or post.series_zone is not None:
                continue
            with suppress(TimeError):
                at = parse_row_time(calendar, row.scheduled_at, parse_zone(last), now)
                if at != post.time_in_file:
                    times[index] = at
        return times

    def _record_rows(
        self,
        rows: Sequence[MatchedRow],
        ambiguities: Collection[int],
        calendar: str,
    ) -> None:
        """Record that rows are not ambiguous, and the new names of rows with posts.

        A row that was given a key is known by it from now on, even if everything else is edited.
        """
        if not ambiguities:
            self._journal.record_all_known(self._account, calendar)
        for index, row in enumerate(rows):
            entry = row.entry
            if entry is None or entry.row == row.name or index in ambiguities:
                continue
            if (row.status == PostStatus.SCHEDULED and row.is_unchanged) or (
                row.status == PostStatus.PUBLISHED and not is_slot_row(entry.row)
            ):
                self._journal.rename_row(self._account, calendar, entry.row, row.name)

    def _reconcile(self, calendar_id: str) -> None:
        for unsettled in self._journal.list_unsettled(self._account, calendar_id):
            entry = self._journal.entry(unsettled.id)
            if entry.state == EntryState.SENT and entry.is_unsent and entry.replaces is not None:
                # Planned again: another machine may have scheduled the row in the meantime.
                outcome = self._sender.abandon_replacing(entry)
            else:
                outcome = self._sender.reconcile(entry)
            # A row with an unknown outcome is held back, and a rejected one is planned again.
            if outcome.error is not None and stops_batch(outcome.error):
                raise outcome.error

    def _check_cancels(self, plan: Plan, posts: int) -> None:
        cancels = len(plan.filter_actions(ActionType.CANCEL))
        limit = self._options.max_cancel
        if limit is None:
            limit = min(_MAX_CANCEL, max(1, posts // _MAX_CANCEL_DIVISOR))
        if cancels > limit:
            raise TooManyCancelsError(
                f"{cancels} of {posts} posts of the calendar would be cancelled, but the limit is "
                f"{limit}; nothing was sent",
                hint=f"To cancel them, use: --max-cancel {cancels}",
                details={"cancels": cancels, "limit": limit},
            )


def _check_texts(plan: Plan, *, composes: bool) -> Iterator[Diagnostic]:
    """Yield an error for each post without a text that would be sent.

    If the calendar `composes`, media do not stand for a text.
    """
    for post in plan.new_posts:
        content = post.row.content
        has_media = post.media_files or content.media_ids or content.media_urls
        if post.lacks_text and (composes or not has_media):
            yield post.row.diagnostic("message", "the row has no text yet; run the command again")


def _with_media(action: Action, uploader: Uploader) -> Action:
    """Upload the files of a new post, and return its action with their IDs in the draft."""
    assert action.post is not None
    assert action.draft is not None
    uploaded = [uploader.upload(file, reuse=True).media_id for file in action.post.media_files]
    media_ids = [*action.post.row.content.media_ids, *uploaded]
    draft = replace(action.draft, body={**action.draft.body, "media_ids": media_ids})
    return action._replace(make_draft=lambda: draft)


def _is_out_of_window(row: MatchedRow, now: datetime, latest: datetime) -> bool:
    """Return whether a row is new and after `latest`, or a past and settled occurrence of a series.

    The run leaves it out, but matches it: its post is not taken for that of a removed row.
    """
    is_settled = row.entry is None or row.entry.state == EntryState.DONE
    is_later = is_settled and row.post.scheduled_at > latest
    if row.post.series_zone is None:
        # A row without a slot may still be ambiguous.
        return is_later and row.entry is None and not row.post.takes_slot
    return is_later or (is_settled and row.post.scheduled_at <= now)


def _note_later(rows: Sequence[MatchedRow]) -> Iterator[str]:
    slotless = sum(row.post.takes_slot for row in rows)
    if slotless:
        plural = slotless > 1
        yield (
            f"{slotless:,} row{'s have' if plural else ' has'} no free slot within "
            f"{SCHEDULE_LATEST.days} days; later runs schedule {'them' if plural else 'it'}, or "
            "set more slots"
        )
    rows = [row for row in rows if not row.post.takes_slot]
    if not rows:
        return
    first = min(row.post.scheduled_at for row in rows) - SCHEDULE_LATEST
    day = f"{first + timedelta(days=1):%Y-%m-%d}"
    ahead = f"more than {SCHEDULE_LATEST.days} days ahead; later runs schedule"
    if len(rows) == 1:
        yield f"1 row is {ahead} it, from {day} on"
    else:
        yield f"{len(rows):,} rows are {ahead} them, the first from {day} on"


def _find_own_posts(out_of_window: Iterable[MatchedRow], remote: RemoteState) -> set[str]:
    """Return the IDs of the posts of occurrences that the journal has lost."""
    lost = {
        (row.post.page_id, row.post.scheduled_at): row.draft
        for row in out_of_window
        if row.entry is None
    }
    posts = [(post, post_time(post)) for post in remote.posts] if lost else []
    return {
        str(post["id"])
        for post, at in posts
        if at is not None
        and (draft := lost.get((get_page_id(post), at))) is not None
        and matches_entry(post, draft)
    }


def _with_ambiguity(row: MatchedRow, ambiguity: Ambiguity, *, has_time: bool) -> MatchedRow:
    """Return an ambiguous row; one without a time is shown at that of the post it may have."""
    times = [at for post in ambiguity.candidates if (at := post_time(post)) is not None]
    if not has_time and times:
        row = row._replace(post=row.post._replace(scheduled_at=times[0]))
    return row._replace(ambiguity=ambiguity)


def _with_status(row: MatchedRow, statuses: Mapping[int, PostStatus]) -> MatchedRow:
    """Return a row with the status of its post."""
    return row if row.entry is None else row._replace(status=statuses.get(row.entry.id))


def _drop_settled(problems: Iterable[Diagnostic], rows: Sequence[MatchedRow]) -> list[Diagnostic]:
    """Return the problems that still matter."""
    # Rows that are held are not sent, and need no text.
    held = {row.post.row.line for row in rows if row.ambiguity and row.post.lacks_text}
    problems = [
        problem
        for problem in problems
        if problem.field != "message" or (problem.row_line or problem.line) not in held
    ]
    if not problems or all(row.entry is None for row in rows):
        return problems
    # A series goes on after the posts that are done.
    single = [row for row in rows if row.post.series_zone is None]
    done = _lines_with(single, _FINAL_STATUSES)
    # An expired page blocks only rows that are still to be sent to it. Scheduled rows had their
    # warnings about platform rules in an earlier run.
    kept = _lines_with(rows, _ON_SERVER, is_unchanged=True)
    return [
        problem._replace(is_warning=True)
        if problem.field == "page" and problem.line in kept
        else problem
        for problem in problems
        if (problem.row_line or problem.line) not in done
        and not (problem.is_warning and problem.field in _CONTENT_FIELDS and problem.line in kept)
    ]


def _lines_with(
    rows: Sequence[MatchedRow], wanted: Collection[PostStatus], *, is_unchanged: bool = False
) -> set[int]:
    """Return the lines of rows whose posts all have a `wanted` status."""
    lines: dict[int, bool] = {}
    for row in rows:
        matches = row.status in wanted and (row.is_unchanged or not is_unchanged)
        line = row.post.row.line
        lines[line] = lines.get(line, True) and matches
    return {line for line, matches in lines.items() if matches}


def _find_repeated(
    rows: Sequence[MatchedRow], plan: Plan, earlier: Iterable[tuple[Sequence[MatchedRow], Plan]]
) -> Iterator[Diagnostic]:
    """Yield errors for rows that an `earlier` file has too, where one of the files sends them."""
    for other_rows, other_plan in earlier:
        others = {row.name: row.post.row for row in other_rows}
        shared = [row for row in rows if row.name in others]
        actions = [*plan.actions, *other_plan.actions] if shared else []
        sent = {action.draft.row for action in actions if action.kind.creates_post and action.draft}
        for row in shared:
            if row.name in sent:
                other = others[row.name]
                message = f"the row is also in {other.file}, line {other.line}; keep one of them"
                yield row.post.row.diagnostic("", message)


def _find_moved_too_far(posts: Sequence[PlannedPost], diff: CalendarDiff) -> Iterator[Diagnostic]:
    """Yield an error for each row that was moved too far ahead while its post is scheduled."""
    orphaned = {content_digest(entry.body): entry for entry in diff.orphaned}
    if not diff.later or not orphaned:
        return
    # One of several rows with equal texts may have been removed.
    counts = Counter(content_digest(post.body()) for post in posts)
    for row in diff.later:
        digest = content_digest(row.draft.body)
        entry = orphaned.get(digest) if row.entry is None and counts[digest] == 1 else None
        if entry is not None and diff.statuses[entry.id] in LIVE_STATUSES:
            yield row.post.row.diagnostic(
                "scheduled_at",
                f"too far ahead to be scheduled now, and post {entry.post_id} of this row is still "
                f"scheduled at {format_timestamp(entry.scheduled_at)}; cancel it with --prune, or "
                f"with: outreply posts cancel {entry.post_id}",
            )


def _file_label(calendar: Calendar) -> str:
    """Return the name by which a calendar's file is known on every machine."""
    source = calendar.source
    return source if is_calendar_url(source) else Path(source).name


def _may_be_same_file(last: str, new: str) -> bool:
    """Return whether a file may be the one at the path of the last run, elsewhere or renamed.

    The same file has another path on another machine. All published sheets have the same name.
    """
    if STDIN in {last, new} or is_calendar_url(last) or is_calendar_url(new):
        return False
    old = Path(last)
    return old.name == Path(new).name or (old.parent.is_dir() and not old.exists())


def calendar_error(
    problems: Sequence[Diagnostic], *, outcome: str = _NOTHING_SENT
) -> CalendarError:
    """Return the error for a calendar with `problems`, without its warnings."""
    return merge_calendar_errors(
        [problem.to_dict() for problem in sort_diagnostics(problems) if not problem.is_warning],
        outcome=outcome,
    )


def merge_calendar_errors(
    problems: Sequence[Mapping[str, Any]], *, outcome: str = _NOTHING_SENT
) -> CalendarError:
    """Return the error for calendars with `problems`."""
    count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
    files = ", ".join(dict.fromkeys(str(problem["file"]) for problem in problems))
    return CalendarError(f"{count} in {files}{outcome}", problems=problems)
