"""A year's calendar in a workbook: scheduled in two commands, and finished by later runs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.test_bulk_schedule import get_report, get_summary
from tests.bulk.workbooks import workbook
from tests.clocks import ManualClock
from tests.command_line import CommandLine

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
FIRST_DAY = date(2026, 12, 1)
# One page of each of two brands, each with one post at about noon or in the evening.
BRANDS = 2
ROWS = 1_400


@pytest.fixture
def emulator_clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def pages(emulator: EmulatorServer) -> list[str]:
    """A page of each brand, on the largest tier."""
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite'")
        page = dict(db.execute("SELECT * FROM pages WHERE platform = 'facebook'").fetchone())
        brands = db.execute("SELECT * FROM brands WHERE id = ?", (page["brand_id"],))
        brand = dict(brands.fetchone())
        names = []
        for number in range(BRANDS):
            values = {**brand, "id": f"{number:024x}", "name": f"Brand {number}"}
            _insert(db, "brands", values)
            username = f"brand{number}"
            values = {**page, "id": f"{number + 100:024x}", "brand_id": f"{number:024x}",
                      "username": username, "name": username, "platform": "youtube"}  # fmt: skip
            _insert(db, "pages", values)
            names.append(f"youtube:{username}")
    return names


def _insert(db: Any, table: str, values: dict[str, Any]) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608


def year_rows(pages: list[str]) -> Iterator[tuple[object, ...]]:
    yield ("Content plan 2027",)
    yield ()
    yield ("Day", "Date", "Time", "Brand page", "Copy", "Notes")
    count = 0
    for offset in range(365):
        day = FIRST_DAY + timedelta(days=offset)
        if day.day == 1:
            yield ()
            yield (None, f"{day:%B %Y}")
        for page in pages:
            for hour in (12, 18):
                if count == ROWS:
                    return
                count += 1
                yield (f"{day:%a}", day, time(hour, 30), page, f"Post {count}", "approved")


@pytest.mark.slow
def test_year_is_scheduled_in_two_commands(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, tmp_path: Path,
    pages: list[str],
) -> None:  # fmt: skip
    path = tmp_path / "year.xlsx"
    path.write_bytes(workbook({"2027": list(year_rows(pages)), "Ideas": [("Ideas",), ("Cats",)]}))
    words = (str(path), "--columns", "Brand page=page,Notes=", "--tz", "Europe/Paris")
    seen = cli.run("bulk", "schedule", *words, "--dry-run")
    assert seen.code == 0, seen.err
    done = cli.run("bulk", "schedule", *words, "--json")
    assert done.code == 0, done.err
    created = get_summary(done)["created"]
    # December 1 to February 10 at noon.
    assert created == (72 * 2 - 1) * BRANDS
    assert f"{ROWS - created:,} rows are more than 75 days ahead; later runs" in done.err
    emulator_clock.advance(30 * 24 * 3600)
    again = cli.run("bulk", "schedule", str(path), "--tz", "Europe/Paris", "--prune", "--json")
    assert again.code == 0, again.err
    assert get_summary(again) == {"created": 30 * 2 * BRANDS, "unchanged": created}


def test_row_that_is_too_far_ahead_waits(
    cli: CommandLine, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    text = (
        "key,page,scheduled_at,message\na,facebook:acme,2026-12-24 18:00,Hi\n"
        "b,facebook:acme,2027-05-01 18:00,Ho\n"
    )
    path.write_text(text)
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert get_summary(ran) == {"created": 1}
    assert "c.csv: 1 row is more than 75 days ahead; later runs schedule it, from 2027" in ran.err
    status = cli.run("bulk", "status", str(path), "--json")
    assert '"later than 75 days"' in status.out
    emulator_clock.advance((datetime(2027, 2, 16, tzinfo=UTC) - NOW).total_seconds())
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert get_summary(ran) == {"created": 1, "unchanged": 1}, ran.err
    # A row whose post exists cannot move there: its post would be published at the old time.
    path.write_text(text.replace("2027-05-01", "2027-06-01"))
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert "c.csv:3: scheduled_at: the time is 105d" in ran.err


def test_plan_leaves_the_same_rows_to_later_runs(
    cli: CommandLine, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    path, plan = tmp_path / "c.csv", tmp_path / "c.plan"
    path.write_text(
        "page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,Hi\n"
        "facebook:acme,2027-02-11 18:00,Ho\n"
    )
    assert cli.run("bulk", "plan", str(path), "-o", str(plan)).code == 0
    emulator_clock.advance(2 * 24 * 3600)
    ran = cli.run("bulk", "apply", str(plan), "--json")
    assert ran.code == 0, ran.err
    assert get_summary(ran) == {"created": 1}
    assert len(get_report(ran)["rows"]) == 1
