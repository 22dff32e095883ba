"""Reading an account for its forecast, and looking at it again and again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.clock import Clock
from outreply_cli.quota.check import QuotaUnknownError
from outreply_cli.quota.forecast import Forecast, delivery_instants, forecast
from outreply_cli.quota.quota import Quota


@dataclass(frozen=True)
class QuotaForecast:
    """Where an account is heading.

    Attributes:
        scheduled: Posts that wait, None where the token may not read them.
    """

    forecasts: list[Forecast]
    resets_at: datetime
    scheduled: int | None


@dataclass(frozen=True)
class QuotaSnapshot:
    """What `GET /account` told once, and what the answer's header left of the minute."""

    at: datetime
    account: Resource
    requests_left: str | None


def fetch_forecast(client: Client) -> QuotaForecast:
    """The forecast of each bucket that has a limit.

    A post counts as a publish when it is scheduled, so that those which wait add nothing to
    come but their webhooks.

    Raises:
        QuotaUnknownError: The account does not tell when its limits reset.
    """
    quota, now = Quota.from_account(client.account()), client.now()
    if quota.resets_at is None:
        raise QuotaUnknownError("the account does not tell when its limits reset")
    try:
        posts = client.scheduled_posts().items
    except (PermissionDeniedError, NotFoundError):
        posts = None
    due = [moment for post in posts or [] if (moment := post_time(post)) is not None]
    deliveries = delivery_instants(due, _subscriptions(client), now) if due else []
    forecasts = [
        forecast(
            bucket,
            now=now,
            resets_at=quota.resets_at,
            known=deliveries if bucket.name == "webhooks" else (),
        )
        for bucket in quota.buckets
    ]
    return QuotaForecast(forecasts, quota.resets_at, None if posts is None else len(posts))


def poll_account(
    client: Client, clock: Clock, *, interval: float, most: int | None
) -> Iterator[QuotaSnapshot]:
    """The account every `interval` seconds, `most` times or for ever."""
    seen = 0
    while True:
        account = client.account()
        yield QuotaSnapshot(client.now(), account, client.transport.requests_left)
        seen += 1
        if most is not None and seen >= most:
            return
        clock.sleep(interval)


def _subscriptions(client: Client) -> int:
    try:
        hooks = client.webhooks().items
    except (PermissionDeniedError, NotFoundError):
        return 0
    return sum(
        hook.get("active") is not False and "post.published" in (hook.get("events") or ())
        for hook in hooks
    )
