"""Rows moved out of each other's way: as few as possible, as little as possible.

Pure and deterministic: the same rows beside the same posts always end at the same times, so a
spread calendar that is run again sends nothing.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.posts.guardrails import GuardrailLimits, has_capacity

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class SlotRequest:
    """When a row wants to be out.

    Attributes:
        wanted: As the file says.
        current: Where its post stands already, when an earlier run moved it there.
    """

    wanted: datetime
    current: datetime | None = None


@dataclass(frozen=True)
class SlotConstraints:
    """What a page offers to the rows that want to be on it.

    Attributes:
        fixed: Posts that do not move, sorted.
        platform: The page's.
        limits: What is allowed.
        earliest, latest: Between which instants a moved row may end.
        window: How far a row may be moved, forward or back.
    """

    fixed: Sequence[datetime]
    platform: str
    limits: GuardrailLimits
    earliest: datetime
    latest: datetime
    window: timedelta


def spread(wishes: Sequence[SlotRequest], room: SlotConstraints) -> list[datetime | None]:
    """When each of `wishes`, all of one page, is out; None for one that finds no place.

    Rows keep their order. Those that fit where they are stay; where that leaves no place for the
    others between them, later rows give way too.
    """
    order = sorted(range(len(wishes)), key=lambda i: (wishes[i].wanted, i))
    around = _place_around(wishes, order, room)
    if any(instant is None for instant in around.values()):
        onward = _place_onward(wishes, order, room)
        if _placed(onward) >= _placed(around):
            around = onward
    return [around[i] for i in range(len(wishes))]


def _place_around(
    wishes: Sequence[SlotRequest], order: Sequence[int], room: SlotConstraints
) -> dict[int, datetime | None]:
    taken = list(room.fixed)
    placed: dict[int, datetime | None] = dict.fromkeys(order)
    last: datetime | None = None
    for i in order:
        for instant in (wishes[i].wanted, wishes[i].current):
            if instant is None or (last is not None and instant < last):
                continue
            if has_capacity(instant, taken, room.platform, room.limits):
                placed[i] = last = instant
                insort(taken, instant)
                break
    for position, i in enumerate(order):
        if placed[i] is None:
            before = [placed[j] for j in order[:position]]
            after = [placed[j] for j in order[position + 1 :]]
            lower = max((t for t in before if t is not None), default=None)
            upper = min((t for t in after if t is not None), default=None)
            found = _nearest(wishes[i], taken, room, lower, upper)
            if found is not None:
                placed[i] = found
                insort(taken, found)
    return placed


def _place_onward(
    wishes: Sequence[SlotRequest], order: Sequence[int], room: SlotConstraints
) -> dict[int, datetime | None]:
    taken = list(room.fixed)
    placed: dict[int, datetime | None] = {}
    last: datetime | None = None
    for i in order:
        wish, found = wishes[i], None
        if last is None or wish.wanted >= last:
            found = (
                wish.wanted
                if has_capacity(wish.wanted, taken, room.platform, room.limits)
                else None
            )
        found = found or _nearest(wish, taken, room, last, None)
        placed[i] = found
        if found is not None:
            last = found
            insort(taken, found)
    return placed


def _nearest(
    wish: SlotRequest,
    taken: Sequence[datetime],
    room: SlotConstraints,
    lower: datetime | None,
    upper: datetime | None,
) -> datetime | None:
    first = max(wish.wanted - room.window, room.earliest, lower or room.earliest)
    final = min(wish.wanted + room.window, room.latest, upper or room.latest)
    steps = [room.limits.min_gap, *(length for length, _ in room.limits.windows_for(room.platform))]
    reach = max(steps)
    near = taken[bisect_left(taken, first - reach) : bisect_left(taken, final + reach + _SECOND)]
    # Only at the edge of another post's reach can a place begin or end.
    candidates = {other + sign * step for other in near for step in steps for sign in (1, -1)}
    candidates |= {first, final}
    for instant in sorted(candidates, key=lambda c: (abs(c - wish.wanted), c)):
        if first <= instant <= final and has_capacity(instant, taken, room.platform, room.limits):
            return instant
    return None


def _placed(instants: dict[int, datetime | None]) -> int:
    return sum(instant is not None for instant in instants.values())
