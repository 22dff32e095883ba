"""`--spread`: move rows that violate a guardrail, as few and as little as possible.

The result is deterministic: the same rows and posts give the same times, so that a second run of
a spread calendar sends nothing.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.api.client import Resource, get_page_id, post_time
from outreply_cli.bulk.matching import MatchedRow
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.guardrails import GuardrailLimits, has_capacity
from outreply_cli.spec.limits import SCHEDULE_EARLIEST, SCHEDULE_LATEST
from outreply_cli.times import format_duration

_SECOND = timedelta(seconds=1)
# A moved row must still be ten minutes ahead when a long run sends it.
_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class SlotRequest:
    """The time in the file, and that of the row's post, if an earlier run moved it."""

    wanted: datetime
    current: datetime | None = None


@dataclass(frozen=True)
class SlotConstraints:
    """The times that a page offers.

    `fixed` are the sorted times of posts that do not move. A moved row must be between `earliest`
    and `latest`, and at most `window` away from its wanted time.
    """

    fixed: Sequence[datetime]
    platform: str
    limits: GuardrailLimits
    earliest: datetime
    latest: datetime
    window: timedelta


def apply_spread(
    rows: Sequence[MatchedRow],
    posts: Sequence[Resource],
    limits: GuardrailLimits,
    *,
    now: datetime,
    window: timedelta,
    fixed_rows: Collection[int] = (),
) -> tuple[list[PlannedPost], list[Diagnostic]]:
    """Return the planned posts at times that violate no guardrail, and the rows without a slot.

    The current posts of rows do not block a slot; the other `posts` of the account do. A row is at
    most `window` away from its time. Rows whose index is in `fixed_rows` do not move.
    """
    own = {row.post_id for row in rows if row.post_id is not None}
    fixed: dict[str, list[datetime]] = defaultdict(list)
    for post in posts:
        at = post_time(post)
        if at is not None and post.get("id") not in own:
            fixed[get_page_id(post)].append(at)
    by_page: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if index in fixed_rows:
            fixed[row.post.page_id].append(row.post.scheduled_at)
        else:
            by_page[row.post.page_id].append(index)
    planned = [row.post for row in rows]
    problems: list[Diagnostic] = []
    for page_id, indexes in by_page.items():
        constraints = SlotConstraints(
            fixed=sorted(fixed[page_id]),
            platform=planned[indexes[0]].platform,
            limits=limits,
            earliest=now + SCHEDULE_EARLIEST + _MARGIN,
            latest=now + SCHEDULE_LATEST,
            window=window,
        )
        times = spread([_slot_request(rows[index], window) for index in indexes], constraints)
        for index, time in zip(indexes, times, strict=True):
            target = planned[index]
            if time is None:
                message = (
                    f"no free time within {format_duration(window)}; use a longer --spread-window"
                )
                problems.append(target.row.diagnostic("scheduled_at", message))
            elif time != target.scheduled_at:
                planned[index] = target._replace(scheduled_at=time, moved_from=target.scheduled_at)
    return planned, problems


def spread(requests: Sequence[SlotRequest], constraints: SlotConstraints) -> list[datetime | None]:
    """Return the time of each request, all of one page; None for one without a slot.

    Rows keep their order. Rows that fit stay, unless later rows must move too to fit them all.
    """
    order = sorted(range(len(requests)), key=lambda i: (requests[i].wanted, i))
    times = _place_conflicting(requests, order, constraints)
    if None in times.values():
        in_order = _place_in_order(requests, order, constraints)
        if list(in_order.values()).count(None) <= list(times.values()).count(None):
            times = in_order
    return [times[i] for i in range(len(requests))]


def _place_conflicting(
    requests: Sequence[SlotRequest], order: Sequence[int], constraints: SlotConstraints
) -> dict[int, datetime | None]:
    taken = list(constraints.fixed)
    placed: dict[int, datetime | None] = dict.fromkeys(order)
    last: datetime | None = None
    for i in order:
        for time in (requests[i].wanted, requests[i].current):
            if time is None or (last is not None and time < last):
                continue
            if has_capacity(time, taken, constraints.platform, constraints.limits):
                placed[i] = last = time
                insort(taken, time)
                break
    for position, i in enumerate(order):
        if placed[i] is None:
            before = [placed[j] for j in order[:position]]
            after = [placed[j] for j in order[position + 1 :]]
            lower = max((time for time in before if time is not None), default=None)
            upper = min((time for time in after if time is not None), default=None)
            slot = _nearest_slot(requests[i], taken, constraints, lower, upper)
            if slot is not None:
                placed[i] = slot
                insort(taken, slot)
    return placed


def _place_in_order(
    requests: Sequence[SlotRequest], order: Sequence[int], constraints: SlotConstraints
) -> dict[int, datetime | None]:
    taken = list(constraints.fixed)
    placed: dict[int, datetime | None] = {}
    last: datetime | None = None
    for i in order:
        slot: datetime | None = requests[i].wanted
        assert slot is not None
        fits = has_capacity(slot, taken, constraints.platform, constraints.limits)
        if not fits or (last is not None and slot < last):
            slot = _nearest_slot(requests[i], taken, constraints, last, None)
        placed[i] = slot
        if slot is not None:
            last = slot
            insort(taken, slot)
    return placed


def _nearest_slot(
    request: SlotRequest,
    taken: Sequence[datetime],
    constraints: SlotConstraints,
    lower: datetime | None,
    upper: datetime | None,
) -> datetime | None:
    wanted, limits, platform = request.wanted, constraints.limits, constraints.platform
    first = max(wanted - constraints.window, constraints.earliest, lower or constraints.earliest)
    final = min(wanted + constraints.window, constraints.latest, upper or constraints.latest)
    steps = [limits.min_gap, *(length for length, _ in limits.windows_for(platform))]
    reach = max(steps)
    near = taken[bisect_left(taken, first - reach) : bisect_left(taken, final + reach + _SECOND)]
    # A slot starts or ends one window or gap away from another post.
    candidates = {other + sign * step for other in near for step in steps for sign in (1, -1)}
    candidates |= {first, final}
    for time in sorted(candidates, key=lambda candidate: (abs(candidate - wanted), candidate)):
        if first <= time <= final and has_capacity(time, taken, platform, limits):
            return time
    return None


def _slot_request(row: MatchedRow, window: timedelta) -> SlotRequest:
    wanted, entry = row.post.scheduled_at, row.entry
    if entry is None or abs(entry.scheduled_at - wanted) > window:
        return SlotRequest(wanted)
    same_content = {**row.draft.body, "scheduled_at": None} == {**entry.body, "scheduled_at": None}
    return SlotRequest(wanted, entry.scheduled_at if same_content else None)
