"""Rows, journal and account to actions: a pure decision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from outreply_cli.api.client import Resource, post_time
from outreply_cli.bulk.calendar import Diagnostic
from outreply_cli.bulk.matching import MatchedRow
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.journal.models import FILES_FIELD, JournalEntry
from outreply_cli.posts.content import validate_time
from outreply_cli.posts.guardrails import (
    GuardrailLimits,
    Violation,
    brand_violations,
    page_violations,
)
from outreply_cli.spec.limits import SCHEDULE_EARLIEST
from outreply_cli.times import format_duration
from outreply_cli.timestamps import format_timestamp


class ActionType(StrEnum):
    """What is to be done about a row."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    CANCEL = "cancel"


class Action(NamedTuple):
    """One row's part of a plan.

    Attributes:
        instant: When the row's post is due, in UTC.
        page_id: The page it is for.
        matched: The row, and what is known of it; None for a row that was taken out.
        entry: The entry whose post stands for the row so far, if any.
        reason: Why, in words, where that is not plain.
        cancel_first: Whether the old post has to go before the new one can come.
        unresolved: Whether the row is held back, because only the server knows of its post.
    """

    kind: ActionType
    instant: datetime
    page_id: str
    matched: MatchedRow | None
    entry: JournalEntry | None = None
    reason: str = ""
    cancel_first: bool = False
    unresolved: bool = False

    @classmethod
    def on_row(
        cls, kind: ActionType, one: MatchedRow, entry: JournalEntry | None = None, **more: Any
    ) -> "Action":
        """What is done about a row of the file."""
        return cls(kind, one.target.instant, one.target.page_id, one, entry, **more)

    @classmethod
    def on_entry(cls, kind: ActionType, entry: JournalEntry, reason: str) -> "Action":
        """What is done about a post that has no row."""
        return cls(kind, entry.scheduled_at, entry.page_id, None, entry, reason)


@dataclass
class Plan:
    """What a run would do.

    Attributes:
        actions: One for each row, in the file's order; cancels after them.
        problems: What forbids the run; rows that may go out all the same are warnings.
        orphaned: Posts of rows that were taken out of the file and are not cancelled.
    """

    actions: list[Action] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    orphaned: list[JournalEntry] = field(default_factory=list)

    @property
    def cancels(self) -> int:
        """How many posts go without another in their place."""
        return len(self.of_kind(ActionType.CANCEL))

    def of_kind(self, *kinds: ActionType) -> list[Action]:
        """The actions of some kinds."""
        return [action for action in self.actions if action.kind in kinds]


def make_plan(
    matched: Sequence[MatchedRow],
    gone: Sequence[JournalEntry],
    standing: Mapping[int, PostStatus],
    *,
    now: datetime,
    prune: bool,
) -> Plan:
    """What to do about each row.

    Args:
        matched: The file's rows, and what earlier runs know of them.
        gone: Entries that no row stands for any more.
        standing: What became of the posts of earlier runs.
        now: The present, by the server's clock.
        prune: Whether posts of rows that were taken out are cancelled.
    """
    plan = Plan()
    for one in matched:
        action = _decide(one, standing)
        if one.target.moved_from is not None and action.kind in {
            ActionType.CREATE,
            ActionType.CHANGE,
        }:
            reason = _moved(one.target.moved_from, one.target.instant)
            action = action._replace(reason=reason)
        plan.actions.append(action)
        if action.reason == _PUBLISHED:
            plan.problems.append(one.target.row.problem("", _PUBLISHED_HELP, is_warning=True))
        elif action.kind in {ActionType.CREATE, ActionType.CHANGE}:
            wrong = validate_time(one.target.instant, now)
            if wrong is not None:
                plan.problems.append(one.target.row.problem(wrong.field, wrong.what))
    for entry in gone:
        if standing.get(entry.id) in {PostStatus.GONE, PostStatus.PUBLISHED, PostStatus.FAILED}:
            continue
        if prune:
            plan.actions.append(Action.on_entry(ActionType.CANCEL, entry, "its row was taken out"))
        else:
            plan.orphaned.append(entry)
    return plan


def check_guardrails(
    plan: Plan, posts: Sequence[Resource], brand_of: Mapping[str, str], limits: GuardrailLimits
) -> None:
    """Add to `plan` every rule that its posts break together with what the server holds.

    Args:
        plan: Its creates and changes are what can be blamed.
        posts: What the server has scheduled and lately published.
        brand_of: The brand's id by the page's.
        limits: What is allowed.
    """
    replaced = {
        a.entry.post_id for a in plan.of_kind(ActionType.CHANGE, ActionType.CANCEL) if a.entry
    }
    by_page: dict[str, list[tuple[datetime, MatchedRow | None]]] = defaultdict(list)
    for post in posts:
        moment = post_time(post)
        if moment is not None and post.get("id") not in replaced:
            by_page[str(post.get("page_id"))].append((moment, None))
    blamable = plan.of_kind(ActionType.CREATE, ActionType.CHANGE)
    for action in blamable:
        by_page[action.page_id].append((action.instant, action.matched))
    by_brand: dict[str, list[tuple[datetime, MatchedRow | None]]] = defaultdict(list)
    changed_pages = {action.page_id for action in blamable}
    for page_id, found in by_page.items():
        by_brand[brand_of.get(page_id, "")] += found
        if page_id not in changed_pages:
            continue
        found.sort(key=_by_time)
        platform = next(m.target.page.get("platform") for _, m in found if m is not None)
        violations = page_violations([moment for moment, _ in found], str(platform), limits)
        plan.problems += _blame(violations, found)
    for brand_id, found in by_brand.items():
        if brand_id and len(found) > limits.per_brand_day:
            found.sort(key=_by_time)
            plan.problems += _blame(brand_violations([m for m, _ in found], limits), found)


def check_monthly_quota(plan: Plan, left: int | None, now: datetime) -> None:
    """Add to `plan` that a month has fewer publishes than its new posts need.

    Only what is left of the current month (UTC) is known; of later ones it is said that it is not.

    Args:
        plan: Its creates and changes need a publish each.
        left: Publishes left this month, where the account tells.
        now: The present.
    """
    new = [
        a.matched
        for a in plan.of_kind(ActionType.CREATE, ActionType.CHANGE)
        if a.matched is not None
    ]
    if left is None or len(new) <= left:
        return
    this_month = [one for one in new if _month(one.target.instant) == _month(now)]
    if len(this_month) > left:
        what = (
            f"this and later rows of {now:%B} need {len(this_month)} publishes, and {left} are "
            "left; move them to a later month, or to a larger tier"
        )
        plan.problems.append(this_month[left].target.row.problem("", what))
        return
    what = (
        f"with this row the file needs more publishes than the {left} that {now:%B} has left; how "
        "many later months have is not known yet: if the API refuses, run again then"
    )
    plan.problems.append(new[left].target.row.problem("", what, is_warning=True))


def check_lead_time(plan: Plan, per_minute: int | None, now: datetime) -> None:
    """Warn of rows that fall under the 10-minute floor while they wait for the rate limit."""
    if per_minute is None:
        return
    actions = plan.of_kind(ActionType.CREATE, ActionType.CHANGE)
    horizon = now + timedelta(minutes=len(actions) // per_minute) + SCHEDULE_EARLIEST
    due = sorted(
        (action for action in actions if action.instant < horizon),
        key=lambda action: action.instant,
    )
    for place, action in enumerate(due):
        minutes = place // per_minute
        sent = now + timedelta(minutes=minutes)
        if action.matched is not None and action.instant - sent < SCHEDULE_EARLIEST:
            what = (
                f"at {per_minute} requests a minute it is sent in about {minutes} minutes, and is "
                "then less than 10 minutes ahead; move it to a later time"
            )
            row = action.matched.target.row
            plan.problems.append(row.problem("scheduled_at", what, is_warning=True))


def schedule_cancels_first(plan: Plan, posts: Sequence[Resource], limits: GuardrailLimits) -> None:
    """Mark the changes whose old post has to go before new ones can come.

    New first is safer, because the page is never without its post; but a rule may forbid that the
    old and the new post stand together, if only for a moment.
    """
    removed: dict[str, list[JournalEntry]] = defaultdict(list)
    for action in plan.of_kind(ActionType.CHANGE, ActionType.CANCEL):
        if action.entry is not None:
            removed[action.entry.page_id].append(action.entry)
    if not removed:
        return
    coming: dict[str, list[datetime]] = defaultdict(list)
    platform: dict[str, str] = {}
    for action in plan.of_kind(ActionType.CREATE, ActionType.CHANGE):
        coming[action.page_id].append(action.instant)
        if action.matched is not None:
            platform[action.page_id] = str(action.matched.target.page.get("platform"))
    early: set[int] = set()
    for page_id, entries in removed.items():
        new = sorted(coming.get(page_id, ()))
        if not new:
            continue
        standing = [
            m for p in posts if p.get("page_id") == page_id and (m := post_time(p)) is not None
        ]
        both = sorted([*standing, *new])
        crowded = any(True for _ in page_violations(both, platform[page_id], limits))
        if crowded:
            early |= {entry.id for entry in entries}
    plan.actions = [
        action._replace(cancel_first=True)
        if action.kind == ActionType.CHANGE
        and action.entry is not None
        and action.entry.id in early
        else action
        for action in plan.actions
    ]


_PUBLISHED = "it is published already"
_PUBLISHED_HELP = (
    "its post is published already and stays as it is; for another post use another key or row"
)


def _decide(one: MatchedRow, standing: Mapping[int, PostStatus]) -> Action:
    live = one.live
    if live is None:
        return Action.on_row(ActionType.CREATE, one)
    what = standing.get(live.id, PostStatus.UNKNOWN)
    same = live.fingerprint == one.digest
    if what == PostStatus.UNKNOWN:
        reason = "whether it was sent is not known"
        return Action.on_row(ActionType.KEEP, one, live, reason=reason, unresolved=True)
    if what in {PostStatus.PUBLISHED, PostStatus.FAILED}:
        return Action.on_row(ActionType.KEEP, one, live, reason="" if same else _PUBLISHED)
    if what == PostStatus.GONE:
        return Action.on_row(ActionType.CREATE, one, live, reason="it was cancelled elsewhere")
    if not same:
        return Action.on_row(ActionType.CHANGE, one, live, reason=_difference(one, live))
    if what == PostStatus.EDITED:
        return Action.on_row(ActionType.CHANGE, one, live, reason="it was edited elsewhere")
    return Action.on_row(ActionType.KEEP, one, live)


def _moved(wanted: datetime, instant: datetime) -> str:
    direction = "later" if instant > wanted else "earlier"
    return f"spread: {format_duration(instant - wanted)} {direction} than {wanted:%H:%MZ}"


def _difference(one: MatchedRow, live: JournalEntry) -> str:
    names = [
        name
        for name in dict.fromkeys([*one.body, *live.body])
        if not (name == "media_ids" and FILES_FIELD in one.body)
        and one.body.get(name) != live.body.get(name)
    ]
    if "scheduled_at" in names:
        names[names.index("scheduled_at")] = f"moved from {format_timestamp(live.scheduled_at)}"
    return ", ".join(name.replace("_", " ") for name in names)


def _blame(
    violations: Iterable[Violation], found: Sequence[tuple[datetime, MatchedRow | None]]
) -> Iterator[Diagnostic]:
    by_instant: dict[datetime, list[MatchedRow | None]] = defaultdict(list)
    for violation in violations:
        if not by_instant:
            for moment, one in found:
                by_instant[moment].append(one)
        involved = [one for m in dict.fromkeys(violation.instants) for one in by_instant[m]]
        rows = [one for one in involved if one is not None]
        if not rows:
            continue
        lines = sorted({one.target.row.line for one in rows})
        others = len(involved) - len(rows)
        with_whom = f"lines {', '.join(map(str, lines[:10]))}" if len(lines) > 1 else ""
        if len(lines) > 10:
            with_whom += f" and {len(lines) - 10} more"
        if others:
            already = f"{others} post{'s' * (others > 1)} that the account has already"
            with_whom = f"{with_whom} and {already}" if with_whom else already
        what = f"{violation.rule} ({with_whom or 'here'}); move rows apart, or use --spread"
        yield rows[-1].target.row.problem("scheduled_at", what)


def _month(instant: datetime) -> tuple[int, int]:
    return instant.year, instant.month


def _by_time(found: tuple[datetime, Any]) -> datetime:
    return found[0]
