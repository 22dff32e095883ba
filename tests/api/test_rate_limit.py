"""The rate limiter shared by processes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.rate_limit import MachineRateLimiter
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import Transport
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.token import Token
from tests.clocks import LockstepClock, ManualClock
from tests.scripted_server import ScriptedServer, response

TOKEN = Token("outreply_live_limited")
MakeLimiter = Callable[..., MachineRateLimiter]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_limiter(tmp_path: Path, clock: ManualClock) -> Iterator[MakeLimiter]:
    """Creates limiters with the same file, as separate processes do."""
    with ExitStack() as stack:

        def make(token: Token = TOKEN) -> MachineRateLimiter:
            path = tmp_path / "rate_limits.db"
            return stack.enter_context(closing(MachineRateLimiter(path, token, "https://x", clock)))

        yield make


def headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(int(reset)),
    }


def throttle(limiter: MachineRateLimiter, clock: ManualClock) -> float:
    """Throttle for a second, in a window that ends in 57 s; return the current time."""
    now = clock.now().timestamp()
    limiter.update(headers(10, 8, now + 57), now)
    limiter.throttle(1)
    return now


def test_no_wait_before_first_response(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    assert [limiter.acquire() for _ in range(5)] == [0.0] * 5


def test_processes_share_window(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    first, second = make_limiter(), make_limiter()
    now = clock.now().timestamp()
    first.update(headers(10, 3, now + 30), now)
    assert [first.acquire(), second.acquire(), first.acquire()] == [0.0, 0.0, 0.0]
    assert second.acquire() == pytest.approx(30, abs=1)
    clock.advance(31)
    assert [second.acquire() for _ in range(10)] == [0.0] * 10
    assert first.acquire() > 0


def test_throttle_overrides_window(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    throttle(limiter, clock)
    assert limiter.acquire() == pytest.approx(1, abs=0.1)
    clock.advance(1.1)
    assert limiter.acquire() == 0


def test_throttle_survives_late_responses(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    first, second = make_limiter(), make_limiter()
    now = throttle(first, clock)
    for remaining in (7, 6):
        second.update(headers(10, remaining, now + 57), now)
        assert first.acquire() == pytest.approx(1, abs=0.1)
    clock.advance(1.1)
    assert first.acquire() == 0


def test_exhausted_window_overrides_throttle(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    first, second = make_limiter(), make_limiter()
    now = throttle(first, clock)
    second.update(headers(10, 0, now + 57), now)
    assert first.acquire() == pytest.approx(57, abs=1)


def test_tokens_are_independent(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    first, second = make_limiter(), make_limiter(Token("outreply_live_other"))
    now = clock.now().timestamp()
    first.update(headers(10, 0, now + 30), now)
    assert first.acquire() > 0
    assert second.acquire() == 0


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
def test_wait_until_reset_does_not_depend_on_clock_skew(
    clock: ManualClock, make_limiter: MakeLimiter, ahead: int
) -> None:
    limiter = make_limiter()
    server_now = clock.now().timestamp() + ahead
    limiter.update(headers(10, 0, server_now + 20), server_now)
    assert limiter.acquire() == pytest.approx(20, abs=1)


@pytest.mark.parametrize("seconds", [60, 61, 63, 300])
def test_no_window_is_longer_than_the_default_max_wait(
    clock: ManualClock, make_limiter: MakeLimiter, seconds: int
) -> None:
    """A reset that a clock change makes look late does not abort a command."""
    limiter = make_limiter()
    now = clock.now().timestamp()
    limiter.update(headers(10, 0, now + seconds), now)
    wait = limiter.acquire()
    assert 60 <= wait <= 61
    assert RetryPolicy().allows(0.0, wait)


def test_changed_limit_applies_and_late_response_is_ignored(
    clock: ManualClock, make_limiter: MakeLimiter
) -> None:
    limiter = make_limiter()
    now = clock.now().timestamp()
    limiter.update(headers(10, 8, now + 50), now)
    limiter.update(headers(5, 1, now + 50), now)
    assert limiter.acquire() == 0
    assert limiter.acquire() > 0
    clock.advance(51)
    later = clock.now().timestamp()
    assert limiter.acquire() == 0
    limiter.update(headers(5, 0, now + 50), now + 49)
    limiter.update(headers(5, 4, later + 60), later)
    assert [limiter.acquire() for _ in range(4)] == [0.0] * 4
    assert limiter.acquire() > 0


def test_invalid_headers_are_ignored(clock: ManualClock, make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    for bad in ({}, {"x-ratelimit-limit": "x"}, headers(0, 0, 0), headers(-1, -1, -1)):
        limiter.update(bad, None)
    assert limiter.acquire() == 0


def test_window_is_forgotten_when_the_clock_is_set_back(
    clock: ManualClock, make_limiter: MakeLimiter
) -> None:
    limiter = make_limiter()
    now = clock.now().timestamp()
    limiter.update(headers(10, 0, now + 30), now)
    clock.current -= timedelta(days=1)
    assert limiter.acquire() == 0


def test_damaged_file_causes_neither_wait_nor_error(
    tmp_path: Path, clock: ManualClock, make_limiter: MakeLimiter
) -> None:
    (tmp_path / "rate_limits.db").write_bytes(b"not a database at all" * 100)
    limiter = make_limiter()
    assert limiter.acquire() == 0
    limiter.update(headers(10, 0, clock.now().timestamp() + 9), None)
    assert limiter.acquire() == 0


def test_file_is_opened_on_first_use(tmp_path: Path, make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    assert list(tmp_path.iterdir()) == []
    limiter.acquire()
    assert (tmp_path / "rate_limits.db").exists()


def test_429_delays_next_request(tmp_path: Path, clock: ManualClock) -> None:
    rejection = response(429, {"error": "Slow", "code": "RATE_LIMITED"}, retry_after="7",
                     x_ratelimit_limit="10", x_ratelimit_remaining="0",
                     x_ratelimit_reset=str(int(clock.now().timestamp()) + 7))  # fmt: skip
    with ScriptedServer([rejection, response(200, {"pages": []})]) as server:
        limiter = MachineRateLimiter(tmp_path / "limits.db", TOKEN, server.url, clock)
        transport = Transport(base_url=server.url, token=TOKEN, clock=clock, rate_limiter=limiter)
        Client(transport).pages()
        transport.close()
    assert sum(clock.sleeps) >= 7


def test_threads_stay_within_limit(tmp_path: Path) -> None:
    threads = 4
    clock = LockstepClock(threads)
    outcomes: list[str] = []

    def work(token: Token, base_url: str) -> None:
        limiter = MachineRateLimiter(tmp_path / "limits.db", token, base_url, clock)
        transport = Transport(
            base_url=base_url, token=token, clock=clock, rate_limiter=limiter,
            retry_policy=RetryPolicy(max_wait=None),
            on_request=lambda record: outcomes.append(record.outcome),
        )  # fmt: skip
        try:
            with closing(transport):
                for _ in range(50):
                    Client(transport).me()
        finally:
            clock.finish()

    with EmulatorServer(tmp_path / "emulator.db", clock) as emulator:
        with ThreadPoolExecutor(threads) as pool:
            runs = [
                pool.submit(work, Token(emulator.token), emulator.base_url) for _ in range(threads)
            ]
        for run in runs:
            run.result()
    rejected = [outcome for outcome in outcomes if outcome.startswith("429")]
    assert len(rejected) <= threads, "at most one per thread"
    assert len(outcomes) == threads * 50 + len(rejected)
