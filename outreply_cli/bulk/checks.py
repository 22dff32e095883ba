"""Checks of a plan against times, guardrails, quotas and storage.

Each check of a plan returns its diagnostics.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Resource, get_page_id, post_time
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.plan import (
    ALREADY_FAILED,
    ALREADY_PUBLISHED,
    PUBLISHED_WITHOUT_KEY,
    ActionType,
    Plan,
)
from outreply_cli.bulk.resolve import LAST_ZONE, PlannedPost, parse_row_time
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.formats.sizes import format_size
from outreply_cli.formats.text import join_names
from outreply_cli.media.files import StorageLimits
from outreply_cli.media.uploader import Uploader
from outreply_cli.posts.content import Diagnostic, validate_time
from outreply_cli.posts.edits import validate_edit_time
from outreply_cli.posts.guardrails import (
    GuardrailLimits,
    Violation,
    brand_violations,
    page_violations,
)
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.spec.limits import SCHEDULE_EARLIEST
from outreply_cli.times import BRAND_ZONE, parse_zone
from outreply_cli.timestamps import format_timestamp

# Messages for edited rows that keep their posts, by the reason of the action.
_KEPT = {
    ALREADY_PUBLISHED: "the post is already published and stays unchanged; for another post, use a "
    "different key or row",
    PUBLISHED_WITHOUT_KEY: "the row's text was published before the row got its key, and the post "
    "stays as it is; for another post, change the text or set a time",
    ALREADY_FAILED: "the post failed on the platform and is not retried automatically; run: "
    "outreply posts retry {post_id}",
}


class _TimelinePost(NamedTuple):
    """A post on the timeline of a page: a planned one, or one of the account."""

    at: datetime
    post: PlannedPost | None
    post_id: str = ""


def check_zone(calendar: Calendar, zone: ZoneInfo, last: str, now: datetime) -> None:
    """Raise InvalidInputError if local times were in another zone in the last run of a calendar.

    The zone of a machine or a cron job may differ from that of a terminal.
    """
    if last == zone.key or calendar.timezone is not None:
        return
    # A local time differs in any other zone.
    other = parse_zone(LAST_ZONE if last == BRAND_ZONE else last)
    for row in calendar.rows:
        if row.timezone is not None or row.scheduled_at in {"", NEXT_SLOT}:
            continue
        with suppress(TimeError):
            times = [
                parse_row_time(calendar, row.scheduled_at, of_run, now) for of_run in (zone, other)
            ]
            # A series may go on for long.
            if times[0] != times[1] and (max(times) > now or row.repeat is not None):
                raise InvalidInputError(
                    f"{calendar.file_name}:{row.line}: {row.scheduled_at!r} was read in the "
                    f"zone {last} in the last run, and would now be read in {zone.key}",
                    hint=f"Add --tz {last} to keep the times, or --tz {zone.key} to move them.",
                )


def check_times(plan: Plan, now: datetime) -> list[Diagnostic]:
    """Return errors for times that cannot be scheduled, and warnings for late edits."""
    problems = []
    for action in plan.actions:
        if action.post is None:
            continue
        row = action.post.row
        if action.kind == ActionType.KEEP and action.reason in _KEPT:
            message = _KEPT[action.reason].format(post_id=action.post_id)
            problems.append(row.diagnostic("", message, is_warning=True))
        elif action.kind in {ActionType.CREATE, ActionType.CHANGE}:
            problem = validate_time(action.scheduled_at, now)
            if problem is not None:
                problems.append(row.diagnostic(problem.field, problem.message))
    return problems


def check_replacing_times(plan: Plan, now: datetime) -> list[Diagnostic]:
    """Return errors for posts that are due too soon to be cancelled before their new version."""
    problems = []
    for action in plan.filter_actions(ActionType.CHANGE):
        if action.post is not None and (action.is_in_place or action.cancel_first):
            problem = validate_edit_time(action.scheduled_at, now)
            if problem is not None:
                problems.append(action.post.row.diagnostic("scheduled_at", problem))
    return problems


def check_guardrails(
    plan: Plan, posts: Sequence[Resource], brand_ids: Mapping[str, str], limits: GuardrailLimits
) -> list[Diagnostic]:
    """Return the guardrails that new posts violate with each other and with `posts` of the account.

    `brand_ids` maps the IDs of pages to those of their brands.
    """
    replaced = {
        action.post_id for action in plan.filter_actions(ActionType.CHANGE, ActionType.CANCEL)
    }
    pages: dict[str, list[_TimelinePost]] = defaultdict(list)
    for post in posts:
        at = post_time(post)
        if at is not None and post.get("id") not in replaced:
            pages[get_page_id(post)].append(_TimelinePost(at, None, str(post.get("id") or "")))
    problems = check_page_guardrails(plan.new_posts, limits, pages)
    brands: dict[str, list[_TimelinePost]] = defaultdict(list)
    for page_id, slots in pages.items():
        brands[brand_ids.get(page_id, "")] += slots
    for brand_id, slots in brands.items():
        if brand_id and len(slots) > limits.per_brand_day:
            slots.sort(key=lambda slot: slot.at)
            violations = brand_violations([slot.at for slot in slots], limits)
            problems += _to_diagnostics(violations, slots)
    return problems


def check_page_guardrails(
    new: Sequence[PlannedPost],
    limits: GuardrailLimits,
    pages: dict[str, list[_TimelinePost]] | None = None,
) -> list[Diagnostic]:
    """Return the guardrails of single pages that `new` posts violate.

    `pages` holds the other posts by page; `new` is added to it.
    """
    pages = {} if pages is None else pages
    for planned in new:
        pages.setdefault(planned.page_id, []).append(_TimelinePost(planned.scheduled_at, planned))
    problems: list[Diagnostic] = []
    for page_id, platform in {planned.page_id: planned.platform for planned in new}.items():
        slots = sorted(pages[page_id], key=lambda slot: slot.at)
        violations = page_violations([slot.at for slot in slots], platform, limits)
        problems += _to_diagnostics(violations, slots)
    return problems


def check_monthly_quota(
    plan: Plan, left: int | None, now: datetime, *, earlier: int = 0
) -> list[Diagnostic]:
    """Return an error or a warning where new posts need more publishes than are left.

    A post counts towards the month (UTC) in which it is scheduled, not the one in which it is due.
    Posts that are due first use the publishes left; the others can wait for later months, which
    have separate quotas. `left` excludes what `earlier` posts of other files use.
    """
    waiting = _without_publish(plan, left)
    if not waiting:
        return []
    is_last_chance = _is_due_before_reset(waiting[0], now)
    due = sum(_is_due_before_reset(post, now) for post in plan.new_posts)
    posts = "1 post is" if due == 1 else f"{due} posts are"
    available = _publishes_left(left, now)
    if earlier:
        available += f" after the {earlier} for earlier files of the command"
    message = (
        f"{posts} due before the quota resets at the start of {_next_month(now)} (UTC), but "
        f"{available}; move this row and those that are due after it to "
        f"{_next_month(now)} and run this again then, or upgrade to a larger tier"
        if is_last_chance
        else f"{available}, for the posts that are due first; from this row on, "
        f"rows wait. Run this again in {_next_month(now)}."
    )
    return [waiting[0].row.diagnostic("", message, is_warning=not is_last_chance)]


def check_replacing_quota(plan: Plan, left: int | None, now: datetime) -> list[Diagnostic]:
    """Return errors for posts that would be cancelled without a publish for their new version."""
    waiting = {id(post) for post in _without_publish(plan, left)}
    message = (
        f"replacing the row's post uses one publish, but {_publishes_left(left, now)}; undo the "
        f"edit, or run this again in {_next_month(now)}"
    )
    return [
        action.post.row.diagnostic("", message)
        for action in plan.filter_actions(ActionType.CHANGE)
        if (action.is_in_place or action.cancel_first) and id(action.post) in waiting
        if action.post is not None
    ]


def check_lead_time(plan: Plan, per_minute: int | None, now: datetime) -> list[Diagnostic]:
    """Return warnings for rows that the rate limit delays to less than 10 minutes ahead."""
    if per_minute is None:
        return []
    problems = []
    posts = sorted(plan.new_posts, key=lambda post: post.scheduled_at)
    all_sent = now + timedelta(minutes=len(posts) // per_minute)
    for index, post in enumerate(posts):
        if post.scheduled_at - all_sent >= SCHEDULE_EARLIEST:
            break
        minutes = index // per_minute
        if post.scheduled_at - now - timedelta(minutes=minutes) < SCHEDULE_EARLIEST:
            message = (
                f"at {per_minute} requests per minute, the row would be sent in about {minutes} "
                "minutes, less than 10 minutes before its time; move it to a later time"
            )
            problems.append(post.row.diagnostic("scheduled_at", message, is_warning=True))
    return problems


def check_storage(
    plan: Plan, limits: StorageLimits, uploader: Uploader, *, allow_upload: bool
) -> list[Diagnostic]:
    """Return errors for files that exceed the storage left, or may not be uploaded."""
    problems = []
    new: dict[str, int] = {}
    for post in plan.new_posts:
        for file in post.media_files:
            if file.sha256 in new or uploader.known_media_id(file) is not None:
                continue
            new[file.sha256] = file.size
            message = None
            if not allow_upload:
                message = f"{file.path.name} is not uploaded yet, and --no-upload is set"
            elif limits.remaining_bytes is not None and sum(new.values()) > limits.remaining_bytes:
                left = format_size(limits.remaining_bytes)
                message = f"{file.path.name} exceeds the {left} of storage left"
            if message is not None:
                problems.append(post.row.diagnostic("media_files", message))
    return problems


def _to_diagnostics(
    violations: Iterable[Violation], slots: Sequence[_TimelinePost]
) -> Iterator[Diagnostic]:
    by_time: dict[datetime, list[_TimelinePost]] = defaultdict(list)
    for slot in slots:
        by_time[slot.at].append(slot)
    for violation in violations:
        involved = [slot for at in dict.fromkeys(violation.times) for slot in by_time[at]]
        rows = [slot.post.row for slot in involved if slot.post is not None]
        if not rows:
            continue
        parts = []
        lines = sorted({row.line for row in rows})
        if len(lines) > 1:
            parts.append(f"lines {join_names([str(line) for line in lines])}")
        others = [slot for slot in involved if slot.post is None]
        if others:
            names = [f"{slot.post_id} at {format_timestamp(slot.at)}".strip() for slot in others]
            parts.append(f"existing post{'s' * (len(others) > 1)} {join_names(names)}")
        where = f" ({' and '.join(parts)})" if parts else ""
        # `--spread` would not help a row whose post is there already.
        hint = "change a time" if others else "change a time, or schedule with --spread"
        message = f"{violation.rule}{where}; {hint}"
        yield rows[-1].diagnostic("scheduled_at", message)


def _without_publish(plan: Plan, left: int | None) -> list[PlannedPost]:
    """Return the new posts for which no publish is left: those that are due last."""
    if left is None:
        return []
    # An account whose tier was lowered may be over its limit.
    return sorted(plan.new_posts, key=lambda post: post.scheduled_at)[max(0, left) :]


def _publishes_left(left: int | None, now: datetime) -> str:
    return f"{now:%B} has only {max(0, left or 0)} of its publishes left"


def _next_month(now: datetime) -> str:
    return f"{now.replace(day=1) + timedelta(days=31):%B}"


def _is_due_before_reset(post: PlannedPost, now: datetime) -> bool:
    # After the reset, it must still be 10 minutes ahead.
    latest = post.scheduled_at - SCHEDULE_EARLIEST
    return (latest.year, latest.month) == (now.year, now.month)
