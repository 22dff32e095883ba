"""One write for many: nobody goes on before theirs is settled, and nobody is forgotten."""

import threading
from collections.abc import Sequence

from hypothesis import given, settings, strategies as st

from outreply_cli.webhooks.gathering import Gathering
from outreply_cli.webhooks.records import Arrival


def arrival(name: str) -> Arrival:
    return Arrival(name, 0.0, "e", is_verified=True, reason=None, status=200, headers=[], body=b"")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12))
def test_everybody_goes_on_once_theirs_is_settled(threads: int, each: int) -> None:
    batches: list[Sequence[str]] = []
    at_it = threading.Lock()

    def commit(batch: Sequence[Arrival]) -> None:
        assert at_it.acquire(blocking=False), "two commit at once"
        batches.append([one.id for one in batch])
        at_it.release()

    gathering = Gathering(commit)
    early: list[str] = []

    def bring(number: int) -> None:
        for count in range(each):
            one = arrival(f"{number}-{count}")
            gathering.store(one)
            if not one.is_settled:
                early.append(one.id)

    bringers = [threading.Thread(target=bring, args=(number,)) for number in range(threads)]
    for bringer in bringers:
        bringer.start()
    for bringer in bringers:
        bringer.join(20)
        assert not bringer.is_alive()
    assert early == []
    stored = [name for batch in batches for name in batch]
    assert sorted(stored) == sorted(f"{n}-{c}" for n in range(threads) for c in range(each))


def test_a_failure_reaches_each_one_of_its_batch() -> None:
    def fail(batch: Sequence[Arrival]) -> None:
        for one in batch:
            one.failure = OSError("full")

    gathering = Gathering(fail)
    one = arrival("x")
    gathering.store(one)
    assert isinstance(one.failure, OSError)
    gathering.store(arrival("y"))
