"""One rate limit for every process: bursts are used, refusals avoided."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.rate_limit import SharedRateLimiter
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import Transport
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.scripted_server import ScriptedServer, answer

TOKEN = Token("outreply_live_budget")
Make = Callable[..., SharedRateLimiter]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def budget(tmp_path: Path, clock: ManualClock) -> Iterator[Make]:
    """Makes the budget of a token, as another process has it too."""
    with ExitStack() as opened:

        def make(token: Token = TOKEN) -> SharedRateLimiter:
            made = SharedRateLimiter(tmp_path / "budget.db", token, "https://x", clock)
            opened.callback(made.close)
            return made

        yield make


def headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(int(reset)),
    }


def refuse_for_a_second(budget: SharedRateLimiter, clock: ManualClock) -> float:
    """Let a server refuse, in a window that ends in 57 s; returns its time."""
    now = clock.now().timestamp()
    budget.update(headers(10, 8, now + 57), now)
    budget.throttle(1)
    return now


def test_before_the_first_answer_nothing_is_held_back(clock: ManualClock, budget: Make) -> None:
    shared = budget()
    assert [shared.acquire() for _ in range(5)] == [0.0] * 5


def test_two_processes_share_what_is_left_and_wait_for_the_reset(
    clock: ManualClock, budget: Make
) -> None:
    one, two = budget(), budget()
    now = clock.now().timestamp()
    one.update(headers(10, 3, now + 30), now)
    assert [one.acquire(), two.acquire(), one.acquire()] == [0.0, 0.0, 0.0]
    assert two.acquire() == pytest.approx(30, abs=1)
    clock.advance(31)
    assert [two.acquire() for _ in range(10)] == [0.0] * 10
    assert one.acquire() > 0


def test_a_refusals_pause_is_believed_more_than_the_window_known_before(
    clock: ManualClock, budget: Make
) -> None:
    shared = budget()
    refuse_for_a_second(shared, clock)
    assert shared.acquire() == pytest.approx(1, abs=0.1)
    clock.advance(1.1)
    assert shared.acquire() == 0


def test_a_pause_is_not_longer_for_what_others_are_answered_meanwhile(
    clock: ManualClock, budget: Make
) -> None:
    one, two = budget(), budget()
    now = refuse_for_a_second(one, clock)
    for remaining in (7, 6):
        two.update(headers(10, remaining, now + 57), now)
        assert one.acquire() == pytest.approx(1, abs=0.1)
    clock.advance(1.1)
    assert one.acquire() == 0


def test_a_window_that_is_used_up_is_believed_more_than_a_shorter_pause(
    clock: ManualClock, budget: Make
) -> None:
    one, two = budget(), budget()
    now = refuse_for_a_second(one, clock)
    two.update(headers(10, 0, now + 57), now)
    assert one.acquire() == pytest.approx(57, abs=1)


def test_another_token_has_a_budget_of_its_own(clock: ManualClock, budget: Make) -> None:
    one, other = budget(), budget(Token("outreply_live_other"))
    now = clock.now().timestamp()
    one.update(headers(10, 0, now + 30), now)
    assert one.acquire() > 0
    assert other.acquire() == 0


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
def test_a_server_whose_clock_differs_is_understood(
    clock: ManualClock, budget: Make, ahead: int
) -> None:
    shared = budget()
    server_now = clock.now().timestamp() + ahead
    shared.update(headers(10, 0, server_now + 20), server_now)
    assert shared.acquire() == pytest.approx(20, abs=1)


def test_a_limit_that_changes_and_answers_that_come_late_are_understood(
    clock: ManualClock, budget: Make
) -> None:
    shared = budget()
    now = clock.now().timestamp()
    shared.update(headers(10, 8, now + 50), now)
    shared.update(headers(5, 1, now + 50), now)
    assert shared.acquire() == 0
    assert shared.acquire() > 0
    clock.advance(51)
    later = clock.now().timestamp()
    assert shared.acquire() == 0
    shared.update(headers(5, 0, now + 50), now + 49)
    shared.update(headers(5, 4, later + 60), later)
    assert [shared.acquire() for _ in range(4)] == [0.0] * 4
    assert shared.acquire() > 0


def test_missing_or_nonsensical_headers_teach_nothing(clock: ManualClock, budget: Make) -> None:
    shared = budget()
    for bad in ({}, {"x-ratelimit-limit": "x"}, headers(0, 0, 0), headers(-1, -1, -1)):
        shared.update(bad, None)
    assert shared.acquire() == 0


def test_a_clock_that_was_set_back_does_not_hold_for_ever(clock: ManualClock, budget: Make) -> None:
    shared = budget()
    now = clock.now().timestamp()
    shared.update(headers(10, 0, now + 30), now)
    clock.instant -= timedelta(days=1)
    assert shared.acquire() == 0


def test_a_file_that_can_not_be_used_holds_nobody_up(
    tmp_path: Path, clock: ManualClock, budget: Make
) -> None:
    (tmp_path / "budget.db").write_bytes(b"not a database at all" * 100)
    shared = budget()
    assert shared.acquire() == 0
    shared.update(headers(10, 0, clock.now().timestamp() + 9), None)
    assert shared.acquire() == 0


def test_a_refusal_makes_everybody_wait(tmp_path: Path, clock: ManualClock) -> None:
    refusal = answer(429, {"error": "Slow", "code": "RATE_LIMITED"}, retry_after="7",
                     x_ratelimit_limit="10", x_ratelimit_remaining="0",
                     x_ratelimit_reset=str(int(clock.now().timestamp()) + 7))  # fmt: skip
    with ScriptedServer([refusal, answer(200, {"pages": []})]) as server:
        shared = SharedRateLimiter(tmp_path / "b.db", TOKEN, server.url, clock)
        transport = Transport(base_url=server.url, token=TOKEN, clock=clock, budget=shared)
        Client(transport).pages()
        transport.close()
    assert sum(clock.sleeps) >= 7


def test_threads_that_share_a_token_are_never_refused(
    emulator: EmulatorServer, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    refused = []
    token = Token(emulator.token)

    def work() -> None:
        shared = SharedRateLimiter(tmp_path / "b.db", token, emulator.base_url, emulator_clock)
        transport = Transport(
            base_url=emulator.base_url, token=token, clock=emulator_clock, budget=shared,
            patience=RetryPolicy(max_wait=None),
            on_exchange=lambda exchange: refused.append(exchange.outcome)
            if exchange.outcome.startswith("429") else None,
        )  # fmt: skip
        client = Client(transport)
        for _ in range(50):
            client.me()
        transport.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) <= 4, "at most one refusal a runner"
