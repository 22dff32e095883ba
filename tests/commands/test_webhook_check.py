"""`outreply webhooks check`: the responses of the handler, and the report."""

import json
import re
from pathlib import Path

import pytest

from outreply_cli import __version__
from tests.browser import Browser, needs_browser
from tests.command_line import CommandLine
from tests.scripted_server import DROP, ScriptedServer, response
from tests.webhooks.test_conformance import run_handler, verify_delivery

SECRET = "a-secret-without-a-prefix"
OTHER = "key-of-other-commands"
HOSTILE = (
    f"</pre><script>alert(1)</script>\x1b[31m\u202e {SECRET} {OTHER} whsec_{'k' * 24} ".encode()
    + b"\xff\n"
)


@pytest.fixture
def developer(cli_logged_out: CommandLine) -> CommandLine:
    # In a variable that no other command uses.
    cli_logged_out.environ["HANDLER_KEY"] = SECRET
    cli_logged_out.environ["OUTREPLY_WEBHOOK_SECRET"] = OTHER
    cli_logged_out.environ["OUTREPLY_TIMEZONE"] = "Asia/Tokyo"
    return cli_logged_out


def hostile_response(status: int = 200) -> bytes:
    return response(
        status, None, HOSTILE, content_type="text/html", set_cookie="session=c00kie",
        x_auth_token="t0ken", x_debug=f"key {SECRET}",
    )  # fmt: skip


def test_json_has_responses_without_secrets(developer: CommandLine) -> None:
    with ScriptedServer([hostile_response()]) as server:
        ran = developer.run(
            "webhooks", "check", server.url, "--secret-env", "HANDLER_KEY", "--json"
        )
    assert ran.code == 3
    checks = json.loads(ran.out)
    for check in checks:
        shown = check["response"]
        assert (shown["status"], shown["truncated"]) == (200, False)
        assert 0 < shown["connect_ms"] <= shown["first_byte_ms"]
        headers = dict(shown["headers"])
        assert headers["set-cookie"] == headers["x-auth-token"] == "(hidden)"
        assert headers["x-debug"] == "key (hidden)"
        assert headers["content-type"] == "text/html"
        assert "(hidden) (hidden) whsec_(hidden) \\xff" in shown["body"]
    for secret in (SECRET, "kkkk", "c00kie", "t0ken", OTHER):
        assert secret not in ran.out + ran.err
    assert "<script>" not in ran.err


def test_missing_response_is_null_in_json(developer: CommandLine) -> None:
    with ScriptedServer([DROP]) as server:
        ran = developer.run(
            "webhooks", "check", server.url, "--secret-env", "HANDLER_KEY", "--json"
        )
    assert ran.code == 3
    assert {check["response"] for check in json.loads(ran.out)} == {None}


def test_first_lines_of_responses_are_printed(developer: CommandLine) -> None:
    body = b"".join(b"line %d\n" % number for number in range(1, 31))
    script = [hostile_response(500), response(500, None, body)]
    with ScriptedServer(script) as server:
        words = ("webhooks", "check", server.url, "--secret-env", "HANDLER_KEY")
        ran = developer.run(*words)
        quiet = developer.run(*words, "-q")
    assert ran.code == 3
    lines = ran.err.splitlines()
    start = lines.index("valid delivery:")
    assert lines[start + 1] == "  HTTP 500 Internal Server Error"
    assert "\\x1b[31m" in lines[start + 2]
    assert "(hidden) (hidden) whsec_(hidden)" in lines[start + 2]
    # Other checks got the same response, which is printed once.
    start = next(index for index, line in enumerate(lines) if line.startswith("repeated delivery,"))
    assert lines[start + 2 : start + 4] == ["  | line 1", "  | line 2"]
    assert lines[start + 10] == "  (22 more lines)"
    assert ran.err.count("| line 1") == 1
    assert "line 9" not in ran.err
    assert SECRET not in ran.err
    assert OTHER not in ran.err
    assert "  | " not in quiet.err


def test_missing_response_is_reported(developer: CommandLine) -> None:
    with ScriptedServer([DROP]) as server:
        ran = developer.run("webhooks", "check", server.url, "--secret-env", "HANDLER_KEY")
    assert "  No response: connection closed without a response\n" in ran.err


def test_html_report_lists_failures_without_secrets_or_scripts(
    developer: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text("<!doctype html>old")
    with ScriptedServer([hostile_response()]) as server:
        url = f"{server.url}?key=t0psecret&mode=x"
        ran = developer.run(
            "webhooks", "check", url, "--secret-env", "HANDLER_KEY", "--html", str(path)
        )
    assert ran.code == 3
    assert f"Wrote the report to {path}.\n" in ran.err
    assert "missing signature" in ran.out
    assert [file.name for file in tmp_path.iterdir() if "report" in file.name] == ["report.html"]
    page = path.read_text(encoding="utf-8")
    assert f"{server.url}?key=(hidden)&amp;mode=(hidden)" in page
    assert f"outreply {__version__}" in page
    assert re.search(r"<dd>\w{3} \d+ \w{3} \d{4} [\d:]+ JST \([\w :]+ UTC\)</dd>", page)
    assert re.search(r"\d+ of 21 checks failed", page)
    assert "Verify HMAC-SHA256 of the raw body" in page
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)" in page
    assert '<th scope="row">set-cookie</th><td>(hidden)</td>' in page
    assert not re.search(r"<script|<link|<img|<iframe|\ssrc=|\shref=|url\(|@import", page)
    for secret in (SECRET, OTHER, "kkkk", "c00kie", "t0ken", "t0psecret", "\x1b", "\u202e"):
        assert secret not in page


def test_html_report_says_that_all_checks_passed(developer: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    developer.environ["HANDLER_KEY"] = "whsec_of_these_tests"
    with run_handler(verify_delivery) as url:
        ran = developer.run(
            "webhooks", "check", url, "--secret-env", "HANDLER_KEY", "--html", str(path)
        )
    assert ran.code == 0, ran.err
    page = path.read_text(encoding="utf-8")
    assert "all 21 checks passed" in page
    assert "Responses to failed checks" not in page


def test_html_report_is_written_to_stdout(developer: CommandLine) -> None:
    with ScriptedServer([response(500)]) as server:
        words = ("webhooks", "check", server.url, "--secret-env", "HANDLER_KEY", "--html", "-")
        ran = developer.run(*words)
        assert ran.out.startswith("<!doctype html>")
        assert ran.out.endswith("</html>\n")
        count = len(server.received)
        refused = developer.run(*words, "--json")
        assert refused.code == 2
        assert "--html - and -o json both write to stdout" in refused.err
        assert len(server.received) == count


def test_unwritable_report_is_rejected_before_sending(
    developer: CommandLine, tmp_path: Path
) -> None:
    with ScriptedServer([response(500)]) as server:
        words = ("webhooks", "check", server.url, "--secret-env", "HANDLER_KEY", "--html")
        directory = developer.run(*words, str(tmp_path))
        missing = developer.run(*words, str(tmp_path / "missing" / "report.html"))
        (tmp_path / "loop").symlink_to("loop")
        loop = developer.run(*words, str(tmp_path / "loop"))
        assert (directory.code, missing.code, loop.code) == (2, 2, 2)
        assert f"--html: cannot write {tmp_path}: the path is a directory" in directory.err
        assert "its directory does not exist" in missing.err
        assert server.received == []


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_html_report_fits_every_width_and_loads_nothing_else(
    developer: CommandLine, tmp_path: Path, dark: bool
) -> None:
    path = tmp_path / "report.html"
    long = response(500, None, b"x" * 5_000, x_long="y" * 500)
    with ScriptedServer([hostile_response(), long]) as server:
        developer.run(
            "webhooks", "check", server.url, "--secret-env", "HANDLER_KEY", "--html", str(path)
        )
    with Browser(tmp_path / "profile") as browser:
        for width in (390, 1200):
            tab = browser.open(path.as_uri(), width=width, dark=dark)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(18, 22, 27)" if dark else "rgb(246, 247, 249)")
        assert set(browser.requests) == {path.as_uri()}
        assert browser.messages == []
