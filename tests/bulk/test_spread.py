"""`--spread` never breaks a rule, keeps order, and moves nothing that fits."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st

from outreply_cli.bulk.spread import SlotConstraints, SlotRequest, spread
from outreply_cli.posts.guardrails import GuardrailLimits, has_capacity, page_violations

BEGIN = datetime(2026, 12, 1, tzinfo=UTC)
LIMITS = GuardrailLimits.from_account(None)
seconds = st.integers(min_value=0, max_value=3 * 86_400)
crowded = st.integers(min_value=40_000, max_value=47_200)
platforms = st.sampled_from(["linkedin", "instagram", "facebook", "tiktok", "twitter", "youtube"])


def room(platform: str, fixed: list[int], hours: int = 24) -> SlotConstraints:
    return SlotConstraints(
        fixed=sorted(BEGIN + timedelta(seconds=s) for s in fixed),
        platform=platform,
        limits=LIMITS,
        earliest=BEGIN - timedelta(days=1),
        latest=BEGIN + timedelta(days=70),
        window=timedelta(hours=hours),
    )


@settings(max_examples=150, deadline=None)
@given(platforms, st.lists(seconds | crowded, max_size=14), st.lists(seconds, max_size=3))
def test_the_result_breaks_no_rule_and_keeps_order(
    platform: str, wanted: list[int], fixed: list[int]
) -> None:
    place = room(platform, fixed)
    wishes = [SlotRequest(BEGIN + timedelta(seconds=s)) for s in wanted]
    # What the account has already may break a rule by itself: that is nobody's to mend here.
    if list(page_violations(place.fixed, platform, LIMITS)):
        return
    result = spread(wishes, place)
    instants = [instant for instant in result if instant is not None]
    together = sorted([*instants, *place.fixed])
    assert list(page_violations(together, platform, LIMITS)) == []
    for wish, instant in zip(wishes, result, strict=True):
        assert instant is None or abs(instant - wish.wanted) <= place.window
    order = sorted(range(len(wishes)), key=lambda i: (wishes[i].wanted, i))
    placed = [instant for i in order if (instant := result[i]) is not None]
    assert placed == sorted(placed)
    assert spread(wishes, place) == result


@settings(max_examples=80, deadline=None)
@given(platforms, st.lists(seconds | crowded, max_size=12))
def test_run_again_from_where_the_rows_stand_nothing_moves(
    platform: str, wanted: list[int]
) -> None:
    place = room(platform, [])
    wishes = [SlotRequest(BEGIN + timedelta(seconds=s)) for s in wanted]
    first = spread(wishes, place)
    again = spread([SlotRequest(w.wanted, at) for w, at in zip(wishes, first, strict=True)], place)
    assert again == first


@settings(max_examples=100, deadline=None)
@given(platforms, st.lists(seconds, max_size=12))
def test_rows_that_break_no_rule_stay(platform: str, wanted: list[int]) -> None:
    instants = sorted(BEGIN + timedelta(seconds=s) for s in wanted)
    if list(page_violations(instants, platform, LIMITS)):
        return
    assert spread([SlotRequest(instant) for instant in instants], room(platform, [])) == instants


@settings(max_examples=200, deadline=None)
@given(platforms, st.lists(seconds | crowded, max_size=20), seconds | crowded)
def test_fits_agrees_with_the_violations(platform: str, others: list[int], one: int) -> None:
    near = sorted(BEGIN + timedelta(seconds=s) for s in others)
    instant = BEGIN + timedelta(seconds=one)
    if list(page_violations(near, platform, LIMITS)):
        return
    together = sorted([*near, instant])
    assert has_capacity(instant, near, platform, LIMITS) == (
        not list(page_violations(together, platform, LIMITS))
    )


def test_a_row_moves_as_little_as_it_can() -> None:
    noon = 43_200
    wishes = [SlotRequest(BEGIN + timedelta(seconds=noon + 10 * n)) for n in range(3)]
    result = spread(wishes, room("instagram", []))
    moved = [(instant - BEGIN).total_seconds() - noon for instant in result if instant]
    assert moved == [0, 60, 120]
