"""The quota forecast of an account, and polling of its quotas."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.clock import Clock
from outreply_cli.quota.check import QuotaUnknownError
from outreply_cli.quota.forecast import Forecast, delivery_times, forecast
from outreply_cli.quota.quota import Quota


@dataclass(frozen=True)
class QuotaForecast:
    """Forecast of an account; `scheduled` is None when the token may not read its posts."""

    forecasts: list[Forecast]
    resets_at: datetime
    scheduled: int | None


@dataclass(frozen=True)
class QuotaSnapshot:
    """The API's account object at a time, and the requests left in that minute."""

    at: datetime
    account: Resource
    requests_left: str | None


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
        posts = client.scheduled_posts().items
    except (PermissionDeniedError, NotFoundError):
        posts = None
    times = [time for post in posts or [] if (time := post_time(post)) is not None]
    deliveries = delivery_times(times, _count_subscriptions(client), now) if times else []
    forecasts = [
        forecast(
            bucket,
            now=now,
            resets_at=quota.resets_at,
            certain=deliveries if bucket.name == "webhooks" else (),
        )
        for bucket in quota.buckets
    ]
    return QuotaForecast(forecasts, quota.resets_at, None if posts is None else len(posts))


def poll_account(
    client: Client, clock: Clock, *, interval: float, count: int | None
) -> Iterator[QuotaSnapshot]:
    """Poll the account every `interval` seconds, `count` times or without end."""
    for poll in itertools.count() if count is None else range(count):
        if poll > 0:
            clock.sleep(interval)
        account = client.account()
        yield QuotaSnapshot(client.now(), account, client.transport.requests_left)


def _count_subscriptions(client: Client) -> int:
    try:
        webhooks = client.webhooks().items
    except (PermissionDeniedError, NotFoundError):
        return 0
    return sum(
        webhook.get("active") is not False and "post.published" in (webhook.get("events") or ())
        for webhook in webhooks
    )
