"""Rows of calendars without a time: each takes the next free slot of its page, once."""

import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import Snapshot
from tests.bulk.killable_run import RunConfig, run_here, run_in_process, start_process
from tests.bulk.test_bulk_schedule import count_writes, get_report, get_summary, write_csv
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result

PAGE = "instagram:acme"
SLOTS = "mon-fri 09:00,17:30"
# The first ones after Mon 23 Nov 2026 12:00 UTC.
TIMES = (
    "2026-11-23T16:30", "2026-11-24T08:00", "2026-11-24T16:30", "2026-11-25T08:00",
    "2026-11-25T16:30", "2026-11-26T08:00",
)  # fmt: skip
TEXT = "Our shop opens at nine on Saturday, wiht coffee for everyone"
CORRECTED = TEXT.replace("wiht", "with")


@pytest.fixture(autouse=True)
def _elite(emulator: EmulatorServer) -> Iterator[None]:
    snapshot = Snapshot(emulator)
    snapshot.restore(emulator)
    yield
    snapshot.close()


@pytest.fixture
def slots(cli: CommandLine) -> CommandLine:
    ran = cli.run("slots", "set", PAGE, SLOTS)
    assert ran.code == 0, ran.err
    return cli


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    return tmp_path / "calendar.csv"


def write(path: Path, rows: Sequence[tuple[str, str]], page: str = PAGE, at: str = "") -> None:
    """Write rows, given by their keys and texts, without a time."""
    write_csv(
        path,
        [{"key": key, "page": page, "scheduled_at": at, "message": text} for key, text in rows],
    )


def times(client: Client) -> dict[str, str]:
    """Return the time of each scheduled post by its text; each text is that of one post."""
    posts = client.scheduled_posts().items
    found = {str(post["message"]): str(post["scheduled_at"])[:16] for post in posts}
    assert len(found) == len(posts)
    return found


def schedule(cli: CommandLine, calendar: Path, *options: str) -> Result:
    return cli.run("bulk", "schedule", str(calendar), "--json", *options)


def lose_journal(cli: CommandLine) -> None:
    shutil.rmtree(cli.home / "state")
    assert cli.run("slots", "set", PAGE, SLOTS).code == 0


@pytest.mark.parametrize("at", ["", "next-slot", "Next-Slot"])
def test_rows_take_slots_in_the_order_of_the_file(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer, at: str
) -> None:
    write(calendar, [("b", "Two"), ("", "One"), ("a", "Three")], at=at)
    dry = schedule(slots, calendar, "--dry-run")
    assert [row["scheduled_at"][:16] for row in get_report(dry)["rows"]] == list(TIMES[:3])
    assert count_writes(emulator) == 0
    ran = schedule(slots, calendar)
    assert (ran.code, get_summary(ran)) == (0, {"created": 3}), ran.err
    assert times(client) == dict(zip(("Two", "One", "Three"), TIMES, strict=False))
    before = count_writes(emulator)
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 3}
    # The order of the file does not matter any more.
    write(calendar, [("a", "Three"), ("", "One"), ("b", "Two")], at=at)
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 3}
    assert count_writes(emulator) == before


def test_row_without_a_time_takes_a_slot_in_yaml_and_csv(
    slots: CommandLine, tmp_path: Path, client: Client
) -> None:
    yaml = tmp_path / "c.yaml"
    yaml.write_text(f"posts:\n  - {{page: '{PAGE}', message: One}}\n")
    assert get_summary(schedule(slots, yaml)) == {"created": 1}
    plain = tmp_path / "plain.csv"
    plain.write_text(f"page,message\n{PAGE},Two\n")
    assert get_summary(schedule(slots, plain)) == {"created": 1}
    assert times(client) == {"One": TIMES[0], "Two": TIMES[1]}


def test_slots_of_a_page_override_those_of_its_brand(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    assert cli.run("slots", "set", "brand:Acme Co.", "daily 12:00").code == 0
    write(calendar, [("a", "One")], page=f"{PAGE};facebook:acme")
    assert cli.run("slots", "set", PAGE, SLOTS).code == 0
    assert get_summary(schedule(cli, calendar)) == {"created": 2}
    found = sorted(str(post["scheduled_at"])[:16] for post in client.scheduled_posts().items)
    assert found == [TIMES[0], "2026-11-24T11:00"]


def test_row_without_time_or_slots_is_an_error(cli: CommandLine, calendar: Path) -> None:
    write(calendar, [("a", "One"), ("b", "Two")])
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    message = (
        "`scheduled_at` is required, for example 2026-12-24 18:00; or set slots: outreply slots "
        f"set {PAGE} "
    )
    assert f"{calendar}:2: scheduled_at: {message}" in ran.err
    assert f"{calendar}:3: scheduled_at: {message}" in ran.err
    assert "2 problems" in ran.err


def test_rows_without_a_free_slot_are_left_to_later_runs(
    cli: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    assert cli.run("slots", "set", PAGE, "mon 09:00").code == 0
    write(calendar, [("", f"Row {n}") for n in range(12)])
    ran = schedule(cli, calendar)
    assert get_summary(ran) == {"created": 10}, ran.err
    assert "2 rows have no free slot within 75 days; later runs schedule them" in ran.err
    again = schedule(cli, calendar)
    assert get_summary(again) == {"unchanged": 10}
    assert "2 rows have no free slot" in again.err
    emulator_clock.advance(7 * 86_400)
    assert get_summary(schedule(cli, calendar)) == {"created": 1, "unchanged": 10}
    assert times(client)["Row 10"] == "2027-02-08T08:00"


def test_row_after_rows_without_a_free_slot_is_paired(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    assert cli.run("slots", "set", PAGE, "mon 09:00").code == 0
    (page,) = client.pages(platform="linkedin").items
    post = client.schedule(
        {"page_id": page["id"], "message": TEXT, "scheduled_at": "2026-12-24T09:00:00Z"}
    ).post
    rows = [{"page": PAGE, "scheduled_at": "", "message": f"Row {number}"} for number in range(12)]
    row = {"page": page["id"], "scheduled_at": "2026-12-24T09:00Z", "message": CORRECTED}
    write_csv(calendar, [*rows, row])
    assert get_summary(schedule(cli, calendar)) == {"created": 10, "unknown": 1}
    ran = cli.run("bulk", "reconcile", str(calendar), "--yes", "--json")
    assert ran.code == 0, ran.err
    (paired,) = json.loads(ran.out)["rows"]
    assert (paired["line"], paired["action"], paired["id"]) == (14, "pair", post["id"])
    assert get_summary(schedule(cli, calendar)) == {"changed": 1, "unchanged": 10}


def test_taken_times_are_skipped(slots: CommandLine, calendar: Path, client: Client) -> None:
    (page,) = client.pages(platform="instagram").items
    client.schedule({"page_id": page["id"], "message": "x", "scheduled_at": f"{TIMES[0]}:45Z"})
    client.schedule({"page_id": page["id"], "message": "y", "scheduled_at": f"{TIMES[1]}:00Z"})
    write_csv(
        calendar,
        [
            {"key": "n", "page": PAGE, "scheduled_at": "next-slot", "message": "New"},
            {"key": "t", "page": PAGE, "scheduled_at": "2026-11-24 17:30", "message": "Timed"},
        ],
    )
    # The page has posts that no row claims: which row is new is the user's to say.
    assert get_summary(schedule(slots, calendar)) == {"created": 1, "unknown": 1}
    assert slots.run("bulk", "reconcile", str(calendar), "--new", "2").code == 0
    assert get_summary(schedule(slots, calendar)) == {"created": 1, "unchanged": 1}
    assert times(client)["New"] == TIMES[3]


def test_edited_row_keeps_its_time(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    write(calendar, [("a", "Alpha"), ("", "A text without a key"), ("", "Something else")])
    schedule(slots, calendar)
    write(
        calendar,
        [("", "Before all others"), ("a", "Omega"), ("", "A text without a keyy"),
         ("", "Something else")],
    )  # fmt: skip
    ran = schedule(slots, calendar)
    assert get_summary(ran) == {"created": 1, "changed": 2, "unchanged": 1}, ran.err
    assert times(client) == {
        "Omega": TIMES[0],
        "A text without a keyy": TIMES[1],
        "Something else": TIMES[2],
        "Before all others": TIMES[3],
    }
    before = count_writes(emulator)
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 4}
    assert count_writes(emulator) == before


@pytest.mark.parametrize("texts", [["Sale of thirty percent"], ["New", "Sale of thirty percent"]])
def test_file_with_edited_texts_only_is_the_same_calendar(
    slots: CommandLine, calendar: Path, client: Client, texts: list[str]
) -> None:
    write(calendar, [("", "Sale of twenty percent")])
    schedule(slots, calendar)
    write(calendar, [("", text) for text in texts])
    assert schedule(slots, calendar).code == 0
    assert times(client) == dict(zip(reversed(texts), TIMES, strict=False))


def test_other_texts_in_the_same_file_are_another_calendar(
    slots: CommandLine, calendar: Path, client: Client
) -> None:
    write(calendar, [("", "Sale of twenty percent")])
    schedule(slots, calendar)
    write(calendar, [("", "We are hiring a baker")])
    assert get_summary(schedule(slots, calendar, "--prune")) == {"created": 1}
    assert len(times(client)) == 2


@pytest.mark.parametrize("key", ["", "k"])
def test_tagged_links_keep_their_times(
    slots: CommandLine, calendar: Path, client: Client, key: str
) -> None:
    texts = [f"{word} https://a.example/{word[0]}" for word in ("Yo", "Hi", "Ho")]
    write(calendar, [(key and f"{key}{n}", text) for n, text in enumerate(texts)])
    schedule(slots, calendar)
    # A row that is removed must not shift the others.
    write(calendar, [(key and f"{key}{n}", text) for n, text in enumerate(texts) if n])
    tags = "source={platform},campaign=autumn-sale-2026"
    ran = schedule(slots, calendar, "--utm", tags, "--prune", "--max-cancel", "1")
    assert get_summary(ran) == {"changed": 2, "cancelled": 1}
    suffix = "?utm_source=instagram&utm_campaign=autumn-sale-2026"
    assert times(client) == {
        f"{text}{suffix}": at for text, at in zip(texts[1:], TIMES[1:], strict=False)
    }


@pytest.mark.parametrize("is_first", [True, False])
def test_new_row_with_an_earlier_text_of_another_row_is_created(
    slots: CommandLine, calendar: Path, client: Client, is_first: bool
) -> None:
    write(calendar, [("", "Sale of twenty percent"), ("", "Fixed")])
    schedule(slots, calendar)
    edited = [("", "Sale of thirty percent"), ("", "Fixed")]
    write(calendar, edited)
    assert get_summary(schedule(slots, calendar)) == {"changed": 1, "unchanged": 1}
    again = ("", "Sale of twenty percent")
    rows = [again, *edited] if is_first else [*edited, again]
    write(calendar, rows)
    assert get_summary(schedule(slots, calendar)) == {"created": 1, "unchanged": 2}
    names = ("Sale of thirty percent", "Fixed", "Sale of twenty percent")
    assert times(client) == dict(zip(names, TIMES, strict=False))
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 3}
    write(calendar, [again, edited[1]])
    ran = schedule(slots, calendar, "--prune", "--max-cancel", "1")
    assert get_summary(ran) == {"unchanged": 2, "cancelled": 1}
    assert times(client) == dict(zip(names[1:], TIMES[1:], strict=False))


def test_published_rows_are_not_sent_again(
    slots: CommandLine, calendar: Path, emulator_clock: ManualClock, emulator: EmulatorServer
) -> None:
    write(calendar, [("a", "One"), ("", "Two")])
    schedule(slots, calendar)
    before = count_writes(emulator)
    for days in (2, 30):
        emulator_clock.advance(days * 86_400)
        assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    assert slots.run("slots", "clear", PAGE).code == 0
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    assert count_writes(emulator) == before


def test_equal_rows_make_separate_posts(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    write(calendar, [("", "Same"), ("", "Same")])
    assert get_summary(schedule(slots, calendar)) == {"created": 2}
    posts = client.scheduled_posts().items
    assert sorted(str(post["scheduled_at"])[:16] for post in posts) == list(TIMES[:2])
    before = count_writes(emulator)
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    assert count_writes(emulator) == before


def test_time_written_into_the_file_by_hand_changes_nothing(
    slots: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    write(calendar, [("a", "One"), ("", "Two")])
    schedule(slots, calendar)
    before = count_writes(emulator)
    write_csv(
        calendar,
        [
            {"key": "a", "page": PAGE, "scheduled_at": "2026-11-23 17:30", "message": "One"},
            {"key": "", "page": PAGE, "scheduled_at": "2026-11-24 09:00", "message": "Two"},
        ],
    )
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    # And back.
    write(calendar, [("a", "One"), ("", "Two")])
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    assert count_writes(emulator) == before


def test_rescheduled_post_keeps_its_new_time(
    slots: CommandLine, calendar: Path, client: Client
) -> None:
    write(calendar, [("a", "One"), ("", "Two")])
    ids = [row["id"] for row in get_report(schedule(slots, calendar))["rows"]]
    for post_id, at in zip(ids, ("2026-12-01 10:00", "2026-12-02 10:00"), strict=True):
        assert slots.run("posts", "reschedule", post_id, "--at", at).code == 0
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    assert times(client) == {"One": "2026-12-01T09:00", "Two": "2026-12-02T09:00"}


def test_cancelled_rows_take_their_own_slots_again(
    slots: CommandLine, calendar: Path, client: Client
) -> None:
    write(calendar, [("a", "One"), ("", "Two"), ("b", "Three")])
    schedule(slots, calendar)
    before = times(client)
    assert slots.run("bulk", "cancel", str(calendar), "--yes").code == 0
    assert times(client) == {}
    assert get_summary(schedule(slots, calendar)) == {"created": 3}
    assert times(client) == before


def test_removed_row_frees_its_slot_for_no_other_row(
    slots: CommandLine, calendar: Path, client: Client
) -> None:
    write(calendar, [("a", "One"), ("b", "Two")])
    schedule(slots, calendar)
    write(calendar, [("b", "Two"), ("c", "Three")])
    ran = schedule(slots, calendar, "--prune", "--max-cancel", "1")
    assert get_summary(ran) == {"created": 1, "unchanged": 1, "cancelled": 1}, ran.err
    assert times(client) == {"Two": TIMES[1], "Three": TIMES[2]}


def test_refused_row_releases_its_slot(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE pages SET expired = 1 WHERE username = 'acme'")
    write(calendar, [("a", "One")])
    assert schedule(slots, calendar).code == 2
    with emulator.state.transaction() as db:
        db.execute("UPDATE pages SET expired = 0")
    write(calendar, [("b", "Two")])
    assert get_summary(schedule(slots, calendar)) == {"created": 1}
    assert times(client) == {"Two": TIMES[0]}


def test_calendars_share_the_slots_of_a_page(
    slots: CommandLine, tmp_path: Path, client: Client
) -> None:
    for name in ("one", "two"):
        path = tmp_path / f"{name}.csv"
        # Keys belong to a calendar.
        write(path, [("a", f"{name} a"), ("", f"{name} b")])
        assert get_summary(schedule(slots, path, "--name", name)) == {"created": 2}
    assert times(client) == dict(zip(("one a", "one b", "two a", "two b"), TIMES, strict=False))
    for name in ("one", "two"):
        ran = schedule(slots, tmp_path / f"{name}.csv", "--name", name)
        assert get_summary(ran) == {"unchanged": 2}


def test_files_of_one_command_share_the_slots(
    slots: CommandLine, tmp_path: Path, client: Client
) -> None:
    paths = [tmp_path / f"{name}.yaml" for name in ("one", "two")]
    for path in paths:
        post = f"{{page: '{PAGE}', message: {path.stem}}}"
        path.write_text(f"name: {path.stem}\nposts:\n  - {post}\n")
    ran = slots.run("bulk", "schedule", *map(str, paths), "--json")
    assert get_summary(ran) == {"created": 2}
    assert times(client) == {"one": TIMES[0], "two": TIMES[1]}


def test_unnamed_file_with_the_keys_of_another_is_refused(
    slots: CommandLine, tmp_path: Path, client: Client
) -> None:
    week1, week2 = tmp_path / "week1.csv", tmp_path / "week2.csv"
    write(week1, [("mon", "Monday of the first week"), ("tue", "Tuesday of the first week")])
    schedule(slots, week1)
    write(week2, [("mon", "It rains"), ("tue", "It snows")])
    ran = slots.run("bulk", "schedule", str(week2))
    assert ran.code == 2
    assert "--name" in ran.err
    assert len(times(client)) == 2
    # The same file elsewhere is the same calendar.
    moved = tmp_path / "moved.csv"
    week1.rename(moved)
    assert get_summary(schedule(slots, moved)) == {"unchanged": 2}


def test_outdated_plan_is_rejected_and_new_plan_takes_the_next_slots(
    slots: CommandLine, calendar: Path, client: Client, tmp_path: Path
) -> None:
    write(calendar, [("a", "One"), ("", "Two")])
    plan = str(tmp_path / "c.plan")
    assert slots.run("bulk", "plan", str(calendar), "-o", plan).code == 0
    # A plan claims nothing.
    ran = slots.run("posts", "schedule", "--page", PAGE, "--at", "next-slot", "-m", "Fast")
    assert ran.code == 0, ran.err
    late = slots.run("bulk", "apply", plan)
    assert late.code == 2
    assert "out of date" in late.err
    assert slots.run("bulk", "plan", str(calendar), "-o", plan).code == 0
    assert get_summary(slots.run("bulk", "apply", plan, "--json")) == {"created": 2}
    assert times(client) == {"Fast": TIMES[0], "One": TIMES[1], "Two": TIMES[2]}
    assert get_summary(slots.run("bulk", "apply", plan, "--json")) == {"unchanged": 2}


def test_lost_journal_moves_nothing(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    rows = [("a", "One two three"), ("b", "Four five six"), ("", "Seven"), ("", "Seven")]
    write(calendar, rows)
    assert get_summary(schedule(slots, calendar)) == {"created": 4}
    before, writes = sorted(map(str, client.scheduled_posts().items)), count_writes(emulator)
    lose_journal(slots)
    # Rows with the text of a post have it, with its time.
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 4}
    lose_journal(slots)
    # A row whose text is another one now may be any post that is left.
    write(calendar, [rows[0], ("b", "Something new entirely"), *rows[2:]])
    ran = schedule(slots, calendar)
    assert (ran.code, get_summary(ran)) == (3, {"unchanged": 3, "unknown": 1})
    assert f"outreply bulk reconcile {calendar}" in ran.err
    assert schedule(slots, calendar).code == 3
    assert count_writes(emulator) == writes
    assert sorted(map(str, client.scheduled_posts().items)) == before
    post = next(p for p in client.scheduled_posts().items if p["message"] == "Four five six")
    paired = slots.run("bulk", "reconcile", str(calendar), "--pair", f"3={post['id']}")
    assert paired.code == 0, paired.err
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 3, "changed": 1}
    changed = [p for p in client.scheduled_posts().items if p["message"] == rows[1][1]]
    assert changed == []
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 4}


def test_lost_journal_and_edited_row_is_new_if_the_user_says_so(
    slots: CommandLine, calendar: Path, client: Client
) -> None:
    write(calendar, [("a", "One two three")])
    schedule(slots, calendar)
    lose_journal(slots)
    write(calendar, [("b", "Another row")])
    assert schedule(slots, calendar).code == 3
    assert slots.run("bulk", "reconcile", str(calendar), "--new", "2").code == 0
    assert get_summary(schedule(slots, calendar)) == {"created": 1}
    assert times(client) == {"One two three": TIMES[0], "Another row": TIMES[1]}


def test_lost_journal_after_publishing_sends_nothing(
    slots: CommandLine,
    calendar: Path,
    client: Client,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
) -> None:
    write(calendar, [("a", "One two three"), ("", "Four five six")])
    schedule(slots, calendar)
    writes = count_writes(emulator)
    for _ in range(2):
        emulator_clock.advance(5 * 86_400)
        lose_journal(slots)
        assert get_summary(schedule(slots, calendar)) == {"unknown": 2}
    assert slots.run("bulk", "reconcile", str(calendar), "--yes").code == 0
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2}
    assert count_writes(emulator) == writes
    assert times(client) == {}


def test_more_identical_posts_than_rows_are_held(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer
) -> None:
    (page,) = client.pages(platform="instagram").items
    for at in ("2026-12-01T08:00Z", "2026-12-02T08:00Z"):
        client.schedule({"page_id": page["id"], "message": "Same", "scheduled_at": at})
    before = count_writes(emulator)
    write(calendar, [("a", "Same")])
    assert get_summary(schedule(slots, calendar)) == {"unknown": 1}
    assert count_writes(emulator) == before


def test_restored_old_journal_sends_nothing_twice(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    write(calendar, [("a", "One two three")])
    schedule(slots, calendar)
    shutil.copytree(slots.home / "state", tmp_path / "backup")
    write(calendar, [("a", "One two three"), ("b", "Four five six"), ("", "Seven eight nine")])
    assert get_summary(schedule(slots, calendar)) == {"created": 2, "unchanged": 1}
    shutil.rmtree(slots.home / "state")
    shutil.copytree(tmp_path / "backup", slots.home / "state")
    before = count_writes(emulator)
    write(calendar, [("a", "One two three"), ("b", "Edited since"), ("", "Seven eight nine")])
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 2, "unknown": 1}
    assert count_writes(emulator) == before
    assert len(times(client)) == 3


@pytest.mark.parametrize("days", [0, 1, 5, 30])
@pytest.mark.parametrize("key", ["a", ""])
def test_restored_journal_of_a_failed_run_sends_nothing_twice(
    slots: CommandLine, calendar: Path, emulator: EmulatorServer, days: int, key: str
) -> None:
    write(calendar, [(key, "One two three")])
    set_scopes(emulator, "read:account", "read:pages", "read:posts")
    assert get_summary(schedule(slots, calendar)) == {"pending": 1}
    backup = slots.run("store", "export").out
    set_scopes(emulator, "*")
    assert get_summary(schedule(slots, calendar)) == {"created": 1}
    shutil.rmtree(slots.home / "state")
    assert slots.run("store", "restore", "-", stdin=backup).code == 0
    slots.clock.advance(days * 86_400)
    before = count_writes(emulator)
    assert get_summary(schedule(slots, calendar)) == {"unknown": 1}
    assert slots.run("bulk", "reconcile", str(calendar), "--yes").code == 0
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 1}
    assert count_writes(emulator) == before


def set_scopes(emulator: EmulatorServer, *scopes: str) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE tokens SET scopes = ?", (json.dumps(scopes),))


@pytest.mark.parametrize("others", [[], [("", "Something else"), ("k", "With a key")]])
@pytest.mark.parametrize("days", [1, 30])
def test_text_corrected_after_publishing_is_held(
    slots: CommandLine,
    calendar: Path,
    client: Client,
    emulator: EmulatorServer,
    *,
    emulator_clock: ManualClock,
    others: list[tuple[str, str]],
    days: int,
) -> None:
    write(calendar, [("", TEXT), *others])
    post_id = get_report(schedule(slots, calendar))["rows"][0]["id"]
    emulator_clock.advance(days * 86_400)
    writes = count_writes(emulator)
    write(calendar, [("", CORRECTED), *others])
    for _ in range(2):
        ran = schedule(slots, calendar)
        assert (ran.code, get_summary(ran).get("unknown")) == (3, 1), ran.err
        assert f"{calendar}:2: unknown: the row is similar to post {post_id}" in ran.err
        assert f"outreply bulk reconcile {calendar}" in ran.err
    paired = slots.run("bulk", "reconcile", str(calendar), "--yes")
    assert paired.code == 0, paired.err
    for _ in range(2):
        assert get_summary(schedule(slots, calendar)) == {"unchanged": 1 + len(others)}
    assert count_writes(emulator) == writes
    # The post has a row now: another row that is like it is a new one.
    write(calendar, [("", CORRECTED), ("", f"{CORRECTED}!"), *others])
    ran = schedule(slots, calendar)
    assert get_summary(ran) == {"created": 1, "unchanged": 1 + len(others)}, ran.err
    assert f"{CORRECTED}!" in times(client)


def test_text_corrected_after_publishing_is_new_if_the_user_says_so(
    slots: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    write(calendar, [("", TEXT)])
    schedule(slots, calendar)
    emulator_clock.advance(30 * 86_400)
    write(calendar, [("", CORRECTED)])
    assert get_summary(schedule(slots, calendar)) == {"unknown": 1}
    assert slots.run("bulk", "reconcile", str(calendar), "--new", "2").code == 0
    assert get_summary(schedule(slots, calendar)) == {"created": 1}
    assert get_summary(schedule(slots, calendar)) == {"unchanged": 1}
    assert list(times(client)) == [CORRECTED]


@pytest.mark.parametrize(
    "rows",
    [
        [("", "Tomorrow we are closed"), ("", "Something else")],
        [("", TEXT), ("", CORRECTED), ("", "Something else")],
        [("", TEXT), ("", TEXT), ("", "Something else")],
        [("k", CORRECTED), ("", "Something else")],
    ],
    ids=["another text", "like a row of the file", "equal to a row of the file", "key"],
)
def test_row_that_is_not_a_correction_of_a_published_one_is_new(
    slots: CommandLine,
    calendar: Path,
    client: Client,
    emulator_clock: ManualClock,
    rows: list[tuple[str, str]],
) -> None:
    write(calendar, [("", TEXT), ("", "Something else")])
    schedule(slots, calendar)
    emulator_clock.advance(30 * 86_400)
    write(calendar, rows)
    ran = schedule(slots, calendar)
    assert get_summary(ran) == {"created": 1, "unchanged": len(rows) - 1}, ran.err
    assert len(times(client)) == 1


def test_correction_of_a_cancelled_post_is_new(
    slots: CommandLine, calendar: Path, client: Client, emulator_clock: ManualClock
) -> None:
    write(calendar, [("", TEXT), ("", "Something else")])
    post_id = get_report(schedule(slots, calendar))["rows"][0]["id"]
    assert slots.run("posts", "cancel", post_id).code == 0
    emulator_clock.advance(30 * 86_400)
    write(calendar, [("", CORRECTED), ("", "Something else")])
    assert get_summary(schedule(slots, calendar)) == {"created": 1, "unchanged": 1}
    assert list(times(client)) == [CORRECTED]


def make_run(slots: CommandLine, emulator: EmulatorServer, calendar: Path) -> RunConfig:
    return RunConfig(
        emulator.base_url, emulator.token, slots.clock.now(), calendar, slots.home / "state"
    )


@pytest.mark.parametrize("steps", range(1, 14))
def test_rerun_after_a_kill_at_any_step_keeps_the_claimed_slots(
    slots: CommandLine, calendar: Path, client: Client, emulator: EmulatorServer, steps: int
) -> None:
    write(calendar, [("a", "One"), ("", "Two"), ("b", "Three")])
    run = make_run(slots, emulator, calendar)
    assert run_in_process(replace(run, die_after_steps=steps)) == -signal.SIGKILL
    # What the killed run has claimed stays its own.
    other = slots.run("posts", "schedule", "--page", PAGE, "--at", "next-slot", "-m", "Other")
    assert other.code == 0, other.err
    run_here(run)
    assert times(client) == dict(zip(("One", "Two", "Three", "Other"), TIMES, strict=False))
    again = run_here(run)
    assert {result.action.kind for result in again.results} == {"keep"}


def test_eight_concurrent_runs_take_different_slots(
    slots: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    runs = []
    for number in range(8):
        path = tmp_path / f"{number}.csv"
        write(path, [("a", f"Run {number} a"), ("", f"Run {number} b"), ("c", f"Run {number} c")])
        runs.append(replace(make_run(slots, emulator, path), name=f"run {number}", concurrency=1))
    processes = [start_process(run) for run in runs]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    found = times(client)
    assert sorted(found) == sorted(f"Run {n} {row}" for n in range(8) for row in "abc")
    assert max(Counter(found.values()).values()) == 1
    for run in runs:
        assert {result.action.kind for result in run_here(run).results} == {"keep"}
