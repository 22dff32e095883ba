"""Responses in shapes that servers use besides those of the reference."""

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.api.decoding import DecodingError, decompress
from outreply_cli.api.errors import ApiError, LimitExceededError
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import Transport
from outreply_cli.spec.token import Token
from outreply_cli.timestamps import format_timestamp
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.media.sample_files import png
from tests.scripted_server import ScriptedServer, response

TOKEN = "outreply_live_" + "a" * 48
PAGE = {"id": 6711, "platform": "twitter", "name": None, "username": "bluebird", "brand_id": 7}
PAGES = response(200, {"pages": [PAGE]})
QUOTA = {
    "error": "Monthly publishes used up", "code": "MONTHLY_QUOTA_EXCEEDED",
    "resets_at": "2027-01-01T00:00:00.000Z",
}  # fmt: skip


def make_client(server: ScriptedServer, policy: RetryPolicy | None = None) -> Client:
    policy = policy or RetryPolicy()
    return Client(
        Transport(base_url=server.url, token=Token(TOKEN), clock=ManualClock(), retry_policy=policy)
    )


def environment(server: ScriptedServer) -> dict[str, str]:
    return {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": server.url}


def get_error(reply: bytes) -> ApiError:
    with ScriptedServer([reply]) as server, pytest.raises(ApiError) as caught:
        make_client(server).me()
    return caught.value


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "the words", "code": "GONE"}}, "the words", "GONE"),
        ({"error": {"detail": "the words", "code": "GONE"}}, "the words", "GONE"),
        ({"error": {"error": {"message": "the words"}}, "code": "GONE"}, "the words", "GONE"),
        ({"errors": [{"message": "the words", "code": "GONE"}]}, "the words", "GONE"),
        ({"errors": [{"title": "one"}, {"title": "two"}]}, "one; two", "HTTP_400"),
        ({"error": ["one", "two"], "code": "GONE"}, "one; two", "GONE"),
        ({"error": True, "message": "the words"}, "the words", "HTTP_400"),
        ({"error": None, "code": None}, "the API responded with 400", "HTTP_400"),
        ({"error": {}, "message": ["the words"]}, "the words", "HTTP_400"),
        ({"error": {"code": 17, "message": {"en": "no"}}}, "the API responded with 400",
         "HTTP_400"),
        ({"detail": [{"loc": ["body"], "message": "the words"}]}, "the words", "HTTP_400"),
        ("just text", "just text", "HTTP_400"),
    ],
)  # fmt: skip
def test_message_and_code_of_a_nested_error_are_found(body: Any, message: str, code: str) -> None:
    error = get_error(response(400, body))
    assert (error.message, error.code) == (message, code)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "errors", "detail", "request_id", "id"]),
            children, max_size=4,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@given(body=JSON, status=st.sampled_from([400, 404, 429, 503]))
@example(body={"error": "slow", "code": []}, status=429)
def test_any_error_body_yields_message(body: Any, status: int) -> None:
    from outreply_cli.api.responses import parse_error
    from outreply_cli.ui.errors import format_error

    error = parse_error(
        status, {}, json.dumps(body).encode(), "host", path="/x", now=ManualClock().now()
    )
    assert error.message
    assert error.code
    format_error(error, as_json=False)
    json.loads(format_error(error, as_json=True))


def test_command_shows_message_and_code_of_a_nested_error(cli_logged_out: CommandLine) -> None:
    reply = response(404, {"error": {"message": "the words of it", "code": "MEDIA_GONE"}})
    with ScriptedServer([reply]) as server:
        text = cli_logged_out.run("media", "show", "77", env=environment(server))
        as_json = cli_logged_out.run("media", "show", "77", "--json", env=environment(server))
    assert text.code == as_json.code == 5
    assert text.err.startswith("Error: The words of it\n  MEDIA_GONE, HTTP 404"), text.err
    error = json.loads(as_json.err)["error"]
    assert (error["code"], error["message"]) == ("MEDIA_GONE", "the words of it")


def test_error_details_are_shown_as_json_not_python(cli_logged_out: CommandLine) -> None:
    body = {"error": "no", "code": "NO", "active": True, "rows": [{"id": None}, None, "text"]}
    with ScriptedServer([response(400, body)]) as server:
        err = cli_logged_out.run("pages", "list", env=environment(server)).err
    assert "active: true" in err
    assert '{"id": null}' in err
    assert "None" not in err


@pytest.mark.parametrize("status", [402, 413, 429])
def test_retry_after_of_a_quota_error_is_the_reset_of_the_quota(status: int) -> None:
    clock = ManualClock()
    reset = str(int(clock.now().timestamp()) + 16)
    error = get_error(response(status, QUOTA, x_ratelimit_reset=reset))
    assert error.retry_after_seconds == (38 * 24 + 12) * 3600


@pytest.mark.parametrize("resets_at", [None, "soon", {}, ""])
@pytest.mark.parametrize("code", ["MONTHLY_QUOTA_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "X_GUARDRAIL"])
def test_quota_without_reset_has_no_retry_after(code: str, resets_at: object) -> None:
    body = {"error": "used up", "code": code, "resets_at": resets_at}
    reset = str(int(ManualClock().now().timestamp()) + 16)
    error = get_error(response(429, body, x_ratelimit_reset=reset))
    assert error.retry_after_seconds is None


@pytest.mark.parametrize("code", ["MONTHLY_QUOTA_EXCEEDED", "DAILY_LIMIT_EXCEEDED"])
def test_reset_in_the_past_means_no_wait(code: str) -> None:
    body = {"error": "x", "code": code, "resets_at": "2026-11-01T00:00:00Z"}
    assert get_error(response(429, body)).retry_after_seconds == 0


@pytest.mark.parametrize("max_wait", [60.0, None])
@pytest.mark.parametrize(
    "value",
    ["999999999999", "9" * 400, "1e300", "4000000001", "90000", "Fri, 31 Dec 9999 23:59:59 GMT"],
)
def test_huge_retry_after_is_an_error_without_retry(value: str, max_wait: float | None) -> None:
    reply = response(429, {"error": "slow down", "code": "RATE_LIMITED"}, retry_after=value)
    with ScriptedServer([reply]) as server:
        client = make_client(server, RetryPolicy(max_wait=max_wait))
        with pytest.raises(LimitExceededError) as caught:
            client.pages()
        assert len(server.received) == 1
    assert caught.value.retry_after_seconds is not None
    assert caught.value.retry_after_seconds >= 86_400


def test_reset_in_milliseconds_is_ignored() -> None:
    milliseconds = str(int((ManualClock().now() + timedelta(seconds=16)).timestamp() * 1000))
    assert get_error(response(429, {}, x_ratelimit_reset=milliseconds)).retry_after_seconds is None


def test_integer_ids_become_text(cli_logged_out: CommandLine) -> None:
    page_reply = response(200, {"page": PAGE})
    with ScriptedServer([PAGES, page_reply, PAGES, page_reply, PAGES]) as server:
        for name in ("6711", "twitter:bluebird"):
            shown = cli_logged_out.run("pages", "show", name, "--json", env=environment(server))
            assert shown.code == 0, shown.err
            page = json.loads(shown.out)
            assert (page["id"], page["brand_id"], page["name"]) == ("6711", "7", None)
        table = cli_logged_out.run("pages", "list", env=environment(server))
    assert "None" not in table.out


@pytest.mark.parametrize(
    "body",
    [
        {"media": {"id": 77}},
        {"media": {"media_id": "77"}},
        {"id": "77"},
        {"media_id": 77, "id": 5},
        {"data": {"id": 77, "filename": None}},
        {"media": [{"id": 77}]},
    ],
)
def test_media_id_is_found_in_each_response_shape(body: dict[str, Any]) -> None:
    with ScriptedServer([response(200, body)]) as server:
        assert make_client(server).media_item("x").get("media_id") == "77"


@pytest.mark.parametrize("key", ["id", "media_id"])
@pytest.mark.parametrize("value", [77, "77"])
def test_listed_media_is_found(key: str, value: object) -> None:
    missing, listed = response(404, {}), response(200, {"media": [{key: value}]})
    with ScriptedServer([missing, listed]) as server:
        assert make_client(server).media_item("77").get("media_id") == "77"


@pytest.mark.parametrize(
    "body",
    [{"scheduled_post": {"post_id": 5}}, {"id": 5}, {"data": {"id": "5", "page_id": 1, "x": None}}],
)
def test_post_id_is_found_in_each_response_shape(body: dict[str, Any]) -> None:
    with ScriptedServer([response(200, body)]) as server:
        assert make_client(server).scheduled_post("5").get("id") == "5"


@pytest.mark.parametrize(
    "body",
    [
        {"id": 77},
        {"media_id": 77},
        {"media": {"id": "77", "filename": None, "size_bytes": None, "quota": None}},
        {"data": {"media_id": "77"}},
    ],
)
def test_upload_id_is_found_in_each_response_shape(
    cli_logged_out: CommandLine, tmp_path: Path, body: dict[str, Any]
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    listed, me = response(200, {"media": []}), response(200, {"authenticated_as": {"user_id": 5}})
    with ScriptedServer([me, me, listed, response(201, body)]) as server:
        ran = cli_logged_out.run(
            "media", "upload", str(tmp_path / "a.png"), "-q", env=environment(server)
        )
        uploads = [item for item in server.received if item.method == "POST"]
    assert (ran.code, ran.out, len(uploads)) == (0, "77\n", 1), ran.err


def test_upload_without_id_is_looked_up(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    me = response(200, {"authenticated_as": {"user_id": 5}})
    created_at = format_timestamp(ManualClock().now())
    item = {"id": 77, "size_bytes": len(png()), "created_at": created_at}
    script = [
        me, me, response(200, {"media": []}), response(201, {"success": True}),
        response(200, {"media": [item]}),
    ]  # fmt: skip
    with ScriptedServer(script) as server:
        ran = cli_logged_out.run(
            "media", "upload", str(tmp_path / "a.png"), "-q", env=environment(server)
        )
        uploads = [item for item in server.received if item.method == "POST"]
    assert (ran.code, ran.out, len(uploads)) == (0, "77\n", 1), ran.err


@pytest.mark.parametrize("name", [None, ""])
def test_login_of_a_user_without_names_succeeds(
    cli_logged_out: CommandLine, name: str | None
) -> None:
    me = {
        "authenticated_as": {"user_id": 5, "email": name, "firstname": name},
        "api_key": {"name": name, "prefix": name, "scopes": None},
    }
    with ScriptedServer([response(200, me)]) as server:
        login = cli_logged_out.run(
            "auth", "login", "--with-token", "--insecure-storage", "--base-url", server.url,
            stdin=TOKEN,
        )  # fmt: skip
        status = cli_logged_out.run("auth", "status")
    assert (login.code, status.code) == (0, 0), login.err + status.err
    assert "None" not in login.out + login.err + status.out


@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=5), size=st.integers(1, 99))
def test_gzip_members_are_decompressed_in_any_chunks(parts: list[bytes], size: int) -> None:
    content = b"".join(map(gzip.compress, parts))
    chunks = [content[index : index + size] for index in range(0, len(content), size)]
    assert decompress(chunks, "gzip", max_bytes=1000) == b"".join(parts)


@pytest.mark.parametrize("end", [b"x", b"\x1f\x8b", gzip.compress(b"more", mtime=0)[:-1]])
def test_incomplete_gzip_member_is_an_error(end: bytes) -> None:
    with pytest.raises(DecodingError):
        decompress([gzip.compress(b"text", mtime=0) + end], "gzip", max_bytes=1000)


def test_fifty_thousand_empty_gzip_members_are_decompressed() -> None:
    content = gzip.compress(b"", mtime=0) * 50_000 + gzip.compress(b"{}", mtime=0)
    assert decompress([content], "gzip", max_bytes=len(content)) == b"{}"


def test_write_with_gzip_members_is_sent_once() -> None:
    body = json.dumps({"scheduled_post": {"id": "p1"}}).encode()
    members = gzip.compress(body[:10], mtime=0) + gzip.compress(body[10:], mtime=0)
    with ScriptedServer([response(201, None, members, content_encoding="gzip")]) as server:
        assert make_client(server).schedule({"page_id": "1"}).post["id"] == "p1"
        assert len(server.received) == 1


@pytest.mark.parametrize("value", [None, 5, [1], [{"a": 1}], {"a": 1}, True, "", "x"])
def test_values_of_other_types_are_not_shown_as_python_literals(
    cli_logged_out: CommandLine, value: object
) -> None:
    texts = dict.fromkeys(("platform", "name", "username", "brand_name", "message"), value)
    post = {"id": "p1", **texts, "page_id": value, "remote_id": value, "permalink": value}
    me = {"authenticated_as": {"email": value}, "api_key": {"name": value, "scopes": ["*"]}}
    replies: dict[str, list[dict[str, Any]]] = {
        "pages list": [{"pages": [{"id": "6711", **texts}]}],
        "brands show 7": [{"brand": {"id": "7", **texts, "pages": [texts]}}],
        "webhooks list": [{"webhooks": [{"id": "1", "url": value, "events": value}]}],
        "media list": [{"media": [{"media_id": "1", "filename": value, "size_bytes": value}]}],
        "posts list --published": [
            {"pages": [{"id": "6711", **texts}]},
            {"published_posts": [{**post, "metrics": {"likes": value}}]},
        ],
        "posts show p1": [
            {"scheduled_post": {**post, "metrics": value, "media": value}},
            {"pages": [{"id": "6711", **texts}]},
        ],
        "doctor": [{}, me, me],
    }
    for words, bodies in replies.items():
        with ScriptedServer([response(200, body) for body in bodies]) as server:
            for extra in ((), ("-o", "csv")):
                result = cli_logged_out.run(*words.split(), *extra, env=environment(server))
                shown = result.out + result.err
                assert "internal error" not in shown.lower(), (words, shown)
                for python in ("None", "True", "{'", "['", "[{'"):
                    assert python not in shown, (words, shown)


def test_text_field_of_another_type_is_read_as_json() -> None:
    page = {"id": "1", "name": {"text": "Bluebird"}, "unknown": {"kept": [True]}, "expired": False}
    with ScriptedServer([response(200, {"pages": [page]})]) as server:
        (read,) = make_client(server).pages().items
    assert read == {**page, "name": '{"text": "Bluebird"}'}
