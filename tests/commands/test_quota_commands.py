"""`outreply quota`, against the emulator."""

import json
from datetime import UTC, datetime, timedelta

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.timestamps import format_timestamp
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response


def set_used(emulator: EmulatorServer, bucket: str, used: int) -> None:
    emulator.state.connection.execute(
        "INSERT INTO usage SELECT id, '2026-11', ?, ? FROM users WHERE true "
        "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = excluded.used",
        (bucket, used),
    )


def parse_rows(text: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in (line.split("\t") for line in text.splitlines())}


def test_piped_show_prints_plain_rows_and_the_reset(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    set_used(emulator, "publishes", 480)
    result = cli.run("quota", "show")
    rows = parse_rows(result.out)
    assert rows["publishes this month"] == ["480", "500", "20", "96%"]
    assert rows["storage (MB)"][1] == "1,024.0"
    assert rows["requests per minute"][1] == "60"
    assert "reset on Tue 01 Dec 2026 01:00 CET (00:00 UTC)" in result.err
    assert "\x1b" not in result.out + result.err


def test_show_guardrails_count_published_and_scheduled_posts(cli: CommandLine) -> None:
    for minutes in (20, 30, 90):
        result = cli.run(
            "posts", "schedule", "--page", "linkedin:acme-co", "--at", f"in {minutes}m",
            "-m", f"In {minutes}",
        )  # fmt: skip
        assert result.code == 0, result.err
    publish = ("posts", "publish", "--page", "linkedin:acme-co", "--yes", "-m")
    assert cli.run(*publish, "Now").code == 0
    rows = parse_rows(cli.run("quota", "show").out)
    assert rows["linkedin:acme-co per hour"][:3] == ["3", "3", "0"]
    assert rows["linkedin:acme-co per 24 hours"][:3] == ["4", "15", "11"]
    assert cli.run(*publish, "Again").code == 6


def test_show_as_json_has_quotas_and_guardrail_usage(cli: CommandLine) -> None:
    account = json.loads(cli.run("quota", "show", "--json").out)
    assert account["tier"] == "pro"
    assert account["quota"]["monthly"]["publishes"]["limit"] == 500
    usages = {usage["name"]: usage for usage in account["guardrail_usage"]}
    assert set(usages) >= {"instagram:acme", "Acme Co."}
    for window in usages["instagram:acme"]["windows"]:
        assert set(window) == {"hours", "used", "limit", "peak", "peak_at"}


def test_show_without_post_scopes_omits_guardrails(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    emulator.state.connection.execute("""UPDATE tokens SET scopes = '["read:account"]'""")
    result = cli.run("quota", "show")
    assert result.code == 0
    assert "publishes this month" in result.out
    assert "requires the scopes read:pages and read:posts" in result.err
    assert json.loads(cli.run("quota", "show", "--json").out)["guardrail_usage"] is None


def test_show_on_terminal_draws_bars(cli: CommandLine) -> None:
    child = cli.at_terminal("quota", "show", env={"NO_COLOR": "1"})
    child.expect("publishes +░+")
    child.expect("per hour")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_check_is_silent_when_enough_remains(cli: CommandLine) -> None:
    result = cli.run(
        "quota", "check", "--min-publishes", "20", "--min-reads", "9", "--warn-at", "80%"
    )
    assert (result.code, result.out, result.err) == (0, "", "")
    check = json.loads(cli.run("quota", "check", "--json").out)
    assert check["enough"] is True
    assert check["remaining"]["publishes"] == 500


def test_check_exits_6_when_short(cli: CommandLine, emulator: EmulatorServer) -> None:
    set_used(emulator, "publishes", 490)
    result = cli.run("quota", "check", "--min-publishes", "20")
    assert (result.code, result.out) == (6, "")
    assert result.err == (
        "Error: Only 10 publishes remaining, 20 required; "
        "resets Tue 01 Dec 2026 01:00 CET (00:00 UTC)\n"
    )
    error = json.loads(cli.run("quota", "check", "--min-publishes", "20", "--json").err)["error"]
    assert error["code"] == "QUOTA_SHORT"
    assert error["details"]["short"] == [{"bucket": "publishes", "remaining": 10, "required": 20}]


def test_check_warns_at_the_given_share(cli: CommandLine, emulator: EmulatorServer) -> None:
    set_used(emulator, "replies", 2_400)
    result = cli.run("quota", "check", "--warn-at", "80%")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("Warning: 80% of this month's replies used, 600 remaining")
    assert cli.run("quota", "check", "--warn-at", "a lot").code == 2


@pytest.mark.parametrize(("used", "percent"), [(285, "57%"), (290, "58%"), (289, "57%")])
def test_percent_is_rounded_down_in_every_command(
    cli: CommandLine, emulator: EmulatorServer, used: int, percent: str
) -> None:
    set_used(emulator, "publishes", used)
    checked = cli.run("quota", "check", "--warn-at", "57%")
    assert checked.err.startswith(f"Warning: {percent} of this month's publishes used")
    assert f"\t{percent}\n" in cli.run("quota", "show").out.partition("replies")[0]


def test_check_without_minimum_requires_1(cli: CommandLine, emulator: EmulatorServer) -> None:
    set_used(emulator, "publishes", 500)
    assert cli.run("quota", "check").code == 6
    assert cli.run("quota", "check", "--min-replies", "1").code == 0


def test_check_of_account_without_quotas_is_not_silent(cli: CommandLine) -> None:
    with ScriptedServer([response(200, {"user": {"id": "1"}})]) as server:
        result = cli.run("quota", "check", env={"OUTREPLY_BASE_URL": server.url})
    assert result.code == 1
    assert "does not report its monthly quotas" in result.err


def test_watch_prints_one_line_per_poll(cli: CommandLine, emulator_clock: ManualClock) -> None:
    result = cli.run("quota", "watch", "--interval", "30s", "--count", "3")
    lines = result.out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [
        "2026-11-23T12:00:00Z", "2026-11-23T12:00:30Z", "2026-11-23T12:01:00Z",
    ]  # fmt: skip
    assert "publishes 0/500" in lines[0]
    assert emulator_clock.sleeps == [30, 30]
    objects = cli.run("quota", "watch", "--count", "2", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["tier"] for line in objects] == ["pro", "pro"]
    assert cli.run("quota", "watch", "--interval", "0s").code == 2


def test_watch_refuses_json(cli: CommandLine) -> None:
    result = cli.run("quota", "watch", "--json")
    assert (result.code, result.out) == (2, "")
    assert "-o jsonl" in result.err


def test_watch_redraws_on_terminal(cli: CommandLine) -> None:
    child = cli.at_terminal("quota", "watch", "--count", "2", "--interval", "1s")
    child.expect("publishes")
    child.expect(r"\x1b\[1A")
    child.expect("publishes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("output", ["table", "json"])
def test_forecast_shows_when_a_quota_runs_out(
    cli: CommandLine, emulator: EmulatorServer, output: str
) -> None:
    set_used(emulator, "publishes", 450)
    result = cli.run("quota", "forecast", "-o", output)
    assert result.code == 0, result.err
    if output == "table":
        assert parse_rows(result.out)["publishes"][4] == "Thu 26 Nov 01:00 (00:00Z)"
        assert parse_rows(result.out)["replies"][4] == "not this month"
    else:
        publishes = json.loads(result.out)[0]
        assert publishes["runs_out_at"] == "2026-11-26T00:00:00Z"
        assert publishes["resets_at"] == "2026-12-01T00:00:00Z"


def test_forecast_includes_webhooks_of_scheduled_posts(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    for url in ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"):
        created = cli.run("webhooks", "create", "--url", url, "--events", "post.published")
        assert created.code == 0, created.err
    assert cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "+1d", "-m", "x").code == 0
    result = cli.run("quota", "forecast", "--json")
    forecasts = {item["bucket"]: item for item in json.loads(result.out)}
    assert forecasts["webhooks"]["at_reset"] == 2
    assert "1 scheduled post is already counted in publishes." in result.err


def test_forecast_counts_scheduled_posts_that_one_list_does_not_hold(
    cli: CommandLine, client: Client, emulator: EmulatorServer
) -> None:
    cli.run("webhooks", "create", "--url", "http://127.0.0.1:9/a", "--events", "post.published")
    start = datetime(2026, 11, 24, tzinfo=UTC)
    ids = {page["platform"]: page["id"] for page in client.pages().items}
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite'")
    for number in range(120):
        at = format_timestamp(start + timedelta(hours=number))
        page_id = ids["twitter" if number % 2 else "facebook"]
        client.schedule({"page_id": page_id, "scheduled_at": at, "message": f"Post {number}"})
    result = cli.run("quota", "forecast", "--json")
    forecasts = {item["bucket"]: item for item in json.loads(result.out)}
    assert "120 scheduled posts are already counted" in result.err
    assert forecasts["webhooks"]["at_reset"] == 120
