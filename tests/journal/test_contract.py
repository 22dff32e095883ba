"""What a journal promises, in SQLite and in PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from outreply_cli.journal.journal import EntryChangedError, Journal, SlotTakenError
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.journal.models import (
    ComposedText,
    EntryState,
    EventAction,
    JournalEntry,
    JournalEntryDraft,
    StoredSchedule,
)
from outreply_cli.journal.transfer import add_rows, read_rows
from tests.postgres import open_migrated

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
AT = NOW + timedelta(days=1)
DRAFT = JournalEntryDraft(
    "account", "rows:1", "key:a@p1", 1, "p1", AT, {"message": "50 % off?", "scheduled_at": "x"},
    "print", "outreply-a",
)  # fmt: skip
OTHER = replace(DRAFT, row="key:b@p1", scheduled_at=AT + timedelta(hours=1), idempotency_key="b")


def plan(journal: Journal, draft: JournalEntryDraft = DRAFT) -> JournalEntry:
    (entry,) = journal.record_planned([draft])
    return entry


def test_entry_is_read_as_it_was_written(journal: Journal) -> None:
    first, second = journal.record_planned([DRAFT, OTHER])
    assert (first.state, first.body, first.scheduled_at) == (EntryState.PLANNED, DRAFT.body, AT)
    assert journal.entry(second.id) == second
    assert first.id < second.id
    (row, _) = journal.rows("account", "rows:1")
    assert (row.row, row.active, row.next_generation, row.unsent) == (DRAFT.row, None, 1, first)
    assert journal.rows("other", "rows:1") == []


def test_entry_is_found_by_its_state_throughout_its_life(journal: Journal) -> None:
    entry = plan(journal)
    journal.mark_sent(entry, NOW, "token")
    journal.mark_sent(entry, NOW + timedelta(minutes=1), "another")
    sent = journal.entry(entry.id)
    assert (sent.sent_at, sent.attempted_at, sent.token) == (
        NOW, NOW + timedelta(minutes=1), "token",
    )  # fmt: skip
    assert journal.has_unsettled
    assert journal.list_unsettled("account", "rows:1") == [sent]
    assert journal.list_unsettled() == [sent]
    assert journal.list_unsettled("account", "rows:2") == []
    journal.mark_done(entry, "post-1")
    assert journal.by_post_id("account", "post-1") == journal.entry(entry.id)
    assert journal.post_ids("account") == {"post-1"}
    assert [item.id for item in journal.pending_entries("account", NOW)] == [entry.id]
    assert [item.id for item in journal.due_entries("account", NOW, AT)] == [entry.id]
    journal.mark_cancelling(journal.entry(entry.id))
    journal.mark_cancelled(journal.entry(entry.id))
    assert journal.cancelled_post_ids("account") == {"post-1"}
    assert not journal.has_unsettled


def test_approvals_are_recorded_once_for_posts_that_exist(journal: Journal) -> None:
    journal.adopt(DRAFT, "post-1")
    plan(journal, OTHER)
    for _ in range(2):
        journal.record_approvals("account", ["post-1", "post-2"], "Zoë O'Neil", NOW)
    journal.record_approvals("other", ["post-1"], "Eve", NOW)
    journal.record_approvals("account", [], "Eve", NOW)
    (event,) = [event for event in journal.events() if event.action == EventAction.APPROVED]
    assert (event.at, event.id, event.row) == (NOW, "post-1", DRAFT.row)
    assert (event.user, event.host) == ("Zoë O'Neil", "")


def test_replacement_becomes_the_active_entry_of_its_row(journal: Journal) -> None:
    old = journal.adopt(DRAFT, "post-1")
    new = plan(journal, replace(DRAFT, generation=2, idempotency_key="k2", replaces=old.id))
    journal.mark_sent(new, NOW, "t")
    journal.mark_done(new, "post-2")
    assert journal.entry(old.id).state == EntryState.CANCELLING
    assert journal.get_replacement(old) == journal.entry(new.id)
    journal.mark_cancelled(journal.entry(old.id))
    (history,) = journal.rows("account", "rows:1")
    assert (history.active, history.next_generation) == (journal.entry(new.id), 3)


def test_entry_cancelled_first_is_restored_if_its_replacement_fails(journal: Journal) -> None:
    old = journal.adopt(DRAFT, "post-1")
    new = plan(journal, replace(DRAFT, generation=2, replaces=old.id))
    journal.mark_replacing(new)
    # Only the new version is listed.
    assert [entry.id for entry in journal.list_unsettled()] == [new.id]
    journal.mark_unsent(journal.entry(new.id), "another key")
    again = journal.entry(new.id)
    assert (again.state, again.idempotency_key) == (EntryState.SENT, "another key")
    journal.mark_sent(again, NOW, "t")
    restored = replace(DRAFT, generation=3, replaces=old.id)
    journal.mark_failed(again, "INVALID", "refused", instead=restored)
    assert journal.entry(new.id).error_code == "INVALID"
    newest = journal.get_replacement(old)
    assert newest is not None
    assert (newest.generation, newest.state) == (3, EntryState.SENT)


def test_unsent_entry_is_planned_again(journal: Journal) -> None:
    entry = plan(journal)
    journal.mark_sent(entry, NOW, "t")
    journal.mark_unsent(entry)
    planned = journal.entry(entry.id)
    assert (planned.state, planned.sent_at, planned.token) == (EntryState.PLANNED, None, None)


@pytest.mark.parametrize("change", ["send", "plan", "fail", "unsend"])
def test_settled_entry_is_not_changed(journal: Journal, change: str) -> None:
    entry = plan(journal)
    journal.mark_sent(entry, NOW, "t")
    journal.mark_done(entry, "post-1")
    changes: dict[str, Callable[[], object]] = {
        "send": lambda: journal.mark_sent(entry, NOW, "t"),
        "plan": lambda: journal.record_planned([OTHER, DRAFT]),
        "fail": lambda: journal.mark_failed(entry, "CODE", "text"),
        "unsend": lambda: journal.mark_unsent(entry),
    }
    before = journal.entry(entry.id)
    with pytest.raises(EntryChangedError):
        changes[change]()
    assert journal.entry(entry.id) == before
    # All or none.
    assert len(journal.rows("account", "rows:1")) == 1


def test_zones_of_a_calendar_are_kept_by_file_and_when_it_is_renamed(journal: Journal) -> None:
    assert journal.zones("account", "rows:1") == {}
    for file, zone in (("a.csv", "UTC"), ("b.csv", "UTC"), ("a.csv", "Europe/Paris")):
        journal.record_zone("account", "rows:1", file, zone)
    journal.rename_calendar("account", "rows:1", "name:launch")
    assert journal.zones("account", "name:launch") == {"a.csv": "Europe/Paris", "b.csv": "UTC"}
    assert journal.zones("other", "name:launch") == {}


def test_renamed_row_keeps_its_posts(journal: Journal) -> None:
    (entry,) = journal.record_planned([replace(DRAFT, row="old")], claim=True)
    journal.mark_separate("account", "old", ["7"])
    journal.rename_row("account", DRAFT.calendar, "old", "new")
    assert journal.entry(entry.id).row == "new"
    assert [history.row for history in journal.rows("account", DRAFT.calendar)] == ["new"]
    assert ("new", "7") in journal.separate_posts("account")
    # The slot is still its own.
    assert journal.record_planned([replace(DRAFT, row="new")], claim=True)
    with pytest.raises(SlotTakenError):
        journal.record_planned([replace(DRAFT, row="old")], claim=True)
    # Another row has had the name.
    plan(journal, replace(DRAFT, row="other"))
    journal.rename_row("account", DRAFT.calendar, "new", "other")
    assert journal.entry(entry.id).row == "new"


def test_calendars_have_their_last_file_and_can_be_renamed(journal: Journal) -> None:
    journal.record_calendar("account", "rows:1", "/a.csv")
    journal.record_calendar("account", "rows:1", "/b.csv")
    plan(journal, replace(DRAFT, calendar="posts --key k"))
    assert journal.calendars("account") == {"rows:1": "/b.csv"}
    assert not journal.knows_all_posts("account", "rows:1")
    journal.record_all_known("account", "rows:1")
    assert journal.knows_all_posts("account", "rows:1")
    entry = plan(journal)
    journal.rename_calendar("account", "rows:1", "name:launch")
    assert journal.entry(entry.id).calendar == "name:launch"
    assert set(journal.calendars("account")) == {"name:launch"}


def test_entries_are_found_by_time_and_by_row(journal: Journal) -> None:
    assert journal.entries_at("account", [("p1", AT)]) == []
    first, second = journal.record_planned([DRAFT, OTHER])
    many = [("p1", AT + timedelta(days=n)) for n in range(900)]
    assert journal.entries_at("account", [("p2", AT), *many]) == [first]
    assert journal.entries_for_rows("account", [OTHER.row, "x"]) == [second]


def test_separate_posts_are_recorded_once(journal: Journal) -> None:
    journal.mark_separate("account", "row", ["post-1", "post-2"])
    journal.mark_separate("account", "row", ["post-2"])
    assert journal.separate_posts("account") == {("row", "post-1"), ("row", "post-2")}


def test_claimed_slot_is_taken_until_its_entry_fails(open_journal: Callable[[], Journal]) -> None:
    first, second = open_journal(), open_journal()
    first.set_slots("account", "page", "p1", StoredSchedule("mon 09:00", "UTC"))
    first.set_slots("account", "page", "p1", StoredSchedule("tue 09:00", "UTC"))
    assert second.slot_schedules("account") == {("page", "p1"): StoredSchedule("tue 09:00", "UTC")}
    first.clear_slots("account", "page", "p1")
    assert second.slot_schedules("account") == {}
    (entry,) = first.record_planned([DRAFT], claim=True)
    with pytest.raises(SlotTakenError):
        second.record_planned([replace(OTHER, scheduled_at=AT)], claim=True)
    assert second.entries_for_rows("account", [OTHER.row]) == []
    (claim,) = second.slot_claims("account", NOW)
    assert (claim.row, claim.is_claim, claim.entry_id) == (DRAFT.row, True, entry.id)
    first.mark_failed(entry, "CODE", "text")
    assert second.slot_claims("account", NOW) == []


def test_slots_claimed_in_opposite_orders_do_not_deadlock(
    open_journal: Callable[[], Journal],
) -> None:
    drafts = [replace(DRAFT, row=f"r{n}", scheduled_at=AT + timedelta(hours=n)) for n in range(40)]
    errors: list[Exception] = []

    def claim(name: str, wanted: list[JournalEntryDraft]) -> None:
        try:
            open_journal().record_planned(
                [replace(draft, calendar=name) for draft in wanted], claim=True
            )
        except SlotTakenError as error:
            errors.append(error)

    threads = [
        Thread(target=claim, args=("one", drafts)), Thread(target=claim, args=("two", drafts[::-1]))
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1


def test_text_that_a_database_cannot_store_is_escaped(journal: Journal) -> None:
    entry = plan(journal)
    journal.mark_failed(entry, "CODE", "bad\x00 \ud800 text")
    assert journal.entry(entry.id).error == "bad \\ud800 text"


def test_copy_keeps_the_post_that_one_of_both_has(open_journal: Callable[[], Journal]) -> None:
    journal = open_journal()
    journal.record_calendar("account", "rows:1", "/a.csv")
    journal.record_all_known("account", "rows:1")
    journal.adopt(DRAFT, "post-1")
    failed, planned = journal.record_planned([OTHER, replace(DRAFT, row="planned")])
    journal.mark_failed(failed, "CODE", "refused")
    copy = read_rows(journal)
    # Since then, here: one post was made, and another one has another ID.
    journal.record_planned([OTHER])
    journal.mark_done(journal.entry(failed.id), "post-2")
    rows = {table: [dict(row) for row in items] for table, items in copy.items()}
    entries = {row["id"]: row for row in rows["entries"]}
    entries[planned.id] |= {"state": "done", "post_id": "post-3"}
    rows["entries"].append({**entries[planned.id], "id": 99, "row": "new", "replaces": planned.id})
    report = add_rows(journal, rows)
    assert (report.added, report.present) == (2, 2)
    assert report.different == ["rows:1: key:b@p1"]
    assert journal.post_ids("account") == {"post-1", "post-2", "post-3"}
    # The journal does not know what was sent since the copy was made.
    assert not journal.knows_all_posts("account", "rows:1")
    (new,) = journal.entries_for_rows("account", ["new"])
    assert new.replaces == planned.id


def test_copy_completes_the_posts_that_a_journal_has_planned(
    open_journal: Callable[[], Journal], tmp_path: Path
) -> None:
    journal, other = open_journal(), Journal(tmp_path / "other" / "journal.db")
    plan(journal)
    journal.record_calendar("account", "rows:1", "/a.csv")
    journal.record_all_known("account", "rows:1")
    other.mark_done(plan(other), "post-1")
    other.mark_upload("account", "sha", NOW, "media-1", name="a.jpg")
    for added in (1, 0):
        report = add_rows(journal, read_rows(other))
        assert (report.added, report.present) == (added, 1 - added)
        assert [event.id for event in journal.events()] == ["post-1"]
        assert journal.media_names() == {"media-1": "a.jpg"}
    other.close()


def test_copy_leaves_an_entry_that_is_sent_meanwhile(postgres_url: str, tmp_path: Path) -> None:
    journal, other = open_migrated(postgres_url), Journal(tmp_path / "other" / "journal.db")
    entry = plan(journal)
    other.mark_done(plan(other), "post-1")
    copy = read_rows(other)
    with (
        closing(journal),
        closing(other),
        psycopg.connect(postgres_url) as run,
        ThreadPoolExecutor() as threads,
    ):
        run.execute("UPDATE outreply.entries SET state = 'sent' WHERE id = %s", (entry.id,))
        adding = threads.submit(add_rows, journal, copy)
        while not run.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert not adding.done()
        run.commit()
        adding.result()
        assert journal.entry(entry.id).state == EntryState.SENT


def test_copy_that_adds_no_entry_adds_nothing(journal: Journal) -> None:
    journal.adopt(DRAFT, "post-1")
    journal.set_slots("account", "page", "p1", StoredSchedule("mon 09:00", "UTC"))
    copy = read_rows(journal)
    journal.clear_slots("account", "page", "p1")
    add_rows(journal, copy)
    assert journal.slot_schedules("account") == {}


def test_uploads_are_found_until_replaced_or_forgotten(journal: Journal) -> None:
    journal.mark_upload("account", "sha", NOW)
    assert journal.find_upload("account", "sha") == (None, NOW)
    journal.mark_upload("account", "sha", NOW, "media-1", name="a.jpg")
    journal.mark_upload("account", "sha", NOW, "media-2", name="b.jpg")
    assert journal.find_upload("account", "sha") == ("media-2", NOW)
    assert journal.media_ids("account") == {"media-1", "media-2"}
    assert journal.media_ids("account", NOW) == {"media-1", "media-2"}
    assert journal.media_ids("account", NOW + timedelta(seconds=1)) == set()
    assert journal.media_names() == {"media-1": "a.jpg", "media-2": "b.jpg"}
    journal.mark_upload("account", "real", NOW, "media-3", name="c", replaces="sha")
    assert journal.find_upload("account", "sha") is None
    journal.forget_upload("account", "real")
    assert journal.find_upload("account", "real") is None


def test_lock_of_a_calendar_excludes_other_processes(open_journal: Callable[[], Journal]) -> None:
    first, second = open_journal(), open_journal()
    with first.lock("account", "rows:1", wait=0), second.lock("account", "rows:2", wait=0):
        with (
            pytest.raises(CalendarBusyError, match="another process is working"),
            second.lock("account", "rows:1", wait=0),
        ):
            pass
        # What its holder does is not prevented.
        plan(first)
    with second.lock("account", "rows:1", wait=0):
        pass


def test_composed_texts_are_kept_once(journal: Journal) -> None:
    first = ComposedText("rows:1", "p1@x#0", AT, "digest", "First")
    journal.keep_texts("account", [first])
    journal.keep_texts("account", [first._replace(text="Second")])
    assert journal.composed_texts("account") == [first]
    assert journal.composed_texts("other") == []
    moved = first._replace(row="p1@y#0", scheduled_at=NOW)
    journal.keep_texts("account", [moved], replaced=[first])
    assert journal.composed_texts("account") == [moved]
    journal.rename_calendar("account", "rows:1", "name:june")
    assert journal.composed_texts("account") == [moved._replace(calendar="name:june")]
    assert read_rows(journal)["composed_texts"][0]["text"] == "First"
