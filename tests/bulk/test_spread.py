"""Properties of `--spread`."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st

from outreply_cli.bulk.spread import SlotConstraints, SlotRequest, apply_spread, spread
from outreply_cli.journal.models import EntryState
from outreply_cli.posts.guardrails import GuardrailLimits, has_capacity, page_violations
from tests.bulk.planned import AT, NOW, make_post, match, record

START = datetime(2026, 12, 1, tzinfo=UTC)
LIMITS = GuardrailLimits.from_account(None)
seconds = st.integers(min_value=0, max_value=3 * 86_400)
crowded = st.integers(min_value=40_000, max_value=47_200)
platforms = st.sampled_from(["linkedin", "instagram", "facebook", "tiktok", "twitter", "youtube"])


def make_constraints(platform: str, fixed: list[int], hours: int = 24) -> SlotConstraints:
    return SlotConstraints(
        fixed=sorted(START + timedelta(seconds=s) for s in fixed),
        platform=platform,
        limits=LIMITS,
        earliest=START - timedelta(days=1),
        latest=START + timedelta(days=70),
        window=timedelta(hours=hours),
    )


@settings(max_examples=150)
@given(platforms, st.lists(seconds | crowded, max_size=14), st.lists(seconds, max_size=3))
def test_spread_violates_nothing_and_keeps_order(
    platform: str, wanted: list[int], fixed: list[int]
) -> None:
    constraints = make_constraints(platform, fixed)
    requests = [SlotRequest(START + timedelta(seconds=s)) for s in wanted]
    # Existing posts that violate a guardrail by themselves are out of scope.
    if list(page_violations(constraints.fixed, platform, LIMITS)):
        return
    result = spread(requests, constraints)
    times = [time for time in result if time is not None]
    together = sorted([*times, *constraints.fixed])
    assert list(page_violations(together, platform, LIMITS)) == []
    for request, time in zip(requests, result, strict=True):
        assert time is None or abs(time - request.wanted) <= constraints.window
    order = sorted(range(len(requests)), key=lambda i: (requests[i].wanted, i))
    placed = [time for i in order if (time := result[i]) is not None]
    assert placed == sorted(placed)
    assert spread(requests, constraints) == result


@settings(max_examples=80)
@given(platforms, st.lists(seconds | crowded, max_size=12))
def test_spread_again_moves_nothing(platform: str, wanted: list[int]) -> None:
    constraints = make_constraints(platform, [])
    requests = [SlotRequest(START + timedelta(seconds=s)) for s in wanted]
    first = spread(requests, constraints)
    moved = [SlotRequest(r.wanted, time) for r, time in zip(requests, first, strict=True)]
    assert spread(moved, constraints) == first


@settings(max_examples=100)
@given(platforms, st.lists(seconds, max_size=12))
def test_spread_keeps_rows_that_fit(platform: str, wanted: list[int]) -> None:
    times = sorted(START + timedelta(seconds=s) for s in wanted)
    if list(page_violations(times, platform, LIMITS)):
        return
    assert spread([SlotRequest(time) for time in times], make_constraints(platform, [])) == times


@settings(max_examples=200)
@given(platforms, st.lists(seconds | crowded, max_size=20), seconds | crowded)
def test_has_capacity_agrees_with_page_violations(
    platform: str, others: list[int], second: int
) -> None:
    near = sorted(START + timedelta(seconds=s) for s in others)
    time = START + timedelta(seconds=second)
    if list(page_violations(near, platform, LIMITS)):
        return
    together = sorted([*near, time])
    assert has_capacity(time, near, platform, LIMITS) == (
        not list(page_violations(together, platform, LIMITS))
    )


def test_spread_moves_as_little_as_possible() -> None:
    noon = 43_200
    requests = [SlotRequest(START + timedelta(seconds=noon + 10 * n)) for n in range(3)]
    result = spread(requests, make_constraints("instagram", []))
    moved = [(time - START).total_seconds() - noon for time in result if time]
    assert moved == [0, 60, 120]


def test_planned_posts_of_other_files_take_times_beside_a_row_with_unknown_outcome() -> None:
    sent, new = make_post("Sent"), make_post("New", at=AT + timedelta(hours=3))
    rows, _ = match([sent, new], record([sent], state=EntryState.SENT, post_id=None))
    # Such a post has no ID yet, and neither has the row's.
    other = make_post("Of another file", at=new.scheduled_at).body()
    posts, problems = apply_spread(rows, [other], LIMITS, now=NOW, window=timedelta(hours=24))
    assert problems == []
    assert posts[0] == sent
    assert abs(posts[1].scheduled_at - new.scheduled_at) == LIMITS.min_gap
