"""The rule for writes that may have been carried out."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from outreply_cli.api.resend import (
    KEY_SAFE_LIFETIME,
    LIST_LAG,
    Attempts,
    SearchResult,
    Step,
    is_key_remembered,
    next_step,
)
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_LIFETIME

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
AGES = st.timedeltas(timedelta(days=-3), timedelta(days=3))
TOKENS = st.sampled_from(["", "a", "b"])
ATTEMPTS = st.builds(
    lambda first, later, token: Attempts(NOW - first, NOW - first + abs(later), token),
    AGES, AGES, TOKENS,
)  # fmt: skip
SEARCHES = st.builds(
    lambda found, complete, age: SearchResult(
        is_found=found, is_complete=complete, at=NOW - abs(age)
    ),
    st.booleans(), st.booleans(), AGES,
)  # fmt: skip


@given(ATTEMPTS, SEARCHES, TOKENS)
def test_found_write_is_never_sent(attempts: Attempts, search: SearchResult, token: str) -> None:
    step = next_step(attempts, search, now=NOW, token=token)
    assert (step == Step.RECORD) == search.is_found


@given(ATTEMPTS, SEARCHES, TOKENS)
def test_repeat_needs_token_and_remembered_key(
    attempts: Attempts, search: SearchResult, token: str
) -> None:
    if next_step(attempts, search, now=NOW, token=token) == Step.REPEAT:
        assert token == attempts.token != ""
        age = NOW - attempts.first_at
        assert timedelta(0) <= abs(age) <= IDEMPOTENCY_KEY_LIFETIME - timedelta(hours=2)


@given(ATTEMPTS, SEARCHES, TOKENS)
def test_new_send_needs_proof_of_absence(
    attempts: Attempts, search: SearchResult, token: str
) -> None:
    if next_step(attempts, search, now=NOW, token=token) == Step.SEND:
        assert search.is_complete
        assert not search.is_found
        assert search.at >= attempts.last_at + LIST_LAG


@given(ATTEMPTS, TOKENS)
def test_incomplete_search_of_other_token_is_held(attempts: Attempts, token: str) -> None:
    search = SearchResult(is_found=False, is_complete=False, at=NOW)
    step = next_step(attempts, search, now=NOW, token=f"{token}-other")
    assert step == Step.HOLD


def test_key_is_remembered_for_22_hours() -> None:
    assert timedelta(hours=22) == KEY_SAFE_LIFETIME
    assert is_key_remembered(timedelta(hours=21, minutes=59))
    assert not is_key_remembered(timedelta(hours=22))
    assert not is_key_remembered(timedelta(hours=-22))


def test_other_token_sends_once_a_late_object_would_be_listed() -> None:
    attempts = Attempts(NOW - timedelta(days=2), NOW, "a")
    for waited, step in ((timedelta(seconds=29), Step.HOLD), (timedelta(seconds=30), Step.SEND)):
        search = SearchResult(is_found=False, is_complete=True, at=NOW + waited)
        assert next_step(attempts, search, now=search.at, token="b") == step


def test_same_token_sends_a_new_request_once_the_old_one_cannot_arrive() -> None:
    attempts = Attempts(NOW, NOW, "a")
    for waited, step in ((timedelta(seconds=119), Step.REPEAT), (timedelta(minutes=2), Step.SEND)):
        search = SearchResult(is_found=False, is_complete=True, at=NOW + waited)
        assert next_step(attempts, search, now=search.at, token="a") == step
