"""TAB in bash, zsh and fish themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.completion.shells import STARTS, Shell, started


@pytest.fixture(params=list(STARTS))
def shell(request: pytest.FixtureRequest, seen: CommandLine) -> Iterator[Shell]:
    with started(request.param, seen) as running:
        yield running


@pytest.fixture
def seen(tmp_path: Path, cli_logged_out: CommandLine, emulator_clock: ManualClock) -> CommandLine:
    """An account whose values were seen, and whose network is gone since."""
    with EmulatorServer(tmp_path / "emulator.db", emulator_clock) as emulator:
        cli_logged_out.environ["OUTREPLY_API_KEY"] = emulator.token
        cli_logged_out.environ["OUTREPLY_BASE_URL"] = emulator.base_url
        assert cli_logged_out.spawn("pages", "list").code == 0
        made = cli_logged_out.spawn(
            "posts", "schedule", "--page", "instagram:acme", "--at", "in 2h", "-m", "Hi $(date)"
        )
        assert made.code == 0, made.err
    return cli_logged_out


def test_words_complete_at_every_level(shell: Shell) -> None:
    assert shell.completed("outreply qu") == ["quota"]
    assert shell.completed("outreply posts resch") == ["posts", "reschedule"]
    assert shell.completed("outreply emulator fault cl") == ["emulator", "fault", "clear"]
    assert shell.completed("outreply posts list --publ") == ["posts", "list", "--published"]
    shown = shell.shown("outreply bulk ")
    assert all(verb in shown for verb in ("apply", "schedule", "template"))


def test_values_that_never_change_complete(shell: Shell) -> None:
    assert shell.completed("outreply errors PAGE_PUBLISH_G") == ["errors", "PAGE_PUBLISH_GUARDRAIL"]
    words = shell.completed("outreply webhooks events comment.rep")
    assert words == ["webhooks", "events", "comment.replied"]
    assert shell.completed("outreply posts list -o jsonl") == ["posts", "list", "-o", "jsonl"]
    assert shell.completed("outreply pages list --platform insta")[-1] == "instagram"
    assert shell.completed("outreply posts list --tz Europe/Par")[-1] == "Europe/Paris"
    # A page's own zone is one to read a time in.
    assert shell.completed("outreply posts schedule --tz bra")[-1] == "brand"
    assert shell.completed("outreply posts list --tz bra")[-1] == "bra"


def test_pages_complete_by_name_with_the_network_down(shell: Shell) -> None:
    words = shell.completed("outreply pages show instagram:a")
    assert words == ["pages", "show", "instagram:acme"]
    words = shell.completed("outreply posts schedule --page tw")
    assert words == ["posts", "schedule", "--page", "twitter:bluebird"]
    assert shell.completed("outreply posts list --page=youtube:b")[-1].endswith(
        "youtube:bluebirdathome"
    )
    shown = shell.shown("outreply pages show ")
    assert all(each in shown for each in ("facebook:acme", "Acme Official", "bluebirdathome"))


def test_posts_complete_with_their_text(shell: Shell, seen: CommandLine) -> None:
    (known,) = answers(seen, "scheduled", "")
    post_id, text = known.split("\t")
    assert "Hi $(date)" in text
    assert shell.completed(f"outreply posts show {post_id[:6]}")[-1] == post_id
    assert shell.completed("outreply posts cancel ")[-1] == post_id


def test_files_complete_where_files_go(shell: Shell, seen: CommandLine) -> None:
    (seen.home / "launch plan.csv").write_text("")
    words = shell.completed("outreply bulk schedule lau")
    assert words == ["bulk", "schedule", "launch plan.csv"]


def test_lists_of_events_complete_after_each_comma(shell: Shell) -> None:
    words = shell.completed("outreply serve-webhook --events post.failed,post.pub")
    assert words[2].startswith("post.failed,post.published")


def test_an_empty_machine_shows_no_error(cli_logged_out: CommandLine) -> None:
    for name in STARTS:
        home = CommandLine(cli_logged_out.home / name, cli_logged_out.clock)
        home.home.mkdir(parents=True)
        with started(name, home) as shell:
            assert shell.completed("outreply pages show x")[:3] == ["pages", "show", "x"]
            assert "rror" not in str(shell.child.before)


def answers(cli: CommandLine, kind: str, prefix: str, *line: str) -> list[str]:
    assert kind == "scheduled"
    ran = cli.spawn("__complete", "posts", "cancel", *line, prefix)
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()[:-1]
