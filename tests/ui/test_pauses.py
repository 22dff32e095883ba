"""Waits for a limit or a server, as a person at a terminal is told of them."""

import io

import pytest

from outreply_cli.app import main
from outreply_cli.context import Context
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, answer

REFUSED = answer(429, {"error": "Too many requests", "code": "RATE_LIMITED"}, retry_after="42")
BRANDS = answer(200, {"brands": []})


class Screen(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


def told(cli_logged_out: CommandLine, script: list[bytes], stream: io.StringIO, *more: str) -> str:
    with ScriptedServer(script) as server:
        environ = {
            **cli_logged_out.environ, "OUTREPLY_BASE_URL": server.url, "OUTREPLY_API_KEY": "outreply_live_x",
        }  # fmt: skip
        context = Context(
            environ=environ, stdout=io.StringIO(), stderr=stream, clock=cli_logged_out.clock
        )
        assert main(["brands", "list", "--json", *more], context) == 0
    return stream.getvalue()


def test_a_person_is_told_why_nothing_happens_and_for_how_long(cli_logged_out: CommandLine) -> None:
    cli_logged_out.clock.next_chance = 0.0
    said = told(cli_logged_out, [REFUSED, BRANDS], Screen())
    assert said.splitlines() == ["Too many requests; it goes on in 42s"]


def test_a_minute_that_is_used_up_is_told_too(cli_logged_out: CommandLine) -> None:
    soon = str(int(cli_logged_out.clock.now().timestamp()) + 30)
    used_up = answer(
        200, {"brands": []}, None,
        x_ratelimit_limit="10", x_ratelimit_remaining="0", x_ratelimit_reset=soon,
    )  # fmt: skip
    with ScriptedServer([used_up]) as server:
        environ = {
            **cli_logged_out.environ, "OUTREPLY_BASE_URL": server.url, "OUTREPLY_API_KEY": "outreply_live_x",
        }  # fmt: skip
        said = []
        for _ in range(2):
            screen = Screen()
            context = Context(
                environ=environ, stdout=io.StringIO(), stderr=screen, clock=cli_logged_out.clock
            )
            assert main(["brands", "list"], context) == 0
            said.append(screen.getvalue())
    assert "goes on" not in said[0]
    assert "The requests of this minute are used up; it goes on in 30s" in said[1]


@pytest.mark.parametrize("more", [["-q"], []])
def test_nobody_is_told_in_a_pipe_or_when_quiet(
    cli_logged_out: CommandLine, more: list[str]
) -> None:
    assert told(cli_logged_out, [REFUSED, BRANDS], Screen() if more else io.StringIO(), *more) == ""


def test_a_moment_is_not_worth_a_word(cli_logged_out: CommandLine) -> None:
    assert told(cli_logged_out, [answer(503, {"error": "busy"}), BRANDS], Screen()) == ""
