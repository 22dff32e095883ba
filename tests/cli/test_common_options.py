"""Options of many commands: each is checked or refused wherever it is given."""

import pytest

from tests.command_line import CommandLine

POST = ("--page", "facebook:acme", "-m", "Hi")


@pytest.mark.parametrize("value", ["bogus", "-5", ""])
@pytest.mark.parametrize(
    "words",
    [
        ("posts", "list"),
        ("errors",),
        ("auth", "logout"),
        ("store", "log"),
        ("doctor",),
        ("status",),
    ],
)
def test_invalid_max_wait_is_rejected(cli: CommandLine, words: tuple[str, ...], value: str) -> None:
    ran = cli.run(*words, f"--max-wait={value}")
    assert ran.code == 2
    assert "--max-wait" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("posts", "schedule", "--at", "in 2h", *POST),
        ("posts", "schedule", "--at", "in 2h", *POST, "--key", "k"),
        ("posts", "publish", *POST),
    ],
)
def test_print_with_dry_run_prints_the_request_and_sends_nothing(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    ran = cli.run(*words, "--print", "curl", "--dry-run")
    assert ran.code == 0
    assert ran.out.startswith("curl ")
    assert ran.err.count("Nothing was sent.") == 1


def test_two_exports_to_stdout_are_rejected(cli: CommandLine) -> None:
    ran = cli.run("posts", "export", "--ics", "-", "--csv", "-")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot both be written to stdout" in ran.err


@pytest.mark.parametrize("words", [("posts", "list"), ("pages", "check"), ("store", "status")])
def test_zone_of_the_brand_without_a_page_is_rejected(
    cli: CommandLine, words: tuple[str, ...]
) -> None:
    ran = cli.run(*words, "--tz", "brand")
    assert ran.code == 2
    assert "--tz: 'brand' is only for commands that schedule" in ran.err
