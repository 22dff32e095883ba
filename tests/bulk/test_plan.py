"""What is done about each row of a calendar, by the status of its post."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from outreply_cli.bulk.matching import Ambiguity, MatchedRow
from outreply_cli.bulk.plan import (
    ALREADY_FAILED,
    ALREADY_PUBLISHED,
    Action,
    ActionType,
    Plan,
    leave_out_late,
    make_plan,
    mark_cancel_first,
)
from outreply_cli.bulk.remote_state import PostStatus
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.journal.models import JournalEntry
from outreply_cli.posts.content import Diagnostic, PostContent
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.timestamps import format_timestamp
from tests.bulk.planned import AT, NOW, make_entry, make_post, match, record

LIMITS = GuardrailLimits.from_account(None)
PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)
LATER = AT + timedelta(hours=3)


def get_row(before: PlannedPost | None, after: PlannedPost) -> MatchedRow:
    """The row `after`, which an earlier run scheduled as `before`."""
    (row,), _ = match([after], record([before]) if before is not None else [])
    assert (row.entry is None) == (before is None)
    return row


def decide(row: MatchedRow, status: PostStatus | None = None) -> Action:
    """The action on a row whose post has the given status."""
    (action,) = make_plan([row._replace(status=status)], [], {}, prune=False).actions
    return action


def summary(action: Action) -> tuple[ActionType, str, bool]:
    return action.kind, action.reason, action.unresolved


UNCHANGED = get_row(make_post(), make_post())
EDITED = get_row(make_post("Hello"), make_post("Bye"))


def test_new_row_is_created() -> None:
    row = get_row(None, make_post(line=7, key="x"))
    action = decide(row)
    assert action == Action(ActionType.CREATE, AT, "p1", row.post, row.make_draft)
    assert action.draft == row.draft
    assert (action.line, action.key, action.message, action.post_id) == (7, "x", "Hello", None)


@pytest.mark.parametrize(
    ("status", "kind", "reason", "is_unresolved"),
    [
        (PostStatus.SCHEDULED, ActionType.KEEP, "", False),
        (PostStatus.UNLISTED, ActionType.KEEP, "", False),
        (PostStatus.PUBLISHED, ActionType.KEEP, "", False),
        (PostStatus.FAILED, ActionType.KEEP, "", False),
        (PostStatus.EDITED, ActionType.CHANGE, "edited elsewhere", False),
        (PostStatus.MISSING, ActionType.CREATE, "cancelled elsewhere", False),
        (PostStatus.UNKNOWN, ActionType.KEEP, "the outcome of an earlier request is not known",
         True),
        (None, ActionType.KEEP, "the outcome of an earlier request is not known", True),
    ],
)  # fmt: skip
def test_unchanged_row_is_planned_by_the_status_of_its_post(
    status: PostStatus | None, kind: ActionType, reason: str, *, is_unresolved: bool
) -> None:
    assert summary(decide(UNCHANGED, status)) == (kind, reason, is_unresolved)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (PostStatus.SCHEDULED, ActionType.CHANGE, "message"),
        (PostStatus.UNLISTED, ActionType.CHANGE, "message"),
        (PostStatus.EDITED, ActionType.CHANGE, "message"),
        (PostStatus.PUBLISHED, ActionType.KEEP, ALREADY_PUBLISHED),
        (PostStatus.FAILED, ActionType.KEEP, ALREADY_FAILED),
        (PostStatus.MISSING, ActionType.CREATE, "cancelled elsewhere"),
    ],
)
def test_edited_row_is_planned_by_the_status_of_its_post(
    status: PostStatus, kind: ActionType, reason: str
) -> None:
    assert summary(decide(EDITED, status)) == (kind, reason, False)


def test_changed_row_replaces_its_post() -> None:
    action = decide(EDITED, PostStatus.SCHEDULED)
    assert action.draft == replace(EDITED.draft, replaces=1)
    assert (action.entry, action.post, action.post_id) == (EDITED.entry, EDITED.post, "post1")
    assert (action.scheduled_at, action.page_id, action.message) == (AT, "p1", "Bye")


def test_kept_and_created_rows_replace_nothing() -> None:
    for status in (PostStatus.SCHEDULED, PostStatus.MISSING):
        draft = decide(UNCHANGED, status).draft
        assert draft is not None
        assert draft.replaces is None


def test_row_that_may_have_been_scheduled_already_is_held() -> None:
    for row in (get_row(None, make_post()), UNCHANGED):
        action = decide(row._replace(ambiguity=Ambiguity("why")), PostStatus.SCHEDULED)
        assert summary(action) == (ActionType.KEEP, "why", True)


def test_change_names_each_changed_field() -> None:
    before = make_post(content=PostContent("a", first_comment="b", link="c"))
    after = make_post(content=PostContent("x", first_comment="y"), at=LATER, key=None)
    row = get_row(before, before)._replace(make_draft=lambda: match([after])[0][0].draft)
    reason = decide(row, PostStatus.SCHEDULED).reason
    assert reason == "message, moved from 2026-12-24T17:00:00Z, first comment, link"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"media_ids": ["m2"]}, "media ids"),
        # Files are uploaded again, and get other IDs.
        ({"media_ids": ["m2"], "media_files": ["other"]}, "media files"),
    ],
)
def test_change_of_media_is_named_once(changes: dict[str, Any], reason: str) -> None:
    row = get_row(make_post(), make_post())
    assert row.entry is not None
    files = {"media_files": ["digest"]} if "media_files" in changes else {}
    entry = replace(row.entry, body={**row.entry.body, "media_ids": ["m1"], **files})
    draft = replace(row.draft, body={**row.draft.body, **changes}, fingerprint="other")
    row = row._replace(entry=entry, make_draft=lambda: draft)
    assert decide(row, PostStatus.SCHEDULED).reason == reason


@pytest.mark.parametrize(
    ("moved_from", "reason"),
    [
        (AT - 15 * MINUTE, "spread: 15m later than 16:45Z"),
        (AT + 15 * MINUTE, "spread: 15m earlier than 17:15Z"),
    ],
)
def test_spread_row_says_how_far_it_was_moved(moved_from: datetime, reason: str) -> None:
    row = get_row(None, make_post(moved_from=moved_from))
    assert decide(row).reason == reason
    row = get_row(make_post("Hello"), make_post("Bye", moved_from=moved_from))
    assert decide(row, PostStatus.SCHEDULED).reason == reason
    row = get_row(make_post(), make_post(moved_from=moved_from))
    assert decide(row, PostStatus.SCHEDULED).reason == ""


# Rows that were removed.


def make_removed_entries(*statuses: PostStatus) -> tuple[list[JournalEntry], dict[int, PostStatus]]:
    posts = [make_post(f"{n}", page_id=f"p{n}") for n, _ in enumerate(statuses, 1)]
    entries = [history.active for history in record(posts) if history.active is not None]
    return entries, dict(enumerate(statuses, 1))


ALL_STATUSES = tuple(PostStatus)
PENDING = [
    number
    for number, status in enumerate(ALL_STATUSES, 1)
    if status
    not in {PostStatus.MISSING, PostStatus.PUBLISHED, PostStatus.FAILED, PostStatus.FORBIDDEN}
]


def test_pending_posts_of_removed_rows_are_kept_without_prune() -> None:
    entries, statuses = make_removed_entries(*ALL_STATUSES)
    plan = make_plan([], entries, statuses, prune=False)
    assert plan.actions == []
    assert [entry.id for entry in plan.orphaned] == PENDING


def test_pending_posts_of_removed_rows_are_cancelled_with_prune() -> None:
    entries, statuses = make_removed_entries(*ALL_STATUSES)
    plan = make_plan([UNCHANGED], entries, {**statuses, 1: PostStatus.SCHEDULED}, prune=True)
    assert plan.orphaned == []
    kept, *cancelled = plan.actions
    assert kept.kind == ActionType.KEEP
    assert [action.entry and action.entry.id for action in cancelled] == PENDING
    first = cancelled[0]
    assert first == Action(
        ActionType.CANCEL, AT, "p1", None, entry=entries[0], reason="row removed"
    )
    assert (first.line, first.key, first.draft) == (None, None, None)
    assert (first.message, first.post_id) == ("1", "post1")
    assert Action.cancel(entries[0]).reason == ""


def test_action_without_a_row_and_an_entry_has_no_message() -> None:
    action = Action(ActionType.CREATE, AT, "p1", None)
    assert (action.message, action.post_id) == (None, None)


def test_plan_selects_actions_and_new_posts() -> None:
    entries, _ = make_removed_entries(PostStatus.SCHEDULED)
    created = decide(get_row(None, make_post(line=3)))
    changed = decide(EDITED, PostStatus.SCHEDULED)
    kept = decide(UNCHANGED, PostStatus.SCHEDULED)
    cancelled = Action.cancel(entries[0])
    plan = Plan([kept, created, cancelled, changed], [])
    assert plan.filter_actions(ActionType.CANCEL, ActionType.KEEP) == [kept, cancelled]
    assert plan.new_posts == [created.post, changed.post]


# Series.


def test_late_post_of_a_series_is_left_out() -> None:
    late = get_row(None, make_post(line=5, at=NOW + 9 * MINUTE, series_zone=PARIS))
    plan, warnings = leave_out_late(Plan([decide(late)], []), NOW, was_moved=lambda _: False)
    assert plan.actions == []
    assert warnings == [
        Diagnostic(
            "repeat",
            "the post of as written is skipped: the time is only 9m ahead; "
            "at least 10 minutes are required",
            is_warning=True,
            file="c.csv",
            line=5,
        )
    ]


def test_late_change_of_a_series_stays_as_it_is() -> None:
    at = NOW - MINUTE
    row = get_row(make_post("a", key="x", at=at), make_post("b", key="x", at=at, series_zone=PARIS))
    action = decide(row, PostStatus.SCHEDULED)
    plan, warnings = leave_out_late(Plan([action], []), NOW, was_moved=lambda _: False)
    (kept,) = plan.actions
    assert kept == action._replace(kind=ActionType.KEEP, make_draft=None, reason="")
    assert [warning.message for warning in warnings] == [
        "the post of as written stays: the time is 1m in the past; choose a later time"
    ]


def test_other_actions_are_not_left_out() -> None:
    entries, _ = make_removed_entries(PostStatus.SCHEDULED)
    late = make_post(at=NOW + 9 * MINUTE, series_zone=PARIS, line=3)
    actions = [
        # Too late, but a single row, which is an error.
        decide(get_row(None, make_post(at=NOW))),
        decide(get_row(late, late), PostStatus.SCHEDULED),
        Action.cancel(entries[0]),
        decide(get_row(None, make_post(at=NOW + 10 * MINUTE, series_zone=PARIS))),
    ]
    left_out = decide(get_row(None, late))
    with_late = [*actions[:1], left_out, *actions[1:], left_out]
    plan, warnings = leave_out_late(Plan(with_late, entries), NOW, was_moved=lambda _: False)
    assert plan == Plan(actions, entries)
    assert len(warnings) == 2


# Changes that must cancel first.


def changes(*pairs: tuple[PlannedPost, PlannedPost]) -> list[Action]:
    """Changes of rows from the first to the second post of each pair."""
    actions = []
    for number, (before, after) in enumerate(pairs, 1):
        entry = make_entry(match([before])[0][0], number)
        row = match([after])[0][0]._replace(entry=entry)
        actions.append(Action.for_row(ActionType.CHANGE, row))
    return actions


def to_api(post: PlannedPost) -> dict[str, Any]:
    return {"page_id": post.page_id, "scheduled_at": format_timestamp(post.scheduled_at)}


def cancel_first(actions: Sequence[Action], *posts: PlannedPost) -> list[bool]:
    result = mark_cancel_first(Plan(list(actions), []), [to_api(p) for p in posts], LIMITS)
    assert [action._replace(cancel_first=False) for action in result] == list(actions)
    return [action.cancel_first for action in result]


def test_change_cancels_first_if_both_posts_violate_a_guardrail() -> None:
    before = make_post("a")
    near, far = make_post("b", at=AT + MINUTE / 2), make_post("b", at=AT + MINUTE)
    assert cancel_first(changes((before, near)), before) == [True]
    assert cancel_first(changes((before, far)), before) == [False]


def test_change_does_not_cancel_first_for_posts_of_other_pages() -> None:
    before = make_post("a")
    near = make_post("b", at=AT + MINUTE / 2)
    elsewhere = make_post("c", page_id="p2")
    assert cancel_first(changes((before, near)), elsewhere) == [False]
    both = changes((elsewhere, make_post("d", page_id="p2", at=LATER)), (before, near))
    assert cancel_first(both, before, elsewhere) == [False, True]


def test_all_changes_of_a_page_in_conflict_cancel_first() -> None:
    first, second = make_post("a"), make_post("b", at=LATER)
    pairs = changes(
        (first, make_post("c", at=AT + MINUTE / 2)), (second, make_post("d", at=LATER + MINUTE))
    )
    assert cancel_first(pairs, first, second) == [True, True]


def test_changes_of_all_pages_in_conflict_cancel_first() -> None:
    first, second = make_post("a"), make_post("b", page_id="p2")
    pairs = changes(
        (first, make_post("c", at=AT + MINUTE / 2)),
        (second, make_post("d", page_id="p2", at=AT + MINUTE / 2)),
    )
    assert cancel_first(pairs, first, second) == [True, True]


def test_created_posts_count_on_a_page_that_loses_one() -> None:
    entries, _ = make_removed_entries(PostStatus.SCHEDULED)
    before = make_post("a")
    change = changes((before, make_post("b", at=LATER)))
    created = decide(get_row(None, make_post("c", at=LATER + MINUTE / 2)))
    assert cancel_first([*change, created], before) == [True, False]
    # A cancelled post is not changed.
    cancelled = Action.cancel(entries[0])
    assert cancel_first([cancelled, created], before) == [False, False]
    assert cancel_first([created], make_post("d", at=LATER)) == [False]


def test_platform_of_the_page_sets_its_guardrails() -> None:
    """LinkedIn pages may have 3 posts an hour."""
    before = [make_post(f"{n}", at=AT + n * 10 * MINUTE) for n in range(3)]
    after = make_post("b", at=AT + 15 * MINUTE)
    assert cancel_first(changes((before[0], after)), *before) == [True]
    on_facebook = make_post("b", at=AT + 15 * MINUTE, platform="facebook")
    assert cancel_first(changes((before[0], on_facebook)), *before) == [False]


def test_posts_without_a_time_are_ignored() -> None:
    change = changes((make_post("a"), make_post("b", at=LATER)))
    without_time = [{"page_id": "p1", "scheduled_at": None}, {}]
    assert mark_cancel_first(Plan(change, []), without_time, LIMITS) == change
