"""`--spread` on a calendar's targets: page by page, beside what the account has already."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from outreply_cli.api.client import Resource, post_time
from outreply_cli.bulk.calendar import Diagnostic
from outreply_cli.bulk.matching import MatchedRow
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.bulk.spread import SlotConstraints, SlotRequest, spread
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.spec.limits import SCHEDULE_EARLIEST, SCHEDULE_LATEST
from outreply_cli.times import format_duration

# A run takes its time: what is moved must still be ten minutes ahead when it is sent.
_MARGIN = timedelta(minutes=5)


def apply_spread(
    matched: Sequence[MatchedRow],
    posts: Sequence[Resource],
    limits: GuardrailLimits,
    *,
    now: datetime,
    window: timedelta,
) -> tuple[list[PlannedPost], list[Diagnostic]]:
    """The targets at times that break no rule, and those that find no place.

    Args:
        matched: Rows and what earlier runs know of them; their own posts stand in nobody's way.
        posts: What the account has scheduled and lately published.
        limits: What is allowed.
        now: The present.
        window: How far a row may be moved.
    """
    own = {one.live.post_id for one in matched if one.live is not None}
    fixed: dict[str, list[datetime]] = defaultdict(list)
    for post in posts:
        moment = post_time(post)
        if moment is not None and post.get("id") not in own:
            fixed[str(post.get("page_id"))].append(moment)
    by_page: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(matched):
        by_page[one.target.page_id].append(place)
    targets = [one.target for one in matched]
    problems: list[Diagnostic] = []
    for page_id, places in by_page.items():
        room = SlotConstraints(
            fixed=sorted(fixed[page_id]),
            platform=str(targets[places[0]].page.get("platform")),
            limits=limits,
            earliest=now + SCHEDULE_EARLIEST + _MARGIN,
            latest=now + SCHEDULE_LATEST,
            window=window,
        )
        instants = spread([_wish(matched[place], window) for place in places], room)
        for place, instant in zip(places, instants, strict=True):
            target = targets[place]
            if instant is None:
                within = format_duration(window)
                what = f"it finds no free time within {within}; widen --spread-window"
                problems.append(target.row.problem("scheduled_at", what))
            elif instant != target.instant:
                targets[place] = target.moved_to(instant)
    return targets, problems


def _wish(one: MatchedRow, window: timedelta) -> SlotRequest:
    wanted, live = one.target.instant, one.live
    if live is None or abs(live.scheduled_at - wanted) > window:
        return SlotRequest(wanted)
    return SlotRequest(wanted, live.scheduled_at if _same_content(one.body, live.body) else None)


def _same_content(body: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return {**body, "scheduled_at": None} == {**other, "scheduled_at": None}
