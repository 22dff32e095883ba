"""The query of `outreply api`: of the path, of fields, and of further pages."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response


def query(path: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("/x?platform=instagram",), {"platform": "instagram"}),
        (("/x?a=1&b=%26%20%C3%A9&c=",), {"a": "1", "b": "& é", "c": ""}),
        (("/x?a=1", "-f", "b=2"), {"a": "1", "b": "2"}),
        (("/x", "-f", "b=2"), {"b": "2"}),
        (("/x", "-F", "b=null", "-F", "c=true", "-F", "d=2"), {"b": "null", "c": "true", "d": "2"}),
        (
            ("/x", "-F", 'b=["1"]', "-F", "c=None", "-F", 'd="2"'),
            {"b": '["1"]', "c": "None", "d": "2"},
        ),
    ],
)
def test_query_of_path_is_sent(
    cli_logged_out: CommandLine, method: str, words: tuple[str, ...], expected: dict[str, str]
) -> None:
    cli = cli_logged_out
    cli.environ["OUTREPLY_API_KEY"] = "outreply_live_abc"
    with ScriptedServer([response()]) as server:
        cli.environ["OUTREPLY_BASE_URL"] = server.url
        ran = cli.run("api", method, *words)
    assert ran.code == 0, ran.err
    (received,) = server.received
    if method == "POST":
        expected = {name: value for name, value in expected.items() if name in words[0]}
    assert query(received.path) == expected
    printed = cli.run("api", method, *words, "--print", "curl")
    for name in expected:
        assert f"{name}=" in printed.out


def test_further_pages_keep_the_query(cli_logged_out: CommandLine) -> None:
    cli = cli_logged_out
    cli.environ["OUTREPLY_API_KEY"] = "outreply_live_abc"
    first = response(200, {"pages": [1], "has_more": True, "cursor": "next"})
    with ScriptedServer([first, response(200, {"pages": [2]})]) as server:
        cli.environ["OUTREPLY_BASE_URL"] = server.url
        ran = cli.run("api", "GET", "/pages?platform=tiktok", "--paginate")
    assert json.loads(ran.out) == {"pages": [1, 2]}
    assert [query(received.path) for received in server.received] == [
        {"platform": "tiktok"}, {"platform": "tiktok", "cursor": "next"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words", [("/pages?a=1&a=2",), ("/pages?a=1", "-f", "a=2"), ("/pages?a=1", "-F", "a=1")]
)
def test_repeated_parameter_is_rejected(cli: CommandLine, words: tuple[str, ...]) -> None:
    ran = cli.run("api", "GET", *words)
    assert ran.code == 2
    assert "query parameter 'a' is given twice" in ran.err
