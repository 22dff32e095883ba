"""`outreply quota`, against the emulator."""

import json

import pexpect
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine


def use(emulator: EmulatorServer, bucket: str, used: int) -> None:
    emulator.state.connection.execute(
        "INSERT INTO usage SELECT id, '2026-11', ?1, ?2 FROM users WHERE true "
        "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = ?2",
        (bucket, used),
    )


def rows_of(text: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in (line.split("\t") for line in text.splitlines())}


def test_a_pipe_gets_a_line_for_each_limit(cli: CommandLine, emulator: EmulatorServer) -> None:
    use(emulator, "publishes", 480)
    ran = cli.run("quota", "show")
    rows = rows_of(ran.out)
    assert rows["publishes this month"] == ["480", "500", "20", "96%"]
    assert rows["storage (MB)"][1] == "1,024.0"
    assert rows["requests a minute"][1] == "60"
    assert "reset on Tue 01 Dec 2026 01:00 CET (00:00 UTC)" in ran.err
    assert "\x1b" not in ran.out + ran.err


def test_guardrails_count_what_went_out_and_what_is_scheduled(cli: CommandLine) -> None:
    for minutes in (20, 30, 90):
        ran = cli.run("posts", "schedule", "--page", "linkedin:acme-co", "--at", f"in {minutes}m",
                      "-m", f"In {minutes}")  # fmt: skip
        assert ran.code == 0, ran.err
    assert cli.run("posts", "publish", "--page", "linkedin:acme-co", "-m", "Now", "--yes").code == 0
    rows = rows_of(cli.run("quota", "show").out)
    assert rows["linkedin:acme-co in any hour"][:3] == ["3", "3", "0"]
    assert rows["linkedin:acme-co in any 24 hours"][:3] == ["4", "15", "11"]
    refused = cli.run("posts", "publish", "--page", "linkedin:acme-co", "-m", "Again", "--yes")
    assert refused.code == 6


def test_json_is_the_account_with_more(cli: CommandLine) -> None:
    told = json.loads(cli.run("quota", "show", "--json").out)
    assert told["tier"] == "pro"
    assert told["quota"]["monthly"]["publishes"]["limit"] == 500
    assert {use["name"] for use in told["guardrail_use"]} >= {"instagram:acme", "Acme Co."}


def test_a_token_that_may_not_read_posts_still_sees_the_rest(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    emulator.state.connection.execute("""UPDATE tokens SET scopes = '["read:account"]'""")
    ran = cli.run("quota", "show")
    assert ran.code == 0
    assert "publishes this month" in ran.out
    assert "needs read:pages and read:posts" in ran.err
    assert json.loads(cli.run("quota", "show", "--json").out)["guardrail_use"] is None


def test_a_terminal_gets_bars(cli: CommandLine) -> None:
    child = cli.at_terminal("quota", "show", env={"NO_COLOR": "1"})
    child.expect("publishes +░+")
    child.expect("in any hour")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_check_is_silent_when_enough_is_left(cli: CommandLine) -> None:
    ran = cli.run("quota", "check", "--min-publishes", "20", "--min-reads", "9", "--warn-at", "80%")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    told = json.loads(cli.run("quota", "check", "--json").out)
    assert told["enough"] is True
    assert told["remaining"]["publishes"] == 500


def test_check_exits_6_with_one_line_that_says_what_is_short(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    use(emulator, "publishes", 490)
    ran = cli.run("quota", "check", "--min-publishes", "20")
    assert (ran.code, ran.out) == (6, "")
    assert ran.err == (
        "Error: 10 publishes are left, 20 needed; resets Tue 01 Dec 2026 01:00 CET (00:00 UTC)\n"
    )
    error = json.loads(cli.run("quota", "check", "--min-publishes", "20", "--json").err)["error"]
    assert error["code"] == "QUOTA_SHORT"
    assert error["details"]["short"] == [{"bucket": "publishes", "remaining": 10, "needed": 20}]


def test_check_warns_and_goes_on(cli: CommandLine, emulator: EmulatorServer) -> None:
    use(emulator, "replies", 2_400)
    ran = cli.run("quota", "check", "--warn-at", "80%")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("Warning: 80% of the month's replies are used, 600 are left")
    assert cli.run("quota", "check", "--warn-at", "a lot").code == 2


def test_without_a_minimum_nothing_left_is_short(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    use(emulator, "publishes", 500)
    assert cli.run("quota", "check").code == 6
    assert cli.run("quota", "check", "--min-replies", "1").code == 0


def test_watch_writes_a_line_a_look(cli: CommandLine, emulator_clock: ManualClock) -> None:
    ran = cli.run("quota", "watch", "--interval", "30s", "--max", "3")
    lines = ran.out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [
        "2026-11-23T12:00:00Z", "2026-11-23T12:00:30Z", "2026-11-23T12:01:00Z",
    ]  # fmt: skip
    assert "publishes 0/500" in lines[0]
    assert emulator_clock.sleeps == [30, 30]
    objects = cli.run("quota", "watch", "--max", "2", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["tier"] for line in objects] == ["pro", "pro"]
    assert cli.run("quota", "watch", "--interval", "0s").code == 2


def test_watch_redraws_on_a_terminal(cli: CommandLine) -> None:
    child = cli.at_terminal("quota", "watch", "--max", "2", "--interval", "1s")
    child.expect("publishes")
    child.expect(r"\x1b\[1A")
    child.expect("publishes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("output", ["table", "json"])
def test_forecast_tells_when_a_bucket_runs_out(
    cli: CommandLine, emulator: EmulatorServer, output: str
) -> None:
    use(emulator, "publishes", 450)
    ran = cli.run("quota", "forecast", "-o", output)
    assert ran.code == 0, ran.err
    if output == "table":
        assert rows_of(ran.out)["publishes"][4] == "Thu 26 Nov 01:00 (00:00Z)"
        assert rows_of(ran.out)["replies"][4] == "not this month"
    else:
        publishes = json.loads(ran.out)[0]
        assert publishes["runs_out_at"] == "2026-11-26T00:00:00Z"
        assert publishes["resets_at"] == "2026-12-01T00:00:00Z"


def test_forecast_knows_the_webhooks_of_what_is_scheduled(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    for url in ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"):
        made = cli.run("webhooks", "create", "--url", url, "--events", "post.published")
        assert made.code == 0, made.err
    assert cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "+1d", "-m", "x").code == 0
    ran = cli.run("quota", "forecast", "--json")
    told = {item["bucket"]: item for item in json.loads(ran.out)}
    assert told["webhooks"]["at_reset"] == 2
    assert "1 post is scheduled" in ran.err
