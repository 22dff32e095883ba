"""The rate limit of a token in a team's store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from threading import Thread
from time import time

import pytest

from outreply_cli.api.team_rate_limit import TeamRateLimiter
from outreply_cli.spec.token import Token
from outreply_cli.storage.postgres import PostgresDatabase
from outreply_cli.storage.team_schema import migrate
from tests.clocks import ManualClock

TOKEN = Token("outreply_live_limited")
MakeLimiter = Callable[..., TeamRateLimiter]


@pytest.fixture
def make_limiter(postgres_url: str) -> Iterator[MakeLimiter]:
    """Creates limiters on hosts whose clocks differ."""
    with closing(PostgresDatabase(postgres_url)) as database, ExitStack() as stack:
        migrate(database)

        def make(token: Token = TOKEN, url: str = postgres_url) -> TeamRateLimiter:
            limiter = TeamRateLimiter(PostgresDatabase(url), token, "https://x", ManualClock())
            return stack.enter_context(closing(limiter))

        yield make


def headers(limit: int, remaining: int, seconds: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(int(time() + seconds)),
    }


def test_hosts_share_the_limit(make_limiter: MakeLimiter) -> None:
    first, second = make_limiter(), make_limiter()
    assert [limiter.acquire() for limiter in (first, second)] == [0.0, 0.0]
    first.update(headers(60, 3, 40), time())
    assert [limiter.acquire() for limiter in (first, second, first)] == [0.0] * 3
    for limiter in (first, second):
        # By the clock of the database, whatever that of the host says.
        assert 30 < limiter.acquire() <= 61
    assert make_limiter(Token("outreply_live_other")).acquire() == 0.0


def test_requested_pause_applies_to_every_host(make_limiter: MakeLimiter) -> None:
    first, second = make_limiter(), make_limiter()
    first.update(headers(60, 50, 40), time())
    second.throttle(20)
    assert 10 < first.acquire() <= 20


def test_window_that_is_over_causes_no_wait(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    limiter.update(headers(60, 0, 0), time())
    # A window of zero seconds is over at once; the next one is assumed to have the same limit.
    assert limiter.acquire() == 0.0
    assert limiter.acquire() == 0.0


def test_hosts_together_stay_within_the_limit(make_limiter: MakeLimiter) -> None:
    limiters = [make_limiter() for _ in range(6)]
    limiters[0].update(headers(60, 40, 50), time())
    granted: list[float] = []

    def work(limiter: TeamRateLimiter) -> None:
        granted.extend(limiter.acquire() for _ in range(20))

    threads = [Thread(target=work, args=(limiter,)) for limiter in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted.count(0.0) == 40


def test_requests_are_sent_without_the_database(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(url="postgresql://127.0.0.1:1/x")
    assert [limiter.acquire() for _ in range(3)] == [0.0] * 3
    limiter.update(headers(60, 0, 50), time())
    limiter.throttle(50)
    assert limiter.acquire() == 0.0
