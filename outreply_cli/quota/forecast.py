"""Forecast of a monthly quota, extrapolated from its use so far."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.quota.quota import Bucket, month_start

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Forecast:
    """Forecast of one bucket: its average use per day this month, and its use at the reset.

    `runs_out_at` is None if something remains at the reset.
    """

    bucket: Bucket
    per_day: float
    at_reset: int
    runs_out_at: datetime | None


def forecast(
    bucket: Bucket, *, now: datetime, resets_at: datetime, certain: Sequence[datetime] = ()
) -> Forecast:
    """Forecast the use of `bucket` until `resets_at`.

    Future use is the greater of the extrapolated pace and the `certain` uses: the pace already
    contains uses of the same kind, so their sum would count them twice. The times are sorted.
    """
    # At least a day, so that a burst early in the month is not extrapolated.
    elapsed = max(now - month_start(now), _DAY)
    per_day = bucket.used / (elapsed / _DAY)
    remaining_days = max(resets_at - now, timedelta(0)) / _DAY
    future = max(round(per_day * remaining_days), bisect_left(certain, resets_at))
    runs_out_at = _runs_out_at(bucket, per_day, now, resets_at, certain)
    return Forecast(bucket, per_day, bucket.used + future, runs_out_at)


def delivery_times(
    scheduled: Iterable[datetime], subscriptions: int, now: datetime
) -> list[datetime]:
    """Return the times of certain webhook deliveries: one per subscription and future post."""
    return [time for time in sorted(scheduled) if time > now for _ in range(subscriptions)]


def _runs_out_at(
    bucket: Bucket, per_day: float, now: datetime, resets_at: datetime, certain: Sequence[datetime]
) -> datetime | None:
    remaining = bucket.remaining
    if remaining is None:
        return None
    if remaining == 0:
        return now
    times = [certain[remaining - 1]] if len(certain) >= remaining else []
    # Checked first: a pace close to zero would overflow datetime.
    if per_day * (resets_at - now) / _DAY >= remaining:
        times.append(now + _DAY * (remaining / per_day))
    earliest = min(times, default=resets_at)
    return max(earliest, now) if earliest < resets_at else None
