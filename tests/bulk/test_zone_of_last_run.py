"""Local times of a calendar keep their zone from run to run, or the run is refused."""

from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from tests.command_line import CommandLine, Result

NEW_YORK = {"OUTREPLY_TIMEZONE": "America/New_York"}


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    return tmp_path / "calendar.csv"


def write(calendar: Path, time: str, zone: str = "") -> None:
    calendar.write_text(f"page,scheduled_at,timezone,message\nfacebook:acme,{time},{zone},Hi\n")


def schedule(
    cli: CommandLine, calendar: Path, *words: str, env: dict[str, str] | None = None, code: int = 0
) -> Result:
    ran = cli.run("bulk", "schedule", str(calendar), *words, env=env)
    assert ran.code == code, ran.err
    return ran


def times(client: Client) -> list[str | None]:
    return [post["scheduled_at"] for post in client.scheduled_posts().items]


def test_another_zone_is_refused(cli: CommandLine, client: Client, calendar: Path) -> None:
    write(calendar, "2026-12-01 10:00")
    schedule(cli, calendar)
    ran = schedule(cli, calendar, env=NEW_YORK, code=2)
    assert f"{calendar}:2: '2026-12-01 10:00' was read in the zone Europe/Paris" in ran.err
    assert "--tz Europe/Paris to keep the times, or --tz America/New_York to move them" in ran.err
    assert times(client) == ["2026-12-01T09:00:00.000Z"]
    # Both ways out, and what is remembered then.
    schedule(cli, calendar, "--tz", "Europe/Paris", env=NEW_YORK)
    assert times(client) == ["2026-12-01T09:00:00.000Z"]
    schedule(cli, calendar, "--tz", "America/New_York")
    assert times(client) == ["2026-12-01T15:00:00.000Z"]
    schedule(cli, calendar, env=NEW_YORK)
    schedule(cli, calendar, code=2)
    schedule(cli, calendar, "--forget")
    assert times(client) == ["2026-12-01T09:00:00.000Z"]


@pytest.mark.parametrize("command", ["status", "cancel", "plan", "reconcile"])
def test_other_commands_refuse_another_zone(cli: CommandLine, calendar: Path, command: str) -> None:
    write(calendar, "2026-12-01 10:00")
    schedule(cli, calendar)
    words = {"cancel": ["--yes"], "plan": ["-o", f"{calendar}.plan"]}.get(command, [])
    ran = cli.run("bulk", command, str(calendar), *words, env=NEW_YORK)
    assert ran.code == 2
    assert "in the last run" in ran.err


@pytest.mark.parametrize(
    ("time", "zone"), [("2026-12-01T10:00+01:00", ""), ("2026-12-01 10:00", "Europe/Paris")]
)
def test_times_with_their_own_zone_are_unchanged_in_another_zone(
    cli: CommandLine, calendar: Path, time: str, zone: str
) -> None:
    write(calendar, time, zone)
    schedule(cli, calendar)
    assert "1 unchanged" in schedule(cli, calendar, env=NEW_YORK).err


def test_another_zone_is_accepted_once_all_times_are_past(cli: CommandLine, calendar: Path) -> None:
    write(calendar, "2026-11-24 10:00")
    schedule(cli, calendar)
    cli.clock.advance(14 * 86_400)
    with calendar.open("a") as file:
        file.write("facebook:acme,2026-12-20T10:00Z,,Later\n")
    schedule(cli, calendar, env={"OUTREPLY_TIMEZONE": "Europe/Berlin"})


def test_series_that_goes_on_is_refused(cli: CommandLine, client: Client, calendar: Path) -> None:
    calendar.write_text(
        "page,scheduled_at,repeat,message\nfacebook:acme,2026-11-24 12:00,daily for 9 times,Hi\n"
    )
    schedule(cli, calendar)
    before = times(client)
    cli.clock.advance(3 * 86_400)
    schedule(cli, calendar, env=NEW_YORK, code=2)
    assert times(client) == before[-len(times(client)) :]


def test_zone_of_the_brand_is_not_forgotten(
    cli: CommandLine, client: Client, calendar: Path
) -> None:
    write(calendar, "2026-12-01 10:00")
    schedule(cli, calendar, "--tz", "brand")
    ran = schedule(cli, calendar, env={"OUTREPLY_TIMEZONE": "Asia/Tokyo"}, code=2)
    assert "--tz brand to keep the times" in ran.err
    assert times(client) == ["2026-12-01T09:00:00.000Z"]
    schedule(cli, calendar, "--tz", "brand")
