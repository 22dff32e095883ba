"""Leases of calendars in a team's store, and lost connections."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.journal import postgres
from outreply_cli.journal.journal import EntryChangedError
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.journal.models import EntryState, JournalEntryDraft
from outreply_cli.journal.postgres import LeaseLostError, PostgresJournal
from outreply_cli.storage.postgres import PostgresDatabase, measure
from outreply_cli.storage.team_schema import VERSION, StoreSetupError, migrate
from tests.clocks import ManualClock
from tests.postgres import open_migrated, run_sql, start_own_server

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DRAFT = JournalEntryDraft(
    "account", "rows:1", "key:a@p1", 1, "p1", NOW + timedelta(days=1), {"message": "Hi"}, "f", "k"
)


@pytest.fixture
def journals(postgres_url: str) -> Iterator[tuple[PostgresJournal, PostgresJournal]]:
    with closing(open_migrated(postgres_url)) as first, closing(open_migrated(postgres_url)) as two:
        yield first, two


def expire(url: str) -> None:
    run_sql(url, "UPDATE outreply.leases SET expires_at = clock_timestamp() - interval '1 s'")


CHANGES: dict[str, Callable[[PostgresJournal, Any], object]] = {
    "send": lambda journal, entry: journal.mark_sent(entry, NOW, "t"),
    "done": lambda journal, entry: journal.mark_done(entry, "post-1"),
    "failed": lambda journal, entry: journal.mark_failed(entry, "CODE", "text"),
    "plan": lambda journal, _: journal.record_planned([replace(DRAFT, row="other")]),
    "adopt": lambda journal, _: journal.adopt(replace(DRAFT, row="other"), "post-2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_stopped_holder_records_nothing_after_a_takeover(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str, change: str
) -> None:
    first, second = journals
    with first.lock("account", "rows:1", wait=0):
        (entry,) = first.record_planned([DRAFT])
        expire(postgres_url)
        with second.lock("account", "rows:1", wait=0):
            with pytest.raises(LeaseLostError, match="taken over"):
                CHANGES[change](first, entry)
            # The new holder works on.
            second.mark_sent(second.entry(entry.id), NOW, "t")
    assert second.entry(entry.id).state == EntryState.SENT
    assert len(second.rows("account", "rows:1")) == 1
    assert second.leases() == []


@pytest.mark.parametrize("change", ["send", "done", "failed"])
def test_entry_with_the_id_of_a_lost_one_stays_as_it_is(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str, change: str
) -> None:
    first, second = journals
    with first.lock("account", "rows:1", wait=0), second.lock("account", "rows:2", wait=0):
        (entry,) = first.record_planned([DRAFT])
        # As in a copy of the database that takes over.
        run_sql(postgres_url, "TRUNCATE outreply.entries RESTART IDENTITY CASCADE")
        (other,) = second.record_planned([replace(DRAFT, calendar="rows:2", row="key:b@p1")])
        assert other.id == entry.id
        with pytest.raises(EntryChangedError):
            CHANGES[change](first, entry)
    assert second.entry(other.id) == other


class StepClock(ManualClock):
    """A clock that takes one of some steps whenever a command waits."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self._steps = list(steps)

    def sleep(self, seconds: float) -> None:
        self._steps.pop(0)()
        super().sleep(seconds)


def test_waiting_process_outlasts_a_restart_of_the_database() -> None:
    server = start_own_server()
    with closing(open_migrated(server.url)) as first:
        clock = StepClock(server.stop, server.start, lambda: expire(server.url))
        database = PostgresDatabase(server.url)
        with (
            closing(PostgresJournal(database, clock=clock)) as second,
            first.lock("account", "rows:1", wait=0),
        ):
            with second.lock("account", "rows:1", wait=60):
                pass
            server.stop()
            # It was not waiting yet.
            with pytest.raises(StorageError), second.lock("account", "rows:1", wait=60):
                pass


def test_release_of_a_lost_lease_does_not_release_the_new_one(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str
) -> None:
    first, second = journals
    with first.lock("account", "rows:1", wait=0):
        expire(postgres_url)
        lock = second.lock("account", "rows:1", wait=0)
        lock.__enter__()
    (lease,) = second.leases()
    assert lease.calendar == "rows:1"
    assert lease.holder.endswith(f"pid {os.getpid()}")
    lock.__exit__(None, None, None)


def test_expired_lease_is_held_until_it_is_taken_over(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str
) -> None:
    first, _ = journals
    with first.lock("account", "rows:1", wait=0):
        expire(postgres_url)
        first.record_planned([DRAFT])
    assert len(first.rows("account", "rows:1")) == 1


def test_thread_that_goes_on_after_the_lock_records_nothing(
    journals: tuple[PostgresJournal, PostgresJournal],
) -> None:
    first, second = journals
    with first.lock("account", "rows:1", wait=0):
        (entry,) = first.record_planned([DRAFT])
    with pytest.raises(LeaseLostError):
        first.mark_sent(entry, NOW, "t")
    with second.lock("account", "rows:1", wait=0), pytest.raises(LeaseLostError):
        first.check_lease("account", "rows:1")
    with first.lock("account", "rows:1", wait=0):
        first.mark_sent(entry, NOW, "t")


def test_fence_of_a_restored_database_is_not_reused(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str
) -> None:
    first, second = journals
    with first.lock("account", "rows:1", wait=0):
        (entry,) = first.record_planned([DRAFT])
        run_sql(postgres_url, "UPDATE outreply.leases SET fence = 0, expires_at = '-infinity'")
        with (
            second.lock("account", "rows:1", wait=0),
            pytest.raises(LeaseLostError),
        ):
            first.mark_sent(entry, NOW, "t")


def test_closed_journal_is_not_opened_again(
    journals: tuple[PostgresJournal, PostgresJournal],
) -> None:
    journal, _ = journals
    journal.close()
    with pytest.raises(StorageError, match="the connection is closed"):
        journal.has_unsettled  # noqa: B018 - raises


def test_invalid_stored_value_is_a_storage_error(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str
) -> None:
    journal, _ = journals
    journal.record_planned([DRAFT])
    run_sql(postgres_url, "UPDATE outreply.entries SET body = 'not JSON'")
    with pytest.raises(StorageError, match="a stored value is invalid"):
        journal.rows("account", "rows:1")


def test_role_without_privileges_is_an_error(postgres_url: str) -> None:
    open_migrated(postgres_url).close()
    role = f"r{os.getpid()}"
    run_sql(postgres_url, f"CREATE ROLE {role} LOGIN")
    url = postgres_url.replace("postgres:@", f"{role}@")
    try:
        with pytest.raises(StoreSetupError, match="is not allowed to use the schema outreply"):
            PostgresJournal(PostgresDatabase(url))
        run_sql(postgres_url, f"GRANT USAGE ON SCHEMA outreply TO {role}")
        run_sql(postgres_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA outreply TO {role}")
        with closing(PostgresDatabase(url)) as database:
            # It may not create schemas, and need not.
            assert migrate(database) == (VERSION, VERSION)
            assert "entries" in measure(database, ManualClock()).missing_privileges
        with closing(PostgresJournal(PostgresDatabase(url))) as journal:
            with pytest.raises(StorageError, match="permission denied"):
                journal.record_planned([DRAFT])
    finally:
        run_sql(postgres_url, f"DROP OWNED BY {role}")
        run_sql(postgres_url, f"DROP ROLE {role}")


def test_lease_is_renewed(
    journals: tuple[PostgresJournal, PostgresJournal],
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = journals
    monkeypatch.setattr(postgres, "RENEW_SECONDS", 0.01)
    with first.lock("account", "rows:1", wait=0):
        (before,) = second.leases()
        run_sql(postgres_url, "UPDATE outreply.leases SET expires_at = expires_at - interval '9 s'")
        while second.leases()[0].expires_at <= before.expires_at:
            pass
    assert second.leases() == []


def test_lease_is_waited_for_until_it_is_released(
    journals: tuple[PostgresJournal, PostgresJournal], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = journals
    monkeypatch.setattr(postgres, "_POLL_SECONDS", 0.01)
    entered = threading.Event()

    def take() -> None:
        with second.lock("account", "rows:1", wait=60):
            entered.set()

    with first.lock("account", "rows:1", wait=0):
        with (
            pytest.raises(CalendarBusyError, match=r"another process is working .*pid \d+"),
            second.lock("account", "rows:1", wait=0),
        ):
            pass
        thread = threading.Thread(target=take)
        thread.start()
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()


def test_closed_connection_is_opened_again(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str
) -> None:
    journal, _ = journals
    with journal.lock("account", "rows:1", wait=0):
        (entry,) = journal.record_planned([DRAFT])
        terminate(postgres_url)
        journal.mark_sent(entry, NOW, "t")
        assert journal.entry(entry.id).state == EntryState.SENT


def test_connection_lost_in_a_change_records_nothing(
    journals: tuple[PostgresJournal, PostgresJournal], postgres_url: str
) -> None:
    journal, other = journals
    (entry,) = journal.record_planned([DRAFT])

    def change() -> None:
        with journal.tables.change_without_timeout() as db:
            db.execute("UPDATE entries SET state = 'sent' WHERE id = ?", (entry.id,))
            terminate(postgres_url)
            db.execute("UPDATE entries SET state = 'done' WHERE id = ?", (entry.id,))

    with pytest.raises(StorageError, match="cannot be used"):
        change()
    assert other.entry(entry.id).state == EntryState.PLANNED


def terminate(url: str) -> None:
    run_sql(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_store_that_is_not_set_up_is_an_error(postgres_url: str) -> None:
    with pytest.raises(StoreSetupError, match="is not set up") as caught:
        PostgresJournal(PostgresDatabase(postgres_url))
    assert caught.value.hint == "Run: outreply store migrate"


def test_migration_is_repeatable_and_refuses_newer_stores(postgres_url: str) -> None:
    with closing(PostgresDatabase(postgres_url)) as database:
        check_versions(database, postgres_url)


def check_versions(database: PostgresDatabase, postgres_url: str) -> None:
    def open_again() -> PostgresJournal:
        return PostgresJournal(PostgresDatabase(postgres_url))

    assert migrate(database) == (0, VERSION)
    assert migrate(database) == (VERSION, VERSION)
    # A newer version that this one can still use.
    run_sql(postgres_url, "UPDATE outreply.schema_version SET version = version + 1")
    open_again().close()
    assert migrate(database) == (VERSION + 1, VERSION + 1)
    run_sql(postgres_url, "UPDATE outreply.schema_version SET oldest_client = version")
    for use in (lambda: migrate(database), open_again):
        with pytest.raises(StoreSetupError, match="newer version of outreply"):
            use()
    run_sql(postgres_url, "UPDATE outreply.schema_version SET version = 0, oldest_client = 0")
    with pytest.raises(StoreSetupError, match="schema of an older version"):
        open_again()


def test_concurrent_migrations_run_once(postgres_url: str) -> None:
    databases = [PostgresDatabase(postgres_url) for _ in range(6)]
    found: list[tuple[int, int]] = []
    threads = [
        threading.Thread(target=lambda item=item: found.append(migrate(item))) for item in databases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(0, VERSION), *[(VERSION,) * 2] * 5]
    for database in databases:
        database.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://me:hunter22@127.0.0.1:1/team", "refused"),
        ("postgresql://me:hunter22@[::1", "the store URL is invalid"),
        ("postgresql://me:hunter22@127.0.0.1/team?nothing=1", "the store URL is invalid"),
        # Characters of a password that must be escaped.
        ("postgresql://me:hunter22/x@127.0.0.1:1/team", "the store URL is invalid"),
        ("postgresql://me:x@hunter22@127.0.0.1:1/team", "the store URL is invalid"),
        ("postgresql://me:x/hunter22@127.0.0.1/team", "the store URL is invalid"),
    ],
)
def test_password_is_not_in_errors(url: str, reason: str) -> None:
    with pytest.raises((StorageError, InvalidInputError), match=reason) as caught:
        PostgresJournal(PostgresDatabase(url))
    assert "hunter22" not in f"{caught.value.text}{caught.value.details}{caught.value!r}"


_HOLD = """
import sys
from outreply_cli.journal.postgres import PostgresJournal
from outreply_cli.storage.postgres import PostgresDatabase, measure
journal = PostgresJournal(PostgresDatabase(sys.argv[1]))
with journal.lock("account", "rows:1", wait=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def run_holder(url: str) -> Iterator["subprocess.Popen[str]"]:
    """Run another process that holds the lease until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_lease_of_a_killed_process_expires(postgres_url: str) -> None:
    with closing(open_migrated(postgres_url)) as journal:
        with run_holder(postgres_url) as holder:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        with (
            pytest.raises(CalendarBusyError, match=f"pid {holder.pid}"),
            journal.lock("account", "rows:1", wait=0),
        ):
            pass
        expire(postgres_url)
        with journal.lock("account", "rows:1", wait=0):
            pass
