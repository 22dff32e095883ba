"""Completion in bash, zsh and fish."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.completion.shells import STARTS, Shell, start_shell


@pytest.fixture(params=list(STARTS))
def shell(request: pytest.FixtureRequest, cli_offline: CommandLine) -> Iterator[Shell]:
    with start_shell(request.param, cli_offline) as running:
        yield running


@pytest.fixture
def cli_offline(
    tmp_path: Path, cli_logged_out: CommandLine, emulator_clock: ManualClock
) -> CommandLine:
    """An account with cached values and a server that no longer runs."""
    with EmulatorServer(tmp_path / "emulator.db", emulator_clock) as emulator:
        cli_logged_out.environ["OUTREPLY_API_KEY"] = emulator.token
        cli_logged_out.environ["OUTREPLY_BASE_URL"] = emulator.base_url
        assert cli_logged_out.spawn("pages", "list").code == 0
        result = cli_logged_out.spawn(
            "posts", "schedule", "--page", "instagram:acme", "--at", "in 2h", "-m", "Hi $(date)"
        )
        assert result.code == 0, result.err
    return cli_logged_out


def test_commands_and_options_are_completed(shell: Shell) -> None:
    assert shell.complete("outreply qu") == ["quota"]
    assert shell.complete("outreply posts resch") == ["posts", "reschedule"]
    assert shell.complete("outreply emulator fault cl") == ["emulator", "fault", "clear"]
    assert shell.complete("outreply posts list --publ") == ["posts", "list", "--published"]
    listed = shell.list_candidates("outreply bulk ")
    assert all(verb in listed for verb in ("apply", "schedule", "template"))


def test_values_of_options_are_completed(shell: Shell) -> None:
    assert shell.complete("outreply errors PAGE_PUBLISH_G") == ["errors", "PAGE_PUBLISH_GUARDRAIL"]
    words = shell.complete("outreply webhooks events comment.rep")
    assert words == ["webhooks", "events", "comment.replied"]
    assert shell.complete("outreply posts list -o jsonl") == ["posts", "list", "-o", "jsonl"]
    assert shell.complete("outreply pages list --platform insta")[-1] == "instagram"
    assert shell.complete("outreply posts list --tz Europe/Par")[-1] == "Europe/Paris"
    # `brand` is a value only where a time is read for a page.
    assert shell.complete("outreply posts schedule --tz bra")[-1] == "brand"
    assert shell.complete("outreply posts list --tz bra")[-1] == "bra"


def test_pages_are_completed_offline(shell: Shell) -> None:
    words = shell.complete("outreply pages show instagram:a")
    assert words == ["pages", "show", "instagram:acme"]
    words = shell.complete("outreply posts schedule --page tw")
    assert words == ["posts", "schedule", "--page", "twitter:bluebird"]
    assert shell.complete("outreply posts list --page=youtube:b")[-1].endswith(
        "youtube:bluebirdathome"
    )
    listed = shell.list_candidates("outreply pages show ")
    assert all(name in listed for name in ("facebook:acme", "Acme Official", "bluebirdathome"))


def test_posts_are_completed_by_id(shell: Shell, cli_offline: CommandLine) -> None:
    (candidate,) = complete(cli_offline, "posts", "cancel", "")
    post_id, text = candidate.split("\t")
    assert "Hi $(date)" in text
    assert shell.complete(f"outreply posts show {post_id[:6]}")[-1] == post_id
    assert shell.complete("outreply posts cancel ")[-1] == post_id


def test_file_names_with_spaces_are_completed(shell: Shell, cli_offline: CommandLine) -> None:
    (cli_offline.home / "launch plan.csv").write_text("")
    words = shell.complete("outreply bulk schedule lau")
    assert words == ["bulk", "schedule", "launch plan.csv"]


def test_comma_separated_events_are_completed(shell: Shell) -> None:
    words = shell.complete("outreply serve-webhook --events post.failed,post.pub")
    assert words[2].startswith("post.failed,post.published")


def test_no_errors_without_cache(cli_logged_out: CommandLine) -> None:
    for name in STARTS:
        home = CommandLine(cli_logged_out.home / name, cli_logged_out.clock)
        home.home.mkdir(parents=True)
        with start_shell(name, home) as shell:
            assert shell.complete("outreply pages show x")[:3] == ["pages", "show", "x"]
            assert "rror" not in str(shell.child.before)


def complete(cli: CommandLine, *words: str) -> list[str]:
    result = cli.spawn("__complete", *words)
    assert (result.code, result.err) == (0, "")
    return result.out.splitlines()[:-1]
