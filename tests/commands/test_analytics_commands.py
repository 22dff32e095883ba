"""The commands of `outreply analytics` against the emulator."""

import csv
import io
import json
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pexpect
import pytest

from outreply_cli.analytics.store import ANALYTICS_FILE
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.storage.sqlite import open_readonly
from tests.browser import Browser, needs_browser
from tests.clocks import ManualClock
from tests.command_line import CommandLine, wait_for_line
from tests.commands.team_machines import make_machine
from tests.postgres import run_sql

PAGES = 6
HOSTILE = "Fresh <script>alert(1)</script> beans\x1b[31m"


@pytest.fixture
def emulator(tmp_path: Path, emulator_clock: ManualClock) -> Iterator[EmulatorServer]:
    config = EmulatorConfig(is_lenient=True, has_growth=True, comments_per_post=2, seed=3)
    with EmulatorServer(tmp_path / "emulator.db", emulator_clock, config=config) as server:
        server.state.connection.execute("UPDATE users SET tier = 'elite'")
        yield server


def collect(cli: CommandLine, *words: str, code: int = 0) -> list[dict[str, Any]]:
    result = cli.run("analytics", "collect", "--json", *words)
    assert result.code == code, result.err
    return list(json.loads(result.out))


def show(cli: CommandLine, *words: str) -> list[dict[str, Any]]:
    result = cli.run("analytics", "show", "--json", *words)
    assert result.code == 0, result.err
    return list(json.loads(result.out))


def statuses(items: list[dict[str, Any]]) -> list[str]:
    return [item["status"] for item in items]


def snapshots_per_page(cli: CommandLine) -> list[int]:
    with open_readonly(cli.home / "state" / ANALYTICS_FILE) as database:
        sql = "SELECT count(*) FROM analytics_snapshots GROUP BY page_id, day"
        return [row[0] for row in database.execute(sql)]


def fill(cli: CommandLine, days: int, *, gaps: tuple[int, ...] = ()) -> None:
    """Publish a post a day and collect, except on the days that are gaps."""
    for day in range(days):
        text = HOSTILE if day == days - 2 else f"Post {day}"
        words = ("posts", "publish", "--page", "instagram:acme", "-m", text, "--yes")
        assert cli.run(*words).code == 0
        if day not in gaps:
            collect(cli)
        cli.clock.advance(86_400)


def test_day_is_collected_once(cli: CommandLine) -> None:
    assert statuses(collect(cli)) == ["collected"] * PAGES
    assert statuses(collect(cli)) == ["present"] * PAGES
    cli.clock.advance(86_400)
    assert statuses(collect(cli)) == ["collected"] * PAGES
    assert snapshots_per_page(cli) == [1] * (2 * PAGES)


def find_requests(log: str) -> list[str]:
    return re.findall(r"^GET /api/v1/([a-z/]+)", log, re.MULTILINE)


def test_run_uses_one_read_per_page(cli: CommandLine) -> None:
    result = cli.run("analytics", "collect", "-v")
    assert find_requests(result.err) == ["account", "pages", *["posts/published"] * PAGES]
    assert find_requests(cli.run("analytics", "collect", "-v").err) == ["account", "pages"]


def test_killed_run_is_continued(cli: CommandLine) -> None:
    with cli.start("analytics", "collect", "--verbose") as process:
        for _ in range(3):
            wait_for_line(process, "/posts/published?")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    # The page of the second response was stored before the third request.
    continued = statuses(collect(cli))
    assert len(continued) == PAGES
    assert continued.count("present") >= 2
    assert statuses(collect(cli)) == ["present"] * PAGES
    assert snapshots_per_page(cli) == [1] * PAGES


def test_concurrent_runs_store_one_snapshot_of_each_page(cli: CommandLine) -> None:
    processes = [cli.start("analytics", "collect", "--json") for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, outputs
    found = [status for out, _ in outputs for status in statuses(json.loads(out))]
    assert (found.count("collected"), found.count("present")) == (PAGES, 2 * PAGES)
    assert snapshots_per_page(cli) == [1] * PAGES


def set_reads_left(emulator: EmulatorServer, left: int) -> None:
    user = emulator.state.connection.execute("SELECT id FROM users").fetchone()["id"]
    with emulator.state.transaction() as database:
        month = f"{emulator.state.clock.now():%Y-%m}"
        database.execute("DELETE FROM usage WHERE bucket = 'reads'")
        database.execute(
            "INSERT INTO usage VALUES (?, ?, 'reads', ?)", (user, month, 1_000_000 - left)
        )


def test_short_quota_stops_the_run(cli: CommandLine, emulator: EmulatorServer) -> None:
    # The account, the pages, two lists, and those that are left.
    set_reads_left(emulator, 14)
    items = collect(cli, "--keep-reads", "10", code=6)
    assert statuses(items) == ["collected"] * 2 + ["skipped"] * 4
    error = cli.history[-1][1].err
    assert '"code": "QUOTA_SHORT"' in error
    assert "4 of 6 pages were not read" in error
    assert collect(cli, "--keep-reads", "10", code=6) == []
    # Pages that were skipped come first on the next day, and the others if there are reads left.
    cli.clock.advance(86_400)
    first = {item["id"] for item in items if item["status"] == "collected"}
    set_reads_left(emulator, 16)
    later = collect(cli, "--keep-reads", "10", code=6)
    assert statuses(later) == ["collected"] * 4 + ["skipped"] * 2
    assert {item["id"] for item in later if item["status"] == "skipped"} == first
    with emulator.state.transaction() as database:
        (used,) = database.execute("SELECT used FROM usage WHERE bucket = 'reads'").fetchone()
    assert used == 1_000_000 - 10


def test_token_that_may_not_read_the_account_collects_every_page(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    scopes = ["read:pages", "read:posts"]
    reply = emulator.handle.request("token", name="Reader", scopes=scopes)
    cli.environ["OUTREPLY_API_KEY"] = reply["token"]
    assert statuses(collect(cli)) == ["collected"] * PAGES
    assert len(show(cli)) == PAGES


def test_token_that_may_not_read_posts_is_an_error(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    emulator.state.connection.execute(
        """UPDATE tokens SET scopes = '["read:account", "read:pages"]'"""
    )
    result = cli.run("analytics", "collect")
    assert result.code == 4
    assert "read:posts" in result.err


def test_page_that_cannot_be_read_is_reported(cli: CommandLine, emulator: EmulatorServer) -> None:
    fault = {"path": "/posts/published", "times": 1}
    emulator.handle.request("fault", add="status:404", options=fault)
    items = collect(cli, code=3)
    assert statuses(items) == ["failed"] + ["collected"] * (PAGES - 1)
    assert items[0]["error"]
    assert statuses(collect(cli)) == ["collected"] + ["present"] * (PAGES - 1)


def test_removed_page_is_still_shown(cli: CommandLine, emulator: EmulatorServer) -> None:
    collect(cli)
    cli.clock.advance(86_400)
    with emulator.state.transaction() as database:
        database.execute("DELETE FROM pages WHERE username = 'bluebirdathome'")
    assert len(collect(cli)) == PAGES - 1
    (item,) = show(cli, "youtube:bluebirdathome", "--since", "1d")
    assert [day["followers"] is None for day in item["series"]] == [False, True]
    assert len(show(cli)) == PAGES


def test_truncated_list_of_posts_is_reported(cli: CommandLine, emulator: EmulatorServer) -> None:
    with emulator.state.transaction() as database:
        page = database.execute("SELECT id FROM pages WHERE username = 'bluebird'").fetchone()[0]
        now = emulator.state.clock.now().timestamp()
        database.executemany(
            "INSERT INTO posts (id, page_id, status, published_at, message, media, created_at) "
            "VALUES (?, ?, 'published', ?, 'Old', '[]', ?)",
            [(f"{number:024x}", page, now - 3_600 * number, now) for number in range(120)],
        )
    result = cli.run("analytics", "collect")
    assert "Warning: twitter:bluebird may have more posts: the API listed 100" in result.err
    shown = cli.run("analytics", "show")
    assert (
        "twitter:bluebird: the API may have listed only some of the posts on 1 of 31 days"
        in shown.err
    )
    assert {item["name"]: item["days_truncated"] for item in show(cli)}["twitter:bluebird"] == 1


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Los_Angeles", "Pacific/Auckland"])
@pytest.mark.parametrize("start", ["2026-03-06", "2026-03-27", "2026-10-23", "2026-11-06"])
def test_crontab_collects_each_local_day_over_clock_changes(
    cli: CommandLine, zone: str, start: str
) -> None:
    from zoneinfo import ZoneInfo

    local = datetime.fromisoformat(f"{start}T16:00").replace(tzinfo=ZoneInfo(zone))
    days = []
    for number in range(5):
        # Cron starts it at the same local time; the difference in UTC is 23, 24 or 25 hours.
        cli.clock.current = (local + timedelta(days=number)).astimezone(UTC)
        items = collect(cli, "--tz", zone)
        assert statuses(items) == ["collected"] * PAGES
        days.append(items[0]["date"])
    assert days == [(local + timedelta(days=number)).date().isoformat() for number in range(5)]


def test_show_has_gaps_and_a_previous_period(cli: CommandLine) -> None:
    fill(cli, 8, gaps=(4, 5))
    page, *posts = show(cli, "instagram:acme", "--since", "4d", "--compare")
    assert [day["followers"] is None for day in page["series"]] == [True, True, False, False, True]
    assert [day["engagement"] is None for day in page["series"]] == [True, True, True, False, True]
    assert (page["days_measured"], page["previous"]["days_measured"]) == (2, 4)
    assert {post["kind"] for post in posts} == {"post"}
    assert {post["series"] is None for post in posts} == {True}
    (post,) = show(cli, posts[0]["id"][:10], "--since", "4d")
    assert post["id"] == posts[0]["id"]
    assert post["series"] is not None
    brand, *pages = show(cli, "brand:Acme Co.")
    assert [item["kind"] for item in (brand, *pages)] == ["brand"] + ["page"] * 3


@pytest.mark.parametrize("output", ["table", "json", "jsonl", "yaml", "csv", "tsv"])
def test_show_prints_pages_in_every_format(cli: CommandLine, output: str) -> None:
    fill(cli, 3)
    result = cli.run("analytics", "show", "-o", output)
    assert result.code == 0, result.err
    assert "instagram:acme" in result.out
    assert "\x1b" not in result.out


@pytest.mark.parametrize("words", [("show",), ("best-times",), ("report", "--csv", "-")])
def test_commands_without_a_snapshot_advise_to_collect_one(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    result = cli.run("analytics", *words)
    assert "Collect one with: outreply analytics collect" in result.err
    assert result.code == (2 if "report" in words else 0)
    assert result.out == ""


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "x:nope"), 5, "page not found"),
        (("show", "brand:Nope"), 5, "no snapshots of brand Nope"),
        (("show", "--since", "20y"), 2, "invalid time"),
        (("show", "--since", "0001-01-01"), 2, "--since: '0001-01-01' is out of range"),
        (("show", "--since", "2099-01-01"), 2, "--since: 2099-01-01 is after today"),
        (("report", "--csv", "-", "--since", "2099-01-01"), 2, "--since: 2099-01-01 is after"),
        (("best-times", "x:nope"), 5, "page not found"),
        (("report",), 2, "--html or --csv is required"),
        (("report", "--html", "/nowhere/x.html"), 2, "cannot write /nowhere/x.html"),
    ],
)
def test_errors_name_the_reason(
    cli: CommandLine, words: tuple[str, ...], code: int, message: str
) -> None:
    collect(cli)
    result = cli.run("analytics", *words)
    assert result.code == code, result.err
    assert message.lower() in result.err.lower()


def test_report_as_csv_equals_show(cli: CommandLine) -> None:
    fill(cli, 6, gaps=(3,))
    result = cli.run("analytics", "report", "--csv", "-", "--since", "5d")
    assert result.code == 0, result.err
    rows = list(csv.DictReader(io.StringIO(result.out)))
    expected = [
        {"date": day["date"], "kind": item["kind"], "id": item["id"], "name": item["name"]}
        | {name: "" if day[name] is None else str(day[name]) for name in day}
        for item in show(cli, "--since", "5d")
        for day in item["series"]
    ]
    assert rows == expected


@needs_browser
def test_report_fits_every_width_and_loads_nothing_else(cli: CommandLine, tmp_path: Path) -> None:
    fill(cli, 8, gaps=(3,))
    path = tmp_path / "report.html"
    words = ("analytics", "report", "--html", str(path), "--since", "6d", "--compare")
    assert cli.run(*words).code == 0
    (page,) = (item for item in show(cli, "--since", "6d") if item["name"] == "instagram:acme")
    with Browser(tmp_path / "profile") as browser:
        for width, dark in product((390, 820, 1400), (False, True)):
            tab = browser.open(path.as_uri(), width=width, dark=dark)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            gaps = "[...document.querySelectorAll('section')].find((section) => "
            gaps += "section.querySelector('h2').textContent == 'instagram:acme')"
            found = tab.evaluate(
                f"{gaps}.querySelectorAll('svg')[0].querySelectorAll('.gap').length"
            )
            assert found == sum(day["followers"] is None for day in page["series"])
            text = tab.evaluate("document.body.innerText")
            assert f"{page['followers']:,}" in text
            assert "<script>alert(1)</script>" in text
        assert {*browser.requests} == {path.as_uri()}
        assert browser.messages == []
    assert "<script" not in path.read_text(encoding="utf-8")
    assert "\x1b" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("has_plots", [True, False])
def test_terminal_shows_a_plot_or_a_table_of_the_series(
    cli: CommandLine, tmp_path: Path, has_plots: bool
) -> None:
    fill(cli, 6, gaps=(3,))
    environ = {}
    if not has_plots:
        (tmp_path / "plotext.py").write_text("raise ImportError\n")
        environ["PYTHONPATH"] = str(tmp_path)
    # The server's clock decides which day is today.
    child = cli.at_terminal(
        "analytics", "show", "instagram:acme", "--since", "5d", env=environ, columns=100, lines=80
    )
    child.expect(pexpect.EOF)
    screen = str(child.before)
    child.close()
    assert child.exitstatus == 0, screen
    assert ("┌──" in screen) == has_plots
    assert ("gap" in screen) != has_plots
    assert "\x1b[31m beans" not in screen


@pytest.mark.parametrize(("columns", "has_bars"), [(80, False), (120, True)])
def test_figures_are_one_line_each(cli: CommandLine, columns: int, has_bars: bool) -> None:
    fill(cli, 3)
    child = cli.at_terminal("analytics", "show", "--since", "2d", columns=columns)
    child.expect(pexpect.EOF)
    screen = str(child.before)
    child.close()
    assert child.exitstatus == 0, screen
    # The header, a line below it, and the pages.
    assert len(screen.splitlines()) == 2 + PAGES
    assert ("█" in screen) == has_bars


def test_best_times_needs_enough_posts(cli: CommandLine) -> None:
    fill(cli, 24)
    result = cli.run("analytics", "best-times")
    assert "facebook:acme: not enough data: 1 post was measured" in result.err
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert {row[0] for row in rows} == {"instagram:acme"}
    assert all(int(row[3]) >= 3 for row in rows)
    hours = json.loads(cli.run("analytics", "best-times", "instagram:acme", "--json").out)
    assert sum(hour["posts"] for hour in hours) >= 20
    assert [hour["ranked"] for hour in hours] == sorted(
        (hour["ranked"] for hour in hours), reverse=True
    )


def test_team_shares_snapshots(
    cli: CommandLine, emulator: EmulatorServer, postgres_url: str
) -> None:
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    assert cli.run("store", "migrate").code == 0
    other = make_machine(cli, "other")
    assert statuses(collect(cli)) == ["collected"] * PAGES
    assert statuses(collect(other)) == ["present"] * PAGES
    assert show(other) == show(cli)
    assert run_sql(postgres_url, "SELECT count(*) FROM outreply.analytics_snapshots") == [(PAGES,)]
    assert not (cli.home / "state" / ANALYTICS_FILE).exists()


def test_emulator_without_growth_keeps_the_numbers_of_its_seed(
    tmp_path: Path, emulator_clock: ManualClock, cli_logged_out: CommandLine
) -> None:
    found = []
    for has_growth in (False, True):
        config = EmulatorConfig(has_growth=has_growth, seed=1)
        path = tmp_path / f"{has_growth}.db"
        with EmulatorServer(path, emulator_clock, config=config) as server:
            cli_logged_out.environ["OUTREPLY_API_KEY"] = server.token
            cli_logged_out.environ["OUTREPLY_BASE_URL"] = server.base_url
            for _ in range(2):
                pages = cli_logged_out.run("pages", "list", "--fields", "followers", "--json").out
                posts = ("posts", "list", "--published", "--fields", "metrics.likes", "--json")
                found.append((pages, cli_logged_out.run(*posts).out))
                emulator_clock.advance(86_400)
    assert found[0] == found[1]
    assert found[2][0] != found[3][0]
    assert found[2][1] != found[3][1]


def test_snapshots_are_moved_to_the_store_of_a_team(cli: CommandLine, postgres_url: str) -> None:
    fill(cli, 3)
    shown = show(cli, "instagram:acme")
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    assert cli.run("store", "migrate").code == 0
    for _ in range(2):
        assert cli.run("store", "move").code == 0
    assert show(cli, "instagram:acme") == shown
