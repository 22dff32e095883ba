"""A row whose post is published is done, whatever happens to its time, text or key."""

import json
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result

HEADER = "page,scheduled_at,message\n"
DAY = 86_400


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    return tmp_path / "calendar.csv"


def schedule(cli: CommandLine, calendar: Path, *words: str, code: int = 0) -> Result:
    ran = cli.run("bulk", "schedule", str(calendar), "--json", *words)
    assert ran.code == code, ran.err
    return ran


def summary(ran: Result) -> dict[str, int]:
    return {name: count for name, count in json.loads(ran.out)["summary"].items() if count}


def texts(client: Client) -> list[str]:
    posts = [*client.published_posts().items, *client.scheduled_posts().items]
    return sorted(text for post in posts if (text := str(post["message"])).startswith("Row"))


def test_row_spread_to_an_earlier_time_is_not_sent_again(
    cli: CommandLine, client: Client, calendar: Path
) -> None:
    """The same run again after its post was published at an earlier time than the file's."""
    for minute in ("00", "10", "20"):
        new = ("--at", f"2026-12-01T10:{minute}Z", "-m", f"By hand {minute}")
        assert cli.run("posts", "schedule", "--page", "linkedin:acme-co", *new).code == 0
    calendar.write_text(HEADER + "linkedin:acme-co,2026-12-01T10:05Z,Row 1\n")
    assert summary(schedule(cli, calendar, "--spread")) == {"created": 1}
    at = client.scheduled_posts().items[0]["scheduled_at"]
    assert at == "2026-12-01T09:20:00.000Z"
    cli.clock.advance(7 * DAY + 21 * 3600 + 28 * 60)
    assert texts(client) == ["Row 1"]
    assert client.published_posts().items[0]["message"] == "Row 1"
    assert summary(schedule(cli, calendar, "--spread")) == {"unchanged": 1}
    assert texts(client) == ["Row 1"]


class TestRescheduled:
    """`posts reschedule` moved the post of a row, and the file is the same."""

    @pytest.fixture(autouse=True)
    def scheduled(self, cli: CommandLine, calendar: Path) -> str:
        calendar.write_text(HEADER + "facebook:acme,2026-12-03T12:00Z,Row 1\n")
        return str(json.loads(schedule(cli, calendar).out)["rows"][0]["id"])

    def test_row_whose_post_was_published_early_stays_unchanged(
        self, cli: CommandLine, client: Client, calendar: Path, scheduled: str
    ) -> None:
        ran = cli.run("posts", "reschedule", scheduled, "--at", "2026-11-26T12:00Z")
        assert ran.code == 0
        cli.clock.advance(4 * DAY)
        ran = schedule(cli, calendar)
        assert summary(ran) == {"unchanged": 1}
        # The file has a later time, which needs another row.
        assert "already published and stays unchanged" in ran.err
        assert texts(client) == ["Row 1"]

    @pytest.mark.parametrize("moves", [1, 2])
    def test_post_moved_later_than_its_row_stays_as_it_is(
        self, cli: CommandLine, client: Client, calendar: Path, scheduled: str, moves: int
    ) -> None:
        for day in range(20, 20 + moves):
            ran = cli.run(
                "posts", "reschedule", scheduled, "--at", f"2026-12-{day}T12:00Z", "--json"
            )
            scheduled = json.loads(ran.out)["id"]
        cli.clock.advance(11 * DAY)
        calendar.write_text(calendar.read_text() + "facebook:acme,2026-12-06T12:00Z,Row 2\n")
        for summary_of_run in ({"created": 1, "unchanged": 1}, {"unchanged": 2}):
            ran = schedule(cli, calendar)
            assert summary(ran) == summary_of_run
            assert "the post was changed elsewhere and stays as it is; set its time in the row" in (
                " ".join(ran.err.split())
            )
        assert texts(client) == ["Row 1", "Row 2"]
        # The advice.
        at = client.scheduled_post(scheduled)["scheduled_at"]
        calendar.write_text(calendar.read_text().replace("2026-12-03T12:00Z", at))
        ran = schedule(cli, calendar)
        assert summary(ran) == {"unchanged": 2}
        assert "elsewhere" not in ran.err

    def test_post_moved_later_in_the_dashboard_stays_as_it_is(
        self,
        cli: CommandLine,
        emulator: EmulatorServer,
        client: Client,
        calendar: Path,
        scheduled: str,
    ) -> None:
        at = cli.clock.now().timestamp() + 20 * DAY
        with emulator.state.transaction() as db:
            db.execute("UPDATE posts SET scheduled_at = ? WHERE id = ?", (at, scheduled))
        cli.clock.advance(11 * DAY)
        ran = schedule(cli, calendar)
        assert summary(ran) == {"unchanged": 1}
        assert "set its time in the row" in ran.err
        assert client.scheduled_post(scheduled)["id"] == scheduled

    def test_row_edited_to_a_past_time_is_rejected(
        self, cli: CommandLine, client: Client, calendar: Path, scheduled: str
    ) -> None:
        cli.clock.advance(2 * DAY)
        calendar.write_text(HEADER + "facebook:acme,2026-11-24T12:00Z,Row 1\n")
        assert "in the past" in schedule(cli, calendar, code=2).err
        assert client.scheduled_post(scheduled)["id"] == scheduled

    @pytest.mark.parametrize("edited", ["2026-12-03T12:00Z,Row B", "2026-12-09T12:00Z,Row B"])
    def test_row_that_was_edited_and_reverted_too_late_is_rejected(
        self, cli: CommandLine, calendar: Path, edited: str
    ) -> None:
        row = f"key,{HEADER}k,facebook:acme,2026-12-03T12:00Z,Row 1\n"
        changed = f"key,{HEADER}k,facebook:acme,{edited}\n"
        for text, count in ((row, "unchanged"), (changed, "changed")):
            calendar.write_text(text)
            assert summary(schedule(cli, calendar)) == {count: 1}
        cli.clock.advance(10 * DAY - 300)
        calendar.write_text(row)
        assert "scheduled_at: the time is" in schedule(cli, calendar, code=2).err

    def test_command_names_the_file(self, cli: CommandLine, calendar: Path, scheduled: str) -> None:
        ran = cli.run("posts", "reschedule", scheduled, "--at", "2026-12-20T12:00Z", "--json")
        assert f"from the calendar {calendar}. Edit the file as well" in ran.err
        ran = cli.run("posts", "cancel", json.loads(ran.out)["id"])
        assert f"from the calendar {calendar}. Edit the file as well" in ran.err


def test_row_edited_after_publication_stays_unchanged(
    cli: CommandLine, client: Client, calendar: Path
) -> None:
    calendar.write_text(HEADER + "facebook:acme,2026-11-24T12:00Z,Row 1\n")
    schedule(cli, calendar)
    cli.clock.advance(3 * DAY)
    calendar.write_text(
        HEADER + "facebook:acme,2026-11-24T12:00Z,Row one\nfacebook:acme,2026-12-01T12:00Z,Row 2\n"
    )
    ran = schedule(cli, calendar)
    assert summary(ran) == {"created": 1, "unchanged": 1}
    assert "already published and stays unchanged" in ran.err
    assert texts(client) == ["Row 1", "Row 2"]


@pytest.mark.parametrize("days", [0, 3])
def test_row_that_gets_a_key_is_not_sent_again(
    cli: CommandLine, client: Client, calendar: Path, days: int
) -> None:
    calendar.write_text(HEADER + "facebook:acme,2026-11-24T12:00Z,Row 1\n")
    schedule(cli, calendar)
    cli.clock.advance(days * DAY)
    calendar.write_text(f"key,{HEADER}a,facebook:acme,2026-11-24T12:00Z,Row 1\n")
    for _ in range(2):
        assert summary(schedule(cli, calendar)) == {"unchanged": 1}
    assert texts(client) == ["Row 1"]


@pytest.mark.parametrize("days", [0, 7])
def test_row_without_a_time_that_gets_a_key_is_not_sent_again(
    cli: CommandLine, client: Client, calendar: Path, days: int
) -> None:
    assert cli.run("slots", "set", "facebook:acme", "daily 12:00").code == 0
    calendar.write_text("page,message\nfacebook:acme,Row 1\nfacebook:acme,Row 2\n")
    assert summary(schedule(cli, calendar)) == {"created": 2}
    cli.clock.advance(days * DAY)
    calendar.write_text("key,page,message\na,facebook:acme,Row 1\nb,facebook:acme,Row 2\n")
    for _ in range(2):
        ran = schedule(cli, calendar)
        assert summary(ran) == {"unchanged": 2}
        # A later row with the same text would not be sent.
        assert ran.err.count("published before the row got its key") == (2 if days else 0)
    assert texts(client) == ["Row 1", "Row 2"]


def test_series_with_a_new_time_of_day_changes_only_pending_posts(
    cli: CommandLine, client: Client, calendar: Path, emulator_clock: ManualClock
) -> None:
    """Today's post is published already."""
    header = "page,scheduled_at,timezone,repeat,message\n"
    calendar.write_text(f"{header}facebook:acme,2026-11-24 12:00,UTC,daily for 3 times,Row 1\n")
    schedule(cli, calendar)
    emulator_clock.advance(DAY + 3600)
    calendar.write_text(f"{header}facebook:acme,2026-11-24 18:00,UTC,daily for 3 times,Row 1\n")
    assert summary(schedule(cli, calendar)) == {"changed": 2, "unchanged": 1}
    assert texts(client) == ["Row 1"] * 3
