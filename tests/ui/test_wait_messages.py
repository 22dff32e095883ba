"""Messages about waits for rate limits and retries."""

import io

import pytest

from outreply_cli.app import main
from outreply_cli.context import Context
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response

RATE_LIMITED = response(
    429, {"error": "Too many requests", "code": "RATE_LIMITED"}, retry_after="42"
)
BRANDS = response(200, {"brands": []})


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def list_brands(cli: CommandLine, url: str, stderr: io.StringIO, *options: str) -> str:
    """Run `brands list` and return what it wrote to `stderr`."""
    environ = {**cli.environ, "OUTREPLY_BASE_URL": url, "OUTREPLY_API_KEY": "outreply_live_x"}
    context = Context(environ=environ, stdout=io.StringIO(), stderr=stderr, clock=cli.clock)
    assert main(["brands", "list", *options], context) == 0
    return stderr.getvalue()


def test_wait_message_is_shown_once_on_terminal(cli_logged_out: CommandLine) -> None:
    cli_logged_out.clock.next_random = 0.0
    with ScriptedServer([RATE_LIMITED, BRANDS]) as server:
        err = list_brands(cli_logged_out, server.url, Terminal(), "--json")
    assert err.splitlines() == ["Too many requests; retrying in 42s"]


def test_wait_message_names_the_rate_limit_when_it_is_used_up(cli_logged_out: CommandLine) -> None:
    soon = str(int(cli_logged_out.clock.now().timestamp()) + 30)
    last_request = response(
        200, {"brands": []}, None,
        x_ratelimit_limit="10", x_ratelimit_remaining="0", x_ratelimit_reset=soon,
    )  # fmt: skip
    with ScriptedServer([last_request]) as server:
        first = list_brands(cli_logged_out, server.url, Terminal())
        second = list_brands(cli_logged_out, server.url, Terminal())
    assert "retrying" not in first
    assert "Rate limit reached; retrying in 30s" in second


def test_no_wait_message_if_quiet(cli_logged_out: CommandLine) -> None:
    with ScriptedServer([RATE_LIMITED, BRANDS]) as server:
        assert list_brands(cli_logged_out, server.url, Terminal(), "--json", "-q") == ""


@pytest.mark.parametrize(("seconds", "is_reported"), [("29", False), ("31", True)])
def test_only_long_waits_are_reported_in_pipe(
    cli_logged_out: CommandLine, seconds: str, *, is_reported: bool
) -> None:
    limited = response(429, {"code": "RATE_LIMITED", "error": "Slow"}, retry_after=seconds)
    with ScriptedServer([limited, BRANDS]) as server:
        shown = list_brands(cli_logged_out, server.url, io.StringIO(), "--json")
    assert ("retrying in" in shown) == is_reported


def test_short_waits_are_silent(cli_logged_out: CommandLine) -> None:
    with ScriptedServer([response(503, {"error": "busy"}), BRANDS]) as server:
        assert list_brands(cli_logged_out, server.url, Terminal(), "--json") == ""
