"""Receivers that share a queue, and are killed while their target is down."""

import pytest

from tests.reliability.receivers import run_receivers


@pytest.mark.slow
def test_killed_receivers_on_one_machine_forward_every_event_in_order() -> None:
    run_receivers(None, 1, count=600, size=2, kills=4, down_seconds=1.0)


@pytest.mark.slow
def test_killed_receivers_of_a_team_forward_every_event_in_order(postgres_url: str) -> None:
    run_receivers(postgres_url, 1, count=600, size=2, kills=4, down_seconds=1.0)
