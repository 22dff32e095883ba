"""The store of deliveries, with the same tests on both databases."""

import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreply_cli.errors import StorageError
from outreply_cli.net.delivery_result import DeliveryResult, HandlerResponse
from outreply_cli.storage.leases import LEASE_SECONDS
from outreply_cli.storage.postgres import PostgresDatabase
from outreply_cli.webhooks import team_store
from outreply_cli.webhooks.models import (
    GIVEN_UP_STATES,
    Attempt,
    ForwardState,
    IncomingDelivery,
    QueuedDelivery,
)
from outreply_cli.webhooks.store import (
    MAX_ATTEMPTS_KEPT,
    MAX_REJECTED,
    RETENTION_SECONDS,
    DeliveryNotFoundError,
    DeliveryStore,
    TargetLease,
)
from outreply_cli.webhooks.team_store import TeamDeliveryStore
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.postgres import run_sql
from tests.webhooks.conftest import OpenStore, open_team_store
from tests.webhooks.handler_server import wait_for

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
TARGET = "http://127.0.0.1:3000/hooks"
OTHER = "http://127.0.0.1:4000/"
ACCEPTED = DeliveryResult(
    200,
    None,
    12.5,
    response=HandlerResponse(
        [("X-A", "1")], b"ok\xff\x00", is_truncated=True, connect_ms=1.5, first_byte_ms=10.5
    ),
)
REFUSED = DeliveryResult(500, None, 3.0, response=HandlerResponse())
UNREACHABLE = DeliveryResult(None, "connection refused", 1.0, is_connected=False)


def incoming(
    name: str, *, at: float = NOW, event: str = "post.published", targets: Sequence[str] = (TARGET,)
) -> IncomingDelivery:
    return IncomingDelivery(
        name, at, event, is_verified=True, reason=None, status=200,
        headers=[("X-OutReply-Event", event)], body=b"\x00{}", targets=targets,
    )  # fmt: skip


def invalid(name: str) -> IncomingDelivery:
    return IncomingDelivery(
        name, NOW, "", is_verified=False, reason="signature mismatch", status=401, headers=[],
        body=b"",
    )  # fmt: skip


def acquire_lease(store: DeliveryStore, target: str = TARGET) -> TargetLease:
    lease = store.acquire_target(target)
    assert lease is not None
    return lease


def next_pending(store: DeliveryStore, now: float = NOW, **options: bool) -> QueuedDelivery:
    queued = store.next_pending(TARGET, now, **options)  # type: ignore[arg-type]
    assert queued is not None
    return queued


def record(
    store: DeliveryStore,
    queued: QueuedDelivery,
    result: DeliveryResult,
    lease: TargetLease,
    due_at: float | None = None,
) -> None:
    state = ForwardState.FORWARDED
    if not result.is_accepted:
        state = ForwardState.QUEUED if due_at is not None else ForwardState.FAILED
    attempt = Attempt(queued.forward.target, NOW, result)
    store.record_forward(queued.forward, attempt, state, due_at, lease)


def queued_ids(store: DeliveryStore) -> list[str]:
    return [queued.delivery.id for queued in store.queue()]


def test_deliveries_are_numbered_in_order(store: DeliveryStore) -> None:
    batch = [incoming(f"evt_{number}") for number in range(120)]
    store.store(batch)
    numbers = [delivery.number for delivery in batch]
    assert numbers == sorted(numbers)
    assert [entry.delivery.id for entry in store.history(limit=3)] == [
        "evt_119", "evt_118", "evt_117",
    ]  # fmt: skip
    assert store.find(f"#{numbers[7]}").id == "evt_7"
    assert store.find(str(numbers[7])).body == b"\x00{}"
    with pytest.raises(DeliveryNotFoundError):
        store.find("9" * 18)


def test_repeated_delivery_is_queued_once(open_store: OpenStore) -> None:
    first, second = open_store(), open_store()
    batch = [incoming("evt_1"), incoming("evt_1"), incoming("evt_2")]
    first.store(batch)
    again = [incoming("evt_2"), incoming("evt_1")]
    second.store(again)
    assert [delivery.times_seen for delivery in [*batch, *again]] == [0, 1, 0, 1, 2]
    assert queued_ids(first) == ["evt_1", "evt_2"]


def test_events_stored_by_concurrent_receivers_are_queued_once(
    open_store: OpenStore,
) -> None:
    stores = [open_store() for _ in range(4)]
    barrier = threading.Barrier(len(stores))
    failures: list[Exception] = []

    def deliver(store: DeliveryStore, numbers: Sequence[int]) -> None:
        barrier.wait()
        try:
            for start in range(0, len(numbers), 5):
                store.store([incoming(f"evt_{n}") for n in numbers[start : start + 5]])
        except Exception as error:  # noqa: BLE001 - reported by the main thread
            failures.append(error)

    orders = [range(100), range(99, -1, -1), range(100), [*range(50, 100), *range(50)]]
    threads = [
        threading.Thread(target=deliver, args=(store, list(order)))
        for store, order in zip(stores, orders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(queued_ids(stores[0])) == sorted(f"evt_{n}" for n in range(100))
    assert len(stores[0].history(limit=1_000)) == 400


def test_ordered_queue_waits_for_the_oldest_delivery(store: DeliveryStore) -> None:
    store.store([incoming(f"evt_{number}") for number in range(3)])
    lease = acquire_lease(store)
    first = next_pending(store)
    record(store, first, REFUSED, lease, due_at=NOW + 60)
    again = next_pending(store)
    assert (again.delivery.id, again.forward.attempts, again.forward.due_at) == (
        "evt_0", 1, NOW + 60,
    )  # fmt: skip
    assert store.count_behind(again.forward) == 2
    record(store, again, ACCEPTED, lease)
    assert next_pending(store).delivery.id == "evt_1"
    assert store.next_pending(OTHER, NOW) is None


def test_unordered_queue_returns_due_deliveries(store: DeliveryStore) -> None:
    store.store([incoming(f"evt_{number}") for number in range(3)])
    lease = acquire_lease(store)
    first = next_pending(store, is_ordered=False)
    record(store, first, UNREACHABLE, lease, due_at=NOW + 60)
    second = next_pending(store, is_ordered=False)
    assert second.delivery.id == "evt_1"
    third = store.next_pending(TARGET, NOW, in_flight=[second.forward.number], is_ordered=False)
    assert third is not None
    assert third.delivery.id == "evt_2"
    # The target is back, so that the first one is due.
    record(store, second, ACCEPTED, lease)
    due = {next_pending(store, NOW + 1, is_ordered=False).delivery.id}
    assert due <= {"evt_0", "evt_2"}
    record(store, third, ACCEPTED, lease)
    assert next_pending(store, NOW + 1, is_ordered=False).delivery.id == "evt_0"


def test_attempts_are_stored_with_responses(store: DeliveryStore) -> None:
    (delivery,) = batch = [incoming("evt_1")]
    store.store(batch)
    lease = acquire_lease(store)
    results = [UNREACHABLE, REFUSED, ACCEPTED]
    for result in results:
        queued = next_pending(store)
        record(store, queued, result, lease, due_at=None if result.is_accepted else NOW)
    attempts = store.attempts(delivery.number)
    assert [(a.target, a.started_at) for a in attempts] == [(TARGET, NOW)] * 3
    assert [(a.result.status, a.result.error) for a in attempts] == [
        (None, "connection refused"), (500, None), (200, None),
    ]  # fmt: skip
    assert attempts[0].result.response is None
    assert attempts[2].result.response == ACCEPTED.response
    (entry,) = store.history(limit=9)
    (forward,) = entry.forwards
    assert (forward.state, forward.attempts, forward.status) == ("forwarded", 3, 200)


def test_latest_attempts_are_kept(store: DeliveryStore) -> None:
    batch = [incoming("evt_1")]
    store.store(batch)
    lease = acquire_lease(store)
    for _ in range(MAX_ATTEMPTS_KEPT + 5):
        record(store, next_pending(store), UNREACHABLE, lease, due_at=NOW)
    assert len(store.attempts(batch[0].number)) == MAX_ATTEMPTS_KEPT
    assert next_pending(store).forward.attempts == MAX_ATTEMPTS_KEPT + 5


def test_skip_retry_and_failed(store: DeliveryStore) -> None:
    store.store([incoming(f"evt_{number}") for number in range(3)])
    first, second, third = store.queue()
    assert store.skip([first.forward, second.forward], NOW) == 2
    assert store.skip([first.forward], NOW) == 0
    lease = acquire_lease(store)
    record(store, third, REFUSED, lease)
    assert queued_ids(store) == []
    given_up = store.queue(states=GIVEN_UP_STATES)
    assert [str(queued.forward.state) for queued in given_up] == ["skipped", "skipped", "failed"]
    failed = store.history(limit=9, only_failed=True)
    assert [entry.delivery.id for entry in failed] == ["evt_2", "evt_1", "evt_0"]
    assert [forward.delivery for forward in store.list_given_up(NOW)] == [1, 2, 3]
    assert store.list_given_up(NOW + 1) == []
    assert store.retry([second.forward, third.forward], NOW + 5) == 2
    assert queued_ids(store) == ["evt_1", "evt_2"]
    assert next_pending(store).forward.due_at == NOW + 5


def test_delivery_skipped_while_in_progress_is_forwarded_if_accepted(store: DeliveryStore) -> None:
    store.store([incoming("evt_1"), incoming("evt_2")])
    lease = acquire_lease(store)
    first, second = store.queue()
    store.skip([first.forward, second.forward], NOW)
    record(store, first, REFUSED, lease, due_at=NOW + 1)
    record(store, second, ACCEPTED, lease)
    states = {entry.delivery.id: entry.forwards[0].state for entry in store.history(limit=9)}
    assert states == {"evt_1": "skipped", "evt_2": "forwarded"}


def test_one_receiver_holds_the_lease(open_store: OpenStore) -> None:
    first, second = open_store(), open_store()
    lease = acquire_lease(first)
    assert lease.is_held()
    assert second.acquire_target(TARGET) is None
    assert second.acquire_target(OTHER) is not None
    lease.release()
    taken = acquire_lease(second)
    assert first.acquire_target(TARGET) is None
    taken.release()


def test_expired_lease_records_nothing(postgres_url: str) -> None:
    with (
        closing(open_team_store(postgres_url)) as stopped,
        closing(open_team_store(postgres_url)) as other,
    ):
        stopped.store([incoming("evt_1")])
        lease = acquire_lease(stopped)
        queued = next_pending(stopped)
        run_sql(postgres_url, "UPDATE outreply.targets SET expires_at = '-infinity'")
        taken = acquire_lease(other)
        with pytest.raises(StorageError, match=f"for {LEASE_SECONDS:.0f} seconds"):
            record(stopped, queued, ACCEPTED, lease)
        assert stopped.attempts(queued.delivery.number) == []
        record(other, next_pending(other), ACCEPTED, taken)
        assert queued_ids(other) == []


def test_lease_is_renewed_while_it_is_held(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team_store, "RENEW_SECONDS", 0.05)
    clock = ManualClock()
    open_team_store(postgres_url).close()
    with closing(TeamDeliveryStore(PostgresDatabase(postgres_url), clock)) as store:
        lease = acquire_lease(store)
        # The machine slept: until it is renewed, another receiver may have the lease.
        clock.advance(LEASE_SECONDS)
        wait_for(lease.is_held)
        run_sql(postgres_url, "UPDATE outreply.targets SET fence = fence + 1")
        wait_for(lambda: not lease.is_held())
        lease.release()


def test_store_status_shows_who_forwards(cli_logged_out: CommandLine, postgres_url: str) -> None:
    with closing(open_team_store(postgres_url)) as store:
        lease = acquire_lease(store)
        shown = cli_logged_out.spawn("store", "status", env={"OUTREPLY_STORE_URL": postgres_url})
        assert shown.code == 0, shown.err
        assert TARGET in shown.out
        assert f"pid {os.getpid()}" in shown.out
        lease.release()


def test_interrupted_command_is_not_rerun(open_store: OpenStore) -> None:
    store = open_store()
    store.store([incoming("evt_1"), incoming("evt_2")])
    lease = acquire_lease(store)
    queued = next_pending(store)
    assert store.start_forward(queued.forward, lease)
    assert not store.start_forward(queued.forward, lease)
    assert next_pending(store).delivery.id == "evt_2"
    lease.release()
    other = open_store()
    taken = acquire_lease(other)
    (interrupted,) = other.resume(TARGET, NOW, taken)
    assert interrupted.delivery.id == "evt_1"
    assert interrupted.forward.error is not None
    assert "interrupted" in interrupted.forward.error
    assert other.resume(TARGET, NOW, taken) == []
    assert queued_ids(other) == ["evt_2"]
    assert other.retry([interrupted.forward], NOW) == 1
    assert queued_ids(other) == ["evt_1", "evt_2"]


def test_accepted_replay_leaves_the_queue(store: DeliveryStore) -> None:
    batch = [incoming("evt_1", targets=[TARGET, OTHER])]
    store.store(batch)
    number = batch[0].number
    store.record_replay(number, Attempt(TARGET, NOW, ACCEPTED), is_unchanged=False)
    store.record_replay(number, Attempt(TARGET, NOW, REFUSED), is_unchanged=True)
    assert len(store.queue()) == 2
    store.record_replay(number, Attempt(TARGET, NOW, ACCEPTED), is_unchanged=True)
    assert [queued.forward.target for queued in store.queue()] == [OTHER]
    assert len(store.attempts(number)) == 3


def test_event_is_accepted_whichever_delivery_the_target_got(store: DeliveryStore) -> None:
    """Otherwise, a retry of the refused delivery would send the event again."""
    first, second = incoming("evt_1"), incoming("evt_1")
    other = incoming("evt_2", targets=[TARGET, OTHER])
    first.status, first.targets = 500, []
    store.store([first, other])
    store.record_relay(first.number, Attempt(TARGET, NOW, REFUSED), 500)
    store.store([second])
    assert second.queued_targets == [TARGET]
    lease = acquire_lease(store)
    record(store, next_pending(store), REFUSED, lease)
    record(store, next_pending(store), ACCEPTED, lease)
    lease.release()
    (given_up,) = store.queued_forwards(states=GIVEN_UP_STATES)
    assert (given_up.delivery, given_up.target) == (other.number, TARGET)


def test_valid_deliveries_exclude_those_stored_after_the_call(store: DeliveryStore) -> None:
    store.store([incoming("evt_1", targets=()), invalid("sha256-forged"), incoming("evt_2")])
    lease = acquire_lease(store)
    record(store, next_pending(store), UNREACHABLE, lease, due_at=NOW + 60)
    lease.release()
    selected = store.valid_deliveries(since=datetime.fromtimestamp(NOW, UTC))
    failed = store.valid_deliveries(only_failed=True)
    later = store.valid_deliveries(since=datetime.fromtimestamp(NOW + 1, UTC))
    # One that is sent to this receiver again is not selected in turn.
    store.store([incoming("evt_1", at=NOW + 1)])
    assert [item.id for item in selected] == ["evt_1", "evt_2"]
    assert [item.id for item in failed] == ["evt_2"]
    assert list(later) == []


def test_valid_deliveries_leave_out_what_was_deleted(store: DeliveryStore) -> None:
    store.store([incoming("evt_old", targets=())])
    selected = store.valid_deliveries()
    late = NOW + RETENTION_SECONDS + 1
    store.store([incoming(f"evt_{n}", at=late, targets=()) for n in range(1_000)])
    assert list(selected) == []


@pytest.mark.parametrize(("version", "hint"), [(1, "Use the version"), (99, "Update outreply")])
def test_file_of_another_version_is_kept(tmp_path: Path, version: int, hint: str) -> None:
    path = tmp_path / "webhooks.db"
    with closing(DeliveryStore(path)) as store:
        store.store([incoming("evt_queued")])
    set_version = "PRAGMA user_version = {}"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(set_version.format(version))
    with pytest.raises(StorageError) as raised:
        DeliveryStore(path)
    # Without the file, what is queued would not be forwarded.
    assert str(raised.value.hint).startswith(hint)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(set_version.format(2))
    with closing(DeliveryStore(path)) as store:
        assert queued_ids(store) == ["evt_queued"]


def test_valid_deliveries_have_no_limit(tmp_path: Path) -> None:
    with closing(DeliveryStore(tmp_path / "webhooks.db")) as store:
        for start in range(0, 10_500, 500):
            store.store([incoming(f"evt_{start + n}", targets=()) for n in range(500)])
        assert sum(1 for _ in store.valid_deliveries()) == 10_500


@pytest.mark.parametrize("is_accepted", [True, False])
def test_relayed_event_is_given_up_until_it_is_accepted(
    store: DeliveryStore, is_accepted: bool
) -> None:
    for result in (REFUSED, ACCEPTED if is_accepted else UNREACHABLE):
        delivery = incoming("evt_1", targets=[])
        store.store([delivery])
        store.record_relay(delivery.number, Attempt(TARGET, NOW, result), 500)
    assert len(store.list_given_up(NOW)) == (0 if is_accepted else 2)


def test_accepted_replay_of_a_redelivery_leaves_the_queue(store: DeliveryStore) -> None:
    first, second = incoming("evt_1"), incoming("evt_1")
    store.store([first])
    store.store([second, incoming("evt_2")])
    store.record_replay(second.number, Attempt(TARGET, NOW, ACCEPTED), is_unchanged=True)
    assert queued_ids(store) == ["evt_2"]


def test_queued_number_without_its_delivery_is_not_returned(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.db"
    with closing(DeliveryStore(path)) as store:
        store.store([incoming("evt_1"), incoming("evt_2")])
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("DELETE FROM deliveries WHERE number = 1")
        (length,) = store.queue_lengths()
        assert (length.count, length.oldest_at) == (2, NOW)
        assert [forward.delivery for forward in store.queued_forwards()] == [2]


def test_queue_lengths_count_deliveries_of_each_target(store: DeliveryStore) -> None:
    store.store([
        incoming("evt_1", at=NOW - 5),
        incoming("evt_2", targets=[TARGET, OTHER]),
        invalid("x"),
    ])  # fmt: skip
    lengths = [(queue.target, queue.count, queue.oldest_at) for queue in store.queue_lengths()]
    assert lengths == [(TARGET, 2, NOW - 5), (OTHER, 1, NOW)]
    assert [q.delivery.id for q in store.queue(target=OTHER)] == ["evt_2"]
    assert len(store.queue(limit=2)) == 2


def test_history_is_filtered_by_event_time_and_validity(store: DeliveryStore) -> None:
    store.store([
        incoming("evt_1", event="post.failed", at=NOW - 50, targets=()),
        incoming("evt_2", event="comment.received", targets=()),
        invalid("sha256-1"),
    ])  # fmt: skip

    def names(**options: object) -> list[str]:
        return [entry.delivery.id for entry in store.history(limit=9, **options)]  # type: ignore[arg-type]

    assert names(event="post.*") == ["evt_1"]
    assert names(event="*") == ["sha256-1", "evt_2", "evt_1"]
    assert names(since=datetime.fromtimestamp(NOW - 1, UTC)) == ["sha256-1", "evt_2"]
    assert names(only_invalid=True) == ["sha256-1"]
    assert names(predicate=lambda delivery: delivery.id == "evt_1") == ["evt_1"]


def test_filter_finds_deliveries_in_a_long_history(store: DeliveryStore) -> None:
    store.store([incoming(f"evt_{n}", targets=()) for n in range(1_200)])
    found = store.history(limit=3, predicate=lambda d: int(d.id.removeprefix("evt_")) < 100)
    assert [entry.delivery.id for entry in found] == ["evt_99", "evt_98", "evt_97"]


def test_version_changes_with_deliveries_attempts_and_queues(store: DeliveryStore) -> None:
    versions = [store.version()]
    store.store([incoming("evt_1"), incoming("evt_2")])
    versions.append(store.version())
    lease = acquire_lease(store)
    record(store, next_pending(store), REFUSED, lease, due_at=NOW + 60)
    versions.append(store.version())
    store.retry([store.queue()[0].forward], NOW + 1)
    versions.append(store.version())
    store.skip([store.queue()[0].forward], NOW)
    versions.append(store.version())
    assert len(set(versions)) == len(versions)
    assert store.version() == versions[-1]


def test_old_deliveries_are_pruned_unless_queued(store: DeliveryStore) -> None:
    old = NOW - RETENTION_SECONDS - 1
    store.store([incoming("evt_queued", at=old), incoming("evt_done", at=old, targets=())])
    store.store([incoming(f"evt_{n}", targets=()) for n in range(1_000)])
    assert store.find("evt_queued").id == "evt_queued"
    with pytest.raises(DeliveryNotFoundError):
        store.find("evt_done")
    store.store([invalid(f"sha256-{n}") for n in range(MAX_REJECTED + 10)])
    assert len(store.history(limit=1_000, only_invalid=True)) == MAX_REJECTED


def test_rejected_deliveries_are_pruned_with_their_attempts(store: DeliveryStore) -> None:
    store.store([invalid("sha256-replayed"), invalid("sha256-queued")])
    replayed, queued = (store.find(f"sha256-{name}") for name in ("replayed", "queued"))
    store.record_replay(replayed.number, Attempt(TARGET, NOW, REFUSED), is_unchanged=False)
    store.requeue(queued, TARGET, NOW)
    store.store([invalid(f"sha256-{n}") for n in range(MAX_REJECTED + 1)])
    with pytest.raises(DeliveryNotFoundError):
        store.find("sha256-replayed")
    assert store.attempts(replayed.number) == []
    # Someone asked for it to be forwarded.
    assert [entry.forward.delivery for entry in store.queue()] == [queued.number]
    assert store.find("sha256-queued").number == queued.number


def count_steps(path: Path, queued: int) -> int:
    """Return the SQLite steps of storing a rejected delivery."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(DeliveryStore(path)) as store:
        store.store([incoming(f"evt_{n}") for n in range(queued)])
        store.store([invalid(f"sha256-{n}") for n in range(MAX_REJECTED)])
        database = store._tables._db  # type: ignore[union-attr]
        database.set_progress_handler(step, 1)
        store.store([invalid("sha256-last")])
        database.set_progress_handler(None, 0)
    return steps


def test_rejected_delivery_costs_the_same_with_a_long_queue(tmp_path: Path) -> None:
    # Anyone who reaches the receiver can send one.
    few, many = count_steps(tmp_path / "few.db", 10), count_steps(tmp_path / "many.db", 1_000)
    assert many < 2 * few


def test_queue_has_no_limit(store: DeliveryStore) -> None:
    for start in range(0, 12_000, 2_000):
        store.store([incoming(f"evt_{n}") for n in range(start, start + 2_000)])
    (queue,) = store.queue_lengths()
    assert queue.count == 12_000
