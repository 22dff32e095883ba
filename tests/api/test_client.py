"""The client against the emulator, and against response shapes used by the SDKs."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.errors import InvalidResponseError, NotFoundError
from outreply_cli.api.transport import Transport
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.scripted_server import ScriptedServer, response


def make_client(server: ScriptedServer) -> Client:
    token = Token("outreply_live_x")
    return Client(Transport(base_url=server.url, token=token, clock=ManualClock()))


def test_scheduled_post_is_published_when_due_and_then_not_cancellable(
    client: Client, emulator_clock: ManualClock
) -> None:
    (page,) = client.pages(platform="instagram").items
    post = client.schedule(
        {"page_id": page["id"], "message": "Hi", "scheduled_at": "2026-11-23T13:00:00Z"}
    ).post
    assert client.get_post(post["id"])["status"] == "scheduled"
    emulator_clock.advance(3600)
    published = client.get_post(post["id"])
    assert published["status"] == "published"
    assert published["published_at"] == "2026-11-23T13:00:00.000Z"
    with pytest.raises(NotFoundError):
        client.cancel(post["id"])


@pytest.mark.parametrize("post_id", ["../me", "..", "a/b", "x?y=1", "né", "a b"])
def test_id_is_percent_encoded(client: Client, post_id: str) -> None:
    with pytest.raises(NotFoundError):
        client.scheduled_post(post_id)


def test_list_follows_cursor_and_reads_items_of_any_envelope() -> None:
    first = {"data": [{"id": "1"}], "cursor": "c1", "has_more": True}
    second = {"scheduled_posts": [{"id": "2", "new": True}], "has_more": False}
    with ScriptedServer([response(200, first), response(200, second)]) as server:
        listing = make_client(server).scheduled_posts()
    assert [item["id"] for item in listing.items] == ["1", "2"]
    assert dict(listing.items[1])["new"] is True
    assert not listing.truncated
    assert [r.path for r in server.received] == [
        "/api/v1/posts/scheduled?limit=100",
        "/api/v1/posts/scheduled?limit=100&cursor=c1",
    ]


def test_full_list_without_cursor_is_truncated() -> None:
    full = {"scheduled_posts": [{"id": str(n)} for n in range(100)]}
    with ScriptedServer([response(200, full)]) as server:
        assert make_client(server).scheduled_posts().truncated
        assert not make_client(server).scheduled_posts(limit=100).truncated


@pytest.mark.parametrize(
    ("count", "truncated"), [(99, False), (100, True), (101, False), (250, False)]
)
def test_list_of_media_is_truncated_at_a_limit_only(count: int, truncated: bool) -> None:
    media = [{"media_id": f"m{number}"} for number in range(count)]
    with ScriptedServer([response(200, {"media": media})]) as server:
        listing = make_client(server).media()
    assert (len(listing.items), listing.truncated) == (count, truncated)


def test_repeated_cursor_ends_list() -> None:
    page = {"data": [{"id": "1"}], "cursor": "same", "has_more": True}
    with ScriptedServer([response(200, page)]) as server:
        assert len(make_client(server).published_posts().items) == 2


SINCE = datetime(2026, 11, 1, 9, 30, 25, 268_900, tzinfo=UTC)
POST = {"page_id": "p1", "message": "Hi"}


@pytest.mark.parametrize(
    ("call", "request_line", "request_body"),
    [
        (lambda api: api.me(), "GET /me", None),
        (lambda api: api.account(), "GET /account", None),
        (lambda api: api.error_catalog(), "GET /errors", None),
        (lambda api: api.brands(), "GET /brands", None),
        (lambda api: api.brand("b1"), "GET /brands/b1", None),
        (lambda api: api.pages(), "GET /pages", None),
        (lambda api: api.pages(platform="tiktok", brand_id="b1"),
         "GET /pages?platform=tiktok&brand_id=b1", None),
        (lambda api: api.page("p1"), "GET /pages/p1", None),
        (lambda api: api.schedule(POST), "POST /posts/schedule", POST),
        (lambda api: api.publish(POST), "POST /posts/publish", POST),
        (lambda api: api.scheduled_posts(page_id="p1", limit=7),
         "GET /posts/scheduled?page_id=p1&limit=7", None),
        (lambda api: api.scheduled_post("s1"), "GET /posts/scheduled/s1", None),
        (lambda api: api.cancel("s1"), "DELETE /posts/scheduled/s1", None),
        (lambda api: api.published_posts(page_id="p1", since=SINCE),
         "GET /posts/published?page_id=p1&since=2026-11-01T09%3A30%3A25.268Z&limit=100", None),
        (lambda api: api.comments("o1", since=SINCE),
         "GET /comments?post_id=o1&since=2026-11-01T09%3A30%3A25.268Z&limit=100", None),
        (lambda api: api.reply("c1", "Thanks"), "POST /comments/reply",
         {"comment_id": "c1", "message": "Thanks"}),
        (lambda api: api.media(), "GET /media?limit=100", None),
        (lambda api: api.media_item("m1"), "GET /media/m1", None),
        (lambda api: api.delete_media("m1"), "DELETE /media/m1", None),
        (lambda api: api.webhooks(), "GET /webhooks", None),
        (lambda api: api.webhook("w1"), "GET /webhooks/w1", None),
        (lambda api: api.create_webhook("https://a.b/", ["post.failed"]), "POST /webhooks",
         {"url": "https://a.b/", "events": ["post.failed"]}),
        (lambda api: api.delete_webhook("w1"), "DELETE /webhooks/w1", None),
    ],
)  # fmt: skip
def test_requests_match_reference(
    call: Callable[[Client], object], request_line: str, request_body: object
) -> None:
    lists = ("errors", "brands", "pages", "scheduled_posts", "published_posts", "comments", "media",
             "webhooks")  # fmt: skip
    body = {"id": "x", "media_id": "m1", **{name: [] for name in lists}}
    with ScriptedServer([response(200, body)]) as server:
        with suppress(InvalidResponseError):
            call(make_client(server))
        (request,) = server.received
    assert f"{request.method} {request.path}" == request_line.replace(" ", " /api/v1", 1)
    assert (json.loads(request.body) if request.body else None) == request_body
    assert ("idempotency-key" in request.headers) == (request.method != "GET")
    assert request.headers["authorization"] == "Bearer outreply_live_x"
    assert request.headers.get("content-type") == ("application/json" if request_body else None)


@pytest.mark.parametrize("body", [[], {}, {"pages": "x"}, {"pages": [1]}, {"pages": None}, "x"])
def test_unexpected_list_response_is_an_error(body: object) -> None:
    with ScriptedServer([response(200, json.loads(json.dumps(body)))]) as server:
        with pytest.raises(InvalidResponseError) as caught:
            make_client(server).pages()
    assert caught.value.code == "UNEXPECTED_RESPONSE"


@pytest.mark.parametrize(
    "item", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": ["1"]}, {"id": "\udc00"}]
)
def test_list_item_without_id_is_an_error(item: dict[str, object]) -> None:
    with ScriptedServer([response(200, {"pages": [{"id": "1"}, item]})]) as server:
        with pytest.raises(InvalidResponseError, match="'id' in all items of 'pages'"):
            make_client(server).pages()


@pytest.mark.parametrize(
    "body",
    [{}, {"success": True}, {"post_id": None}, {"post_id": ""}, {"id": False}, {"id": "a\ud800"}],
)
def test_publish_response_without_id_is_an_error_of_unknown_outcome(
    body: dict[str, object],
) -> None:
    with ScriptedServer([response(201, body)]) as server:
        with pytest.raises(InvalidResponseError, match="missing 'post_id'") as caught:
            make_client(server).publish({"page_id": "p", "message": "Hi"})
    assert caught.value.maybe_applied


@pytest.mark.parametrize(
    "account",
    [{"user": 1}, {"quota": []}, {"quota": {"storage": "x"}}, {"api_key": {"scopes": "*"}}],
)
def test_account_with_invalid_types_is_an_error(account: dict[str, object]) -> None:
    with ScriptedServer([response(200, account)]) as server:
        with pytest.raises(InvalidResponseError) as caught:
            make_client(server).account()
    assert caught.value.code == "UNEXPECTED_RESPONSE"


def test_brand_with_invalid_pages_is_an_error() -> None:
    with ScriptedServer([response(200, {"brand": {"id": "b", "pages": ["p"]}})]) as server:
        with pytest.raises(InvalidResponseError, match="'pages'"):
            make_client(server).brand("b")


def test_deletion_that_the_server_denies_is_an_error() -> None:
    denied = response(200, {"success": False, "id": "1"})
    with ScriptedServer([denied] * 3) as server:
        client = make_client(server)
        for delete in (client.cancel, client.delete_media, client.delete_webhook):
            with pytest.raises(InvalidResponseError, match="nothing was deleted"):
                delete("1")
