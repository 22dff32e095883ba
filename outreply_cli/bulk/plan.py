"""The plan of a calendar: what to do about each row."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, NamedTuple

from outreply_cli.api.client import Resource, post_time
from outreply_cli.bulk.matching import MatchedRow, is_slot_row
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.journal.models import FILES_FIELD, JournalEntry, JournalEntryDraft
from outreply_cli.posts.content import Diagnostic, validate_time
from outreply_cli.posts.edits import validate_edit_time
from outreply_cli.posts.guardrails import GuardrailLimits, page_violations
from outreply_cli.times import format_duration
from outreply_cli.timestamps import format_timestamp

ALREADY_PUBLISHED = "already published"
ALREADY_FAILED = "failed on the platform"
PUBLISHED_WITHOUT_KEY = "published without a key"
OTHER_BRAND = "the token cannot access the brand of the row's post; use a token for both brands"
# Reasons why rows whose posts have these statuses are left as they are.
_HELD = {
    PostStatus.UNKNOWN: "the outcome of an earlier request is not known",
    PostStatus.FORBIDDEN: OTHER_BRAND,
}


class ActionType(StrEnum):
    """Kind of an action on a row."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    CANCEL = "cancel"

    @property
    def creates_post(self) -> bool:
        """Whether it creates a post, which may replace another one."""
        return self in {ActionType.CREATE, ActionType.CHANGE}


class Action(NamedTuple):
    """One step of a plan.

    Attributes:
        post: Post in the file; None for a post whose row was removed.
        make_draft: Makes the journal entry to write for a new post.
        entry: Journal entry of the current post, if there is one.
        cancel_first: Whether the old post must be cancelled before any new one is created: the
            new posts of a page would violate a guardrail with its old ones.
        unresolved: Whether nothing is sent for the row because its outcome is unknown.
    """

    kind: ActionType
    scheduled_at: datetime
    page_id: str
    post: PlannedPost | None
    make_draft: Callable[[], JournalEntryDraft] | None = None
    entry: JournalEntry | None = None
    reason: str = ""
    cancel_first: bool = False
    unresolved: bool = False

    @classmethod
    def for_row(
        cls, kind: ActionType, row: MatchedRow, reason: str = "", *, unresolved: bool = False
    ) -> "Action":
        """Return an action on a row of the file."""
        post, make_draft, entry = row.post, row.make_draft, row.entry
        if post.moved_from is not None and kind.creates_post:
            direction = "later" if post.scheduled_at > post.moved_from else "earlier"
            span = format_duration(post.scheduled_at - post.moved_from)
            reason = f"spread: {span} {direction} than {post.moved_from:%H:%MZ}"
        if kind == ActionType.CHANGE and entry is not None:
            make_draft = partial(replace, row.draft, replaces=entry.id)
        return cls(
            kind,
            post.scheduled_at,
            post.page_id,
            post,
            make_draft,
            entry,
            reason,
            unresolved=unresolved,
        )

    @classmethod
    def cancel(cls, entry: JournalEntry, reason: str = "") -> "Action":
        """Return the cancellation of a post without a row."""
        return cls(
            ActionType.CANCEL, entry.scheduled_at, entry.page_id, None, entry=entry, reason=reason
        )

    @property
    def is_in_place(self) -> bool:
        """Whether both posts have the same page and time: the old one must be cancelled first."""
        return (
            self.kind == ActionType.CHANGE
            and self.entry is not None
            and (self.entry.page_id, self.entry.scheduled_at) == (self.page_id, self.scheduled_at)
        )

    @property
    def draft(self) -> JournalEntryDraft | None:
        """Journal entry to write for a new post."""
        return None if self.make_draft is None else self.make_draft()

    @property
    def line(self) -> int | None:
        """Line of the row."""
        return self.post.row.line if self.post is not None else None

    @property
    def key(self) -> str | None:
        """Key of the row, or of its occurrence."""
        return self.post.key if self.post is not None else None

    @property
    def message(self) -> str | None:
        """Message of the row, or of the post without a row."""
        if self.post is not None:
            return self.post.row.content.message
        return self.entry.body.get("message") if self.entry is not None else None

    @property
    def post_id(self) -> str | None:
        """ID of the current post."""
        return self.entry.post_id if self.entry is not None else None


@dataclass(frozen=True)
class Plan:
    """A plan: one action per row, in the order of the file, then cancellations.

    `orphaned` entries are those whose row was removed and whose posts are not cancelled.
    """

    actions: list[Action]
    orphaned: list[JournalEntry]

    def filter_actions(self, *kinds: ActionType) -> list[Action]:
        """Return the actions of some kinds."""
        return [action for action in self.actions if action.kind in kinds]

    @cached_property
    def new_posts(self) -> list[PlannedPost]:
        """Posts to create, including those that replace another one."""
        return [
            action.post
            for action in self.actions
            if action.kind.creates_post and action.post is not None
        ]


def make_plan(
    rows: Sequence[MatchedRow],
    orphaned: Sequence[JournalEntry],
    statuses: Mapping[int, PostStatus],
    *,
    prune: bool,
) -> Plan:
    """Return what to do about each row.

    With `prune`, the posts of `orphaned` entries, which have no row, are cancelled if the token may
    do that; `statuses` are those of the posts by the ID of their entry.
    """
    kept = {PostStatus.MISSING, PostStatus.PUBLISHED, PostStatus.FAILED, PostStatus.FORBIDDEN}
    pending = [entry for entry in orphaned if statuses.get(entry.id) not in kept]
    actions = [_decide(row) for row in rows]
    if prune:
        actions += [Action.cancel(entry, "row removed") for entry in pending]
    return Plan(actions, [] if prune else pending)


def leave_out_late(
    plan: Plan, now: datetime, *, was_moved: Callable[[Action], bool]
) -> tuple[Plan, list[Diagnostic]]:
    """Return the plan without posts that are due too soon and not needed, and a warning for each.

    A late post of a series is not created; if it exists, it is kept. The post of an unchanged row
    is also kept if it `was_moved` since it was sent.
    """
    actions: list[Action] = []
    warnings: list[Diagnostic] = []
    for action in plan.actions:
        post, reason = action.post, _find_too_soon(action, now)
        is_new = action.kind == ActionType.CREATE
        if post is None or reason is None:
            actions.append(action)
            continue
        if post.series_zone is not None:
            message = f"the post of {post.row.scheduled_at} {'is skipped' if is_new else 'stays'}"
            warning = post.row.diagnostic("repeat", f"{message}: {reason}", is_warning=True)
        elif not is_new and was_moved(action):
            message = "the post was changed elsewhere and stays as it is; set its time in the row"
            warning = post.row.diagnostic("scheduled_at", message, is_warning=True)
        else:
            actions.append(action)
            continue
        warnings.append(warning)
        if not is_new:
            actions.append(action._replace(kind=ActionType.KEEP, make_draft=None, reason=""))
    return replace(plan, actions=actions), warnings


def _find_too_soon(action: Action, now: datetime) -> str | None:
    """Return why a new post is due too soon, if it is."""
    if not action.kind.creates_post:
        return None
    problem = validate_time(action.scheduled_at, now)
    if problem is not None:
        return problem.message
    # The old post may have to be cancelled before the new one is created.
    is_new = action.kind == ActionType.CREATE
    return None if is_new else validate_edit_time(action.scheduled_at, now)


def mark_cancel_first(
    plan: Plan, posts: Sequence[Resource], limits: GuardrailLimits
) -> list[Action]:
    """Return the actions; changes whose old and new post violate a guardrail cancel first.

    Otherwise the new post is created first, so that the page is never without it. Changes in place
    are independent of others: each is carried out on its own.
    """
    removed: dict[str, set[int]] = defaultdict(set)
    for action in plan.filter_actions(ActionType.CHANGE):
        if action.entry is not None and not action.is_in_place:
            removed[action.entry.page_id].add(action.entry.id)
    new: dict[str, list[PlannedPost]] = defaultdict(list)
    for action in plan.filter_actions(ActionType.CREATE, ActionType.CHANGE):
        if action.post is not None and action.page_id in removed and not action.is_in_place:
            new[action.page_id].append(action.post)
    early: set[int] = set()
    for page_id, added in new.items():
        times = [at for post in posts if post.get("page_id") == page_id and (at := post_time(post))]
        together = sorted([*times, *(post.scheduled_at for post in added)])
        if next(page_violations(together, added[0].platform, limits), None) is not None:
            early |= removed[page_id]
    if not early:
        return plan.actions
    return [
        action._replace(cancel_first=True)
        if action.kind == ActionType.CHANGE and action.entry and action.entry.id in early
        else action
        for action in plan.actions
    ]


def _decide(row: MatchedRow) -> Action:
    entry, status = row.entry, row.status or PostStatus.UNKNOWN
    if row.ambiguity is not None:
        return Action.for_row(ActionType.KEEP, row, row.ambiguity.reason, unresolved=True)
    if entry is None:
        return Action.for_row(ActionType.CREATE, row)
    if status in _HELD:
        return Action.for_row(ActionType.KEEP, row, _HELD[status], unresolved=True)
    if status == PostStatus.FAILED:
        return Action.for_row(ActionType.KEEP, row, "" if row.is_unchanged else ALREADY_FAILED)
    if status == PostStatus.PUBLISHED:
        if row.post.key is not None and is_slot_row(entry.row):
            return Action.for_row(ActionType.KEEP, row, PUBLISHED_WITHOUT_KEY)
        # A row whose time is over needs no other post.
        is_earlier = row.post.key is None and row.post.time_in_file <= entry.scheduled_at
        is_done = row.is_unchanged or (is_earlier and row.has_same_content)
        return Action.for_row(ActionType.KEEP, row, "" if is_done else ALREADY_PUBLISHED)
    if status == PostStatus.MISSING:
        return Action.for_row(ActionType.CREATE, row, "cancelled elsewhere")
    if not row.is_unchanged:
        return Action.for_row(ActionType.CHANGE, row, _describe_change(row.draft.body, entry))
    if status == PostStatus.EDITED:
        return Action.for_row(ActionType.CHANGE, row, "edited elsewhere")
    return Action.for_row(ActionType.KEEP, row)


def _describe_change(body: Mapping[str, Any], entry: JournalEntry) -> str:
    before = entry.body
    names = [
        name
        for name in dict.fromkeys([*body, *before])
        if not (name == "media_ids" and FILES_FIELD in body) and body.get(name) != before.get(name)
    ]
    if "scheduled_at" in names:
        names[names.index("scheduled_at")] = f"moved from {format_timestamp(entry.scheduled_at)}"
    return ", ".join(name.replace("_", " ") for name in names)
