"""Calendars that share rows, files or names: none replaces, prunes or cancels another's posts."""

import json
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result
from tests.commands.team_machines import make_machine
from tests.request_count import count_requests

HEADER = "page,scheduled_at,message\n"


def write(path: Path, *days: int, text: str = "Day") -> Path:
    rows = (f"facebook:acme,2026-12-{day:02}T10:00Z,{text} {day}\n" for day in days)
    path.write_text(HEADER + "".join(rows))
    return path


def bulk(cli: CommandLine, command: str, *words: object, code: int = 0) -> Result:
    ran = cli.run("bulk", command, *map(str, words))
    assert ran.code == code, ran.err
    return ran


def texts(client: Client) -> list[str]:
    return sorted(str(post["message"]) for post in client.scheduled_posts().items)


def days(*numbers: int) -> list[str]:
    return sorted(f"Day {number}" for number in numbers)


class TestPruneOfSeveralFiles:
    def test_files_of_one_calendar_are_refused(
        self, cli: CommandLine, client: Client, tmp_path: Path
    ) -> None:
        first = write(tmp_path / "dec.csv", *range(1, 13))
        copy = write(tmp_path / "dec2.csv", *range(3, 15))
        for path in (first, copy):
            bulk(cli, "schedule", path)
        assert texts(client) == days(*range(1, 15))
        ran = bulk(cli, "schedule", first, copy, "--prune", "--max-cancel", "20", code=2)
        assert "belong to the same calendar" in ran.err
        assert texts(client) == days(*range(1, 15))
        # Without --prune, they add up.
        bulk(cli, "schedule", first, copy)

    def test_files_of_several_calendars_are_pruned(
        self, cli: CommandLine, client: Client, tmp_path: Path
    ) -> None:
        files = write(tmp_path / "a.csv", 1, 2), write(tmp_path / "b.csv", 11, 12)
        bulk(cli, "schedule", *files)
        write(files[0], 1)
        bulk(cli, "schedule", *files, "--prune", "--max-cancel", "1")
        assert texts(client) == days(1, 11, 12)


class TestCancel:
    @pytest.fixture(autouse=True)
    def winter(self, cli: CommandLine, tmp_path: Path) -> Path:
        path = write(tmp_path / "winter.csv", 1, 2, 3, 4)
        bulk(cli, "schedule", path)
        return path

    def test_file_that_only_shares_a_row_cancels_nothing_without_a_name(
        self, cli: CommandLine, client: Client, tmp_path: Path
    ) -> None:
        spring = write(tmp_path / "spring.csv", 4, 11, 12)
        ran = bulk(cli, "cancel", spring, "--yes", code=2)
        assert "has no rows for 3 pending posts of the calendar" in ran.err
        assert texts(client) == days(1, 2, 3, 4)
        assert bulk(cli, "cancel", spring, "--yes", "--name", "spring", code=2)
        assert texts(client) == days(1, 2, 3, 4)
        (name,) = (word for word in ran.err.split("'") if word.startswith("rows:"))
        bulk(cli, "cancel", spring, "--yes", "--name", name)
        assert texts(client) == []

    def test_part_of_the_calendar_cancels_nothing(
        self, cli: CommandLine, client: Client, tmp_path: Path, winter: Path
    ) -> None:
        other = tmp_path / "other" / winter.name
        other.parent.mkdir()
        write(other, 1, 2)
        bulk(cli, "cancel", other, "--yes", code=2)
        winter.unlink()
        bulk(cli, "cancel", write(tmp_path / "part.csv", 1, 2), "--yes", code=2)
        assert texts(client) == days(1, 2, 3, 4)

    def test_moved_file_cancels_every_post(
        self, cli: CommandLine, client: Client, tmp_path: Path, winter: Path
    ) -> None:
        bulk(cli, "cancel", winter.rename(tmp_path / "moved.csv"), "--yes")
        assert texts(client) == []

    def test_shortened_file_cancels_every_post(
        self, cli: CommandLine, client: Client, winter: Path
    ) -> None:
        bulk(cli, "cancel", write(winter, 1), "--yes")
        assert texts(client) == []


def test_edited_export_row_of_another_calendar_is_refused(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    ours, theirs = write(tmp_path / "a.csv", 1), write(tmp_path / "b.csv", 11)
    bulk(cli, "schedule", ours, "--name", "ours")
    bulk(cli, "schedule", theirs, "--name", "theirs")
    exported = tmp_path / "all.csv"
    bulk(cli, "export", "--file", exported)
    exported.write_text(exported.read_text().replace("2026-12-11", "2026-12-12"))
    ran = bulk(cli, "schedule", exported, code=2)
    assert "belongs to the calendar theirs; edit it there" in ran.err
    assert texts(client) == days(1, 11)
    assert json.loads(bulk(cli, "schedule", theirs, "--name", "theirs", "--json").out)["summary"][
        "unchanged"
    ]


def test_exported_row_whose_post_was_cancelled_is_scheduled_again(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    ours, exported = write(tmp_path / "a.csv", 1), tmp_path / "all.csv"
    bulk(cli, "schedule", ours, "--name", "ours")
    bulk(cli, "export", "--file", exported)
    bulk(cli, "cancel", ours, "--yes", "--name", "ours")
    bulk(cli, "schedule", exported, "--name", "new")
    assert texts(client) == days(1)


class TestRenamedCalendar:
    @pytest.fixture(autouse=True)
    def scheduled(self, cli: CommandLine, tmp_path: Path) -> Path:
        assert cli.run("slots", "set", "facebook:acme", "daily 12:00").code == 0
        path = tmp_path / "evergreen.csv"
        path.write_text("page,message\nfacebook:acme,One\nfacebook:acme,Two\n")
        bulk(cli, "schedule", path, "--name", "winter")
        return path

    def test_pending_rows_without_a_time_are_not_scheduled_again(
        self, cli: CommandLine, client: Client, scheduled: Path
    ) -> None:
        ran = bulk(cli, "schedule", scheduled, "--name", "winter-2026", code=2)
        assert "already scheduled by winter" in ran.err
        assert "--name 'winter'" in ran.err
        assert texts(client) == ["One", "Two"]
        bulk(cli, "schedule", scheduled, "--name", "winter")
        assert texts(client) == ["One", "Two"]

    def test_published_texts_are_scheduled_again_under_another_name(
        self, cli: CommandLine, client: Client, scheduled: Path
    ) -> None:
        cli.clock.advance(4 * 86_400)
        bulk(cli, "schedule", scheduled, "--name", "spring")
        assert texts(client) == ["One", "Two"]


def test_cancel_without_the_journal_requires_reconcile(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "plan.csv", 1, 2)
    bulk(cli, "schedule", path)
    other = make_machine(cli, "other")
    ran = bulk(other, "cancel", path, "--yes", code=3)
    assert "2 rows of" in ran.err
    assert "Nothing to cancel" not in ran.err
    unknown = bulk(other, "cancel", "plan", "--yes", code=2)
    assert "Calendar not found in the journal: plan" in unknown.err
    assert texts(client) == days(1, 2)
    bulk(other, "reconcile", path)
    bulk(other, "cancel", path, "--yes")
    assert texts(client) == []
    assert "Nothing to cancel" in bulk(other, "cancel", path, "--yes").err
    # The machine that has scheduled the posts finds them cancelled.
    assert "Nothing to cancel" in bulk(cli, "cancel", path, "--yes").err


def test_cancel_with_a_partial_journal_reports_unknown_rows(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "plan.csv", 1)
    bulk(cli, "schedule", path)
    write(path, 1, 2)
    other = make_machine(cli, "other")
    bulk(other, "schedule", path)
    ran = bulk(cli, "cancel", path, "--yes", code=3)
    assert "1 row of" in ran.err
    assert texts(client) == days(2)


class TestTokenOfOneBrand:
    """A calendar has posts of two brands, and a colleague's token may use one of them."""

    @pytest.fixture(autouse=True)
    def both(
        self, cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
    ) -> Path:
        path = tmp_path / "both.csv"
        path.write_text(
            "key,page,scheduled_at,message\n"
            "a,facebook:acme,2026-12-01T10:00Z,Day 1\nb,x:bluebird,2026-12-02T10:00Z,Day 2\n"
        )
        bulk(cli, "schedule", path, "--name", "Spring")
        (own,) = (page["brand_id"] for page in client.pages(platform="twitter").items)
        with emulator.state.transaction() as db:
            db.execute("UPDATE tokens SET brand_ids = ?", (json.dumps([own]),))
        return path

    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        path = tmp_path / "own.csv"
        path.write_text(
            "key,page,scheduled_at,message\n"
            "b,x:bluebird,2026-12-02T10:00Z,Day 2\nc,x:bluebird,2026-12-03T10:00Z,Day 3\n"
        )
        return path

    def test_own_posts_are_scheduled(
        self, cli: CommandLine, own: Path, emulator: EmulatorServer
    ) -> None:
        ran = bulk(cli, "schedule", own, "--name", "Spring", "--prune", "--max-cancel", "9")
        assert ran.err.endswith("Done: 1 created, 1 unchanged.\n")
        bulk(cli, "status", own, "--name", "Spring")
        assert live_texts(emulator) == days(1, 2, 3)

    def test_own_posts_are_cancelled(
        self, cli: CommandLine, own: Path, emulator: EmulatorServer
    ) -> None:
        ran = bulk(cli, "cancel", own, "--name", "Spring", "--yes", code=3)
        assert "1 post of " in ran.err
        assert "token for all brands" in ran.err
        assert live_texts(emulator) == days(1)

    def test_posts_of_other_brands_only_are_not_cancelled(
        self, cli: CommandLine, emulator: EmulatorServer
    ) -> None:
        for _ in range(2):
            ran = bulk(cli, "cancel", "Spring", "--yes", code=3)
            assert "Nothing to cancel" not in ran.err
            assert live_texts(emulator) == days(1)

    def test_pages_of_other_brands_are_read_once(
        self, cli: CommandLine, both: Path, own: Path, emulator: EmulatorServer
    ) -> None:
        with emulator.state.transaction() as db:
            db.execute("UPDATE tokens SET brand_ids = '[]'")
        rows = [f"d{n},facebook:acme,2026-12-{n:02}T09:00Z,Day {n}\n" for n in range(5, 15)]
        both.write_text(both.read_text() + "".join(rows))
        bulk(cli, "schedule", both, "--name", "Spring")
        (page_id,) = {row["brand_id"] for row in emulator.state.connection.execute(
            "SELECT brand_id FROM pages WHERE platform = 'twitter'")}  # fmt: skip
        with emulator.state.transaction() as db:
            db.execute("UPDATE tokens SET brand_ids = ?", (json.dumps([page_id]),))
        before = count_requests(emulator)
        bulk(cli, "status", own, "--name", "Spring")
        assert count_requests(emulator) - before < 10

    def test_row_moved_from_the_other_brand_is_held(
        self, cli: CommandLine, own: Path, emulator: EmulatorServer
    ) -> None:
        own.write_text(own.read_text().replace("b,x", "a,x"))
        ran = bulk(cli, "schedule", own, "--name", "Spring", code=3)
        assert "the token cannot access the brand of the row's post" in ran.err
        assert "reconcile" not in ran.err
        assert live_texts(emulator) == days(1, 2, 3)


def test_second_cancel_leaves_a_similar_post_alone(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(
        HEADER + "facebook:acme,2026-12-03T12:00Z,Join our winter sale tomorrow morning\n"
    )
    bulk(cli, "schedule", path)
    bulk(cli, "cancel", path, "--yes")
    words = ("--page", "facebook:acme", "--at", "2026-12-05T12:00Z")
    other = make_machine(cli, "other")
    text = "Join our winter sale tomorrow evening"
    assert other.run("posts", "schedule", *words, "-m", text).code == 0
    assert "Nothing to cancel" in bulk(cli, "cancel", path, "--yes").err
    assert text in {post["message"] for post in client.scheduled_posts().items}


def test_cancel_of_a_file_with_a_missing_page_cancels_nothing(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "plan.csv", 1)
    bulk(cli, "schedule", path)
    path.write_text(path.read_text().replace("facebook:acme", "facebook:gone"))
    ran = bulk(cli, "cancel", path, "--yes", code=2)
    assert "page not found" in ran.err
    assert texts(client) == days(1)


def live_texts(emulator: EmulatorServer) -> list[str]:
    rows = emulator.state.connection.execute(
        "SELECT message FROM posts WHERE status = 'scheduled' AND message LIKE 'Day %'"
    )
    return sorted(row["message"] for row in rows)


class TestFilesWithTheSameRow:
    def test_row_in_two_versions_is_refused(
        self, cli: CommandLine, client: Client, tmp_path: Path
    ) -> None:
        first, second = write(tmp_path / "a.csv", 1, 2), write(tmp_path / "b.csv", 2, 3)
        bulk(cli, "schedule", first, second, "--name", "c", code=2)
        assert texts(client) == []
        for path in (first, second):
            bulk(cli, "schedule", path, "--name", "c")
        bulk(cli, "schedule", first, second, "--name", "c")
        write(first, 1, 2, text="New")
        ran = bulk(cli, "schedule", first, second, "--name", "c", code=2)
        assert f"{second}:2: the row is also in {first}, line 3; keep one of them" in ran.err
        assert "1 problem in" in ran.err
        assert texts(client) == days(1, 2, 3)

    @pytest.mark.parametrize("edit", [("Hi", "Ho"), ("T10:", "T11:")])
    def test_overlapping_exports_with_two_versions_of_a_row_are_refused(
        self, cli: CommandLine, client: Client, tmp_path: Path, edit: tuple[str, str]
    ) -> None:
        words = ("--page", "facebook:acme", "--at", "2026-12-01T10:00Z", "-m", "Hi")
        assert cli.run("posts", "schedule", *words).code == 0
        files = tmp_path / "all.csv", tmp_path / "page.csv"
        bulk(cli, "export", "--file", files[0])
        bulk(cli, "export", "--page", "facebook:acme", "--file", files[1])
        bulk(cli, "schedule", *files)
        before = client.scheduled_posts().items
        files[0].write_text(files[0].read_text().replace(*edit))
        ran = bulk(cli, "schedule", *files, "--name", "c", code=2)
        assert f"{files[1]}:2: the row is also in {files[0]}, line 2" in ran.err
        assert client.scheduled_posts().items == before
        bulk(cli, "schedule", files[0], "--name", "c")
        assert len(client.scheduled_posts().items) == 1


class TestNewNameOfSeveralFiles:
    @pytest.mark.parametrize("is_first", [True, False])
    def test_new_name_keeps_an_unnamed_calendar_and_adds_a_file(
        self, cli: CommandLine, client: Client, tmp_path: Path, *, is_first: bool
    ) -> None:
        old, new = write(tmp_path / "old.csv", 1), write(tmp_path / "new.csv", 2)
        bulk(cli, "schedule", old)
        files = (new, old) if is_first else (old, new)
        bulk(cli, "schedule", *files, "--name", "c")
        assert texts(client) == days(1, 2)
        assert "2 unchanged" in bulk(cli, "schedule", *files, "--name", "c").err

    @pytest.mark.parametrize("is_first", [True, False])
    @pytest.mark.parametrize("is_kept", [True, False])
    def test_composed_text_is_kept_under_the_new_name(
        self, cli: CommandLine, client: Client, tmp_path: Path, *, is_first: bool, is_kept: bool
    ) -> None:
        composing: tuple[str, ...] = ("--compose-with", "echo Text", "--yes", "--no-write-back")
        composed, other = tmp_path / "composed.csv", write(tmp_path / "other.csv", 1)
        composed.write_text(HEADER + "facebook:acme,2026-12-12T10:00Z,\n")
        if is_kept:
            bulk(cli, "schedule", composed, *composing)
            composing = ()
        else:
            bulk(cli, "schedule", other)
        files = (composed, other) if is_first else (other, composed)
        bulk(cli, "schedule", *files, "--name", "c", *composing)
        assert texts(client) == ["Day 1", "Text"]
        assert "2 unchanged" in bulk(cli, "schedule", *files, "--name", "c").err

    def test_two_unnamed_calendars_cannot_share_a_new_name(
        self, cli: CommandLine, client: Client, tmp_path: Path
    ) -> None:
        files = write(tmp_path / "a.csv", 1), write(tmp_path / "b.csv", 11)
        bulk(cli, "schedule", *files)
        ran = bulk(cli, "schedule", *files, "--name", "c", code=2)
        assert f"{files[0]} and {files[1]} belong to different calendars" in ran.err
        for number, path in enumerate(files):
            bulk(cli, "schedule", path, "--name", f"c{number}")
        assert texts(client) == days(1, 11)
