"""Stores of deliveries on both databases."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outreply_cli.clock import SystemClock
from outreply_cli.webhooks.store import DeliveryStore
from tests.postgres import open_migrated

OpenStore = Callable[[], DeliveryStore]


def open_team_store(url: str) -> DeliveryStore:
    """Return a store in the database at `url`, which gets the schema if it has none."""
    from outreply_cli.storage.postgres import PostgresDatabase
    from outreply_cli.webhooks.team_store import TeamDeliveryStore

    open_migrated(url).close()
    return TeamDeliveryStore(PostgresDatabase(url), SystemClock())


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Open stores of deliveries: each call returns the store of another receiver."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            path = tmp_path / "state" / "webhooks.db"
            yield lambda: stack.enter_context(closing(DeliveryStore(path)))
        else:
            url = request.getfixturevalue("postgres_url")
            yield lambda: stack.enter_context(closing(open_team_store(url)))


@pytest.fixture
def store(open_store: OpenStore) -> DeliveryStore:
    return open_store()
