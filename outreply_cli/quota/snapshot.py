"""Polling of an account's quotas."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.api.client import Client, Resource
from outreply_cli.clock import Clock


@dataclass(frozen=True)
class QuotaSnapshot:
    """The API's account object at a time, and the requests left in that minute."""

    at: datetime
    account: Resource
    requests_left: str | None


def poll_account(
    client: Client, clock: Clock, *, interval: float, count: int | None
) -> Iterator[QuotaSnapshot]:
    """Poll the account every `interval` seconds, `count` times or indefinitely."""
    for poll in itertools.count() if count is None else range(count):
        if poll > 0:
            clock.sleep(interval)
        account = client.account()
        yield QuotaSnapshot(client.now(), account, client.transport.requests_left)
