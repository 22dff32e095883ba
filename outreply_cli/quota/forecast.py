"""When each bucket runs out: a pure extrapolation of this month's pace."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.quota.quota import Bucket, month_start

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Forecast:
    """Where one bucket is heading.

    Attributes:
        per_day: This month's pace.
        at_reset: What will be used by then.
        runs_out_at: When nothing is left; None when something is until the reset.
    """

    bucket: Bucket
    per_day: float
    at_reset: int
    runs_out_at: datetime | None


def forecast(
    bucket: Bucket, *, now: datetime, resets_at: datetime, known: Sequence[datetime] = ()
) -> Forecast:
    """How `bucket` goes on until `resets_at`.

    What is used by a moment is the pace's share, or what is `known` to come if that is more: the
    pace holds uses of the same kind, so that adding both would count them twice.

    Args:
        bucket: As it is now.
        now: The present instant.
        resets_at: When it begins anew.
        known: When uses are certain to come, sorted.
    """
    # The first hours of a month would make a pace out of one busy minute.
    elapsed = max(now - month_start(now), _DAY)
    per_day = bucket.used / (elapsed / _DAY)
    rest = max(resets_at - now, timedelta(0))
    coming = bisect_left(known, resets_at)
    at_reset = bucket.used + max(round(per_day * (rest / _DAY)), coming)
    return Forecast(bucket, per_day, at_reset, _end(bucket, per_day, now, resets_at, known))


def delivery_instants(
    scheduled: Iterable[datetime], subscriptions: int, now: datetime
) -> list[datetime]:
    """When webhook deliveries are certain: one to each subscription as a post goes out."""
    return [moment for moment in sorted(scheduled) if moment > now for _ in range(subscriptions)]


def _end(
    bucket: Bucket,
    per_day: float,
    now: datetime,
    resets_at: datetime,
    known: Sequence[datetime],
) -> datetime | None:
    left = bucket.remaining
    if left is None:
        return None
    if left == 0:
        return now
    ends = [known[left - 1]] if len(known) >= left else []
    # A pace of nearly nothing would point past the end of the calendar.
    if per_day * (resets_at - now) / _DAY >= left:
        ends.append(now + _DAY * (left / per_day))
    end = min(ends, default=resets_at)
    return max(end, now) if end < resets_at else None
