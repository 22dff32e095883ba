"""Forecast of monthly quotas, extrapolated from their use so far."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.api.client import Client, post_time
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.posts.listing import list_posts
from outreply_cli.quota.check import QuotaUnknownError
from outreply_cli.quota.quota import Bucket, Quota, month_start

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


@dataclass(frozen=True)
class QuotaForecast:
    """Forecast of an account; `scheduled` is None when the token may not read its posts."""

    forecasts: list[Forecast]
    resets_at: datetime
    scheduled: int | None


def fetch_forecast(client: Client) -> QuotaForecast:
    """Fetch the forecast of each monthly quota.

    A post counts as a publish when it is scheduled, so scheduled posts add webhook deliveries
    only.

    Raises:
        QuotaUnknownError: The account does not report when its quotas reset.
    """
    quota, now = Quota.from_account(client.account()), client.now()
    if quota.resets_at is None:
        raise QuotaUnknownError("the account does not report when its quotas reset")
    try:
        posts = list_posts(client, published=False).items
    except (PermissionDeniedError, NotFoundError):
        posts = None
    times = [time for post in posts or [] if (time := post_time(post)) is not None]
    deliveries = delivery_times(times, _count_subscriptions(client), now) if times else []
    forecasts = [
        forecast(
            bucket,
            now=now,
            resets_at=quota.resets_at,
            known_uses=deliveries if bucket.name == "webhooks" else (),
        )
        for bucket in quota.buckets
    ]
    return QuotaForecast(forecasts, quota.resets_at, None if posts is None else len(posts))


def forecast(
    bucket: Bucket, *, now: datetime, resets_at: datetime, known_uses: Sequence[datetime] = ()
) -> Forecast:
    """Forecast the use of `bucket` until `resets_at`.

    Future use is the greater of the extrapolated pace and the `known_uses`: the pace already
    contains uses of the same kind, so their sum would count them twice. The times are sorted.
    """
    # At least a day, so that a burst early in the month is not extrapolated.
    elapsed = max(now - month_start(now), _DAY)
    per_day = bucket.used / (elapsed / _DAY)
    remaining_days = max(resets_at - now, timedelta(0)) / _DAY
    future = max(round(per_day * remaining_days), bisect_left(known_uses, resets_at))
    runs_out_at = _runs_out_at(bucket, per_day, now, resets_at, known_uses)
    return Forecast(bucket, per_day, bucket.used + future, runs_out_at)


def delivery_times(
    scheduled: Iterable[datetime], subscriptions: int, now: datetime
) -> list[datetime]:
    """Return the times of known webhook deliveries: one per subscription and future post."""
    return [time for time in sorted(scheduled) if time > now for _ in range(subscriptions)]


def _runs_out_at(
    bucket: Bucket,
    per_day: float,
    now: datetime,
    resets_at: datetime,
    known_uses: Sequence[datetime],
) -> datetime | None:
    remaining = bucket.remaining
    if remaining is None:
        return None
    if remaining == 0:
        return now
    times = [known_uses[remaining - 1]] if len(known_uses) >= remaining else []
    # Checked first: a pace close to zero would overflow datetime.
    if per_day * (resets_at - now) / _DAY >= remaining:
        times.append(now + _DAY * (remaining / per_day))
    earliest = min(times, default=resets_at)
    return max(earliest, now) if earliest < resets_at else None


def _count_subscriptions(client: Client) -> int:
    try:
        webhooks = client.webhooks().items
    except (PermissionDeniedError, NotFoundError):
        return 0
    return sum(
        webhook.get("active") is not False and "post.published" in (webhook.get("events") or ())
        for webhook in webhooks
    )
