"""The client against the emulator, and against envelopes that only the SDKs know."""

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
from tests.scripted_server import ScriptedServer, answer


def scripted(server: ScriptedServer) -> Client:
    token = Token("outreply_live_x")
    return Client(Transport(base_url=server.url, token=token, clock=ManualClock()))


def test_a_post_goes_its_way_from_scheduled_to_published(
    client: Client, emulator_clock: ManualClock
) -> None:
    (page,) = client.pages(platform="instagram").items
    post = client.schedule(
        {"page_id": page["id"], "message": "Hi", "scheduled_at": "2026-11-23T13:00:00Z"}
    )
    assert client.post(post["id"])["status"] == "scheduled"
    emulator_clock.advance(3600)
    published = client.post(post["id"])
    assert published["status"] == "published"
    assert published["published_at"] == "2026-11-23T13:00:00.000Z"
    with pytest.raises(NotFoundError):
        client.cancel(post["id"])


@pytest.mark.parametrize("post_id", ["../me", "..", "a/b", "x?y=1", "né", "a b"])
def test_an_odd_id_stays_one_path_segment_and_is_not_found(client: Client, post_id: str) -> None:
    with pytest.raises(NotFoundError):
        client.scheduled_post(post_id)


def test_either_envelope_is_read_and_a_cursor_is_followed() -> None:
    first = {"data": [{"id": "1"}], "cursor": "c1", "has_more": True}
    second = {"scheduled_posts": [{"id": "2", "new": True}], "has_more": False}
    with ScriptedServer([answer(200, first), answer(200, second)]) as server:
        listing = scripted(server).scheduled_posts()
    assert [item["id"] for item in listing.items] == ["1", "2"]
    assert listing.items[1]["new"] is True
    assert not listing.truncated
    assert [r.path for r in server.received] == [
        "/api/v1/posts/scheduled?limit=100",
        "/api/v1/posts/scheduled?limit=100&cursor=c1",
    ]


def test_a_full_list_without_a_cursor_may_be_cut_off() -> None:
    full = {"scheduled_posts": [{"id": str(n)} for n in range(100)]}
    with ScriptedServer([answer(200, full)]) as server:
        assert scripted(server).scheduled_posts().truncated
        assert not scripted(server).scheduled_posts(most=100).truncated


def test_a_cursor_that_goes_in_circles_ends() -> None:
    page = {"data": [{"id": "1"}], "cursor": "same", "has_more": True}
    with ScriptedServer([answer(200, page)]) as server:
        assert len(scripted(server).published_posts().items) == 2


SINCE = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
POST = {"page_id": "p1", "message": "Hi"}


@pytest.mark.parametrize(
    ("call", "request_line", "body"),
    [
        (lambda api: api.me(), "GET /me", None),
        (lambda api: api.account(), "GET /account", None),
        (lambda api: api.error_catalogue(), "GET /errors", None),
        (lambda api: api.brands(), "GET /brands", None),
        (lambda api: api.brand("b1"), "GET /brands/b1", None),
        (lambda api: api.pages(), "GET /pages", None),
        (lambda api: api.pages(platform="tiktok", brand_id="b1"),
         "GET /pages?platform=tiktok&brand_id=b1", None),
        (lambda api: api.page("p1"), "GET /pages/p1", None),
        (lambda api: api.schedule(POST), "POST /posts/schedule", POST),
        (lambda api: api.publish(POST), "POST /posts/publish", POST),
        (lambda api: api.scheduled_posts(page_id="p1", most=7),
         "GET /posts/scheduled?page_id=p1&limit=7", None),
        (lambda api: api.scheduled_post("s1"), "GET /posts/scheduled/s1", None),
        (lambda api: api.cancel("s1"), "DELETE /posts/scheduled/s1", None),
        (lambda api: api.published_posts(page_id="p1", since=SINCE),
         "GET /posts/published?page_id=p1&since=2026-11-01T09%3A30%3A00Z&limit=100", None),
        (lambda api: api.comments("o1", since=SINCE),
         "GET /comments?post_id=o1&since=2026-11-01T09%3A30%3A00Z&limit=100", None),
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
def test_each_method_asks_as_the_reference_says(
    call: Callable[[Client], object], request_line: str, body: object
) -> None:
    lists = ("errors", "brands", "pages", "scheduled_posts", "published_posts", "comments", "media",
             "webhooks")  # fmt: skip
    found = {"id": "x", "media_id": "m1", **{name: [] for name in lists}}
    with ScriptedServer([answer(200, found)]) as server:
        with suppress(InvalidResponseError):
            call(scripted(server))
        (asked,) = server.received
    assert f"{asked.method} {asked.path}" == request_line.replace(" ", " /api/v1", 1)
    assert (json.loads(asked.body) if asked.body else None) == body
    assert ("idempotency-key" in asked.headers) == (asked.method != "GET")
    assert asked.headers["authorization"] == "Bearer outreply_live_x"
    assert asked.headers.get("content-type") == ("application/json" if body else None)


@pytest.mark.parametrize("body", [[], {}, {"pages": "x"}, {"pages": [1]}, {"pages": None}, "x"])
def test_a_shape_the_reference_does_not_know_has_a_name(body: object) -> None:
    with ScriptedServer([answer(200, json.loads(json.dumps(body)))]) as server:
        with pytest.raises(InvalidResponseError) as failure:
            scripted(server).pages()
    assert failure.value.code == ("UNEXPECTED_SHAPE")


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": ["1"]}])
def test_objects_that_nothing_names_are_a_wrong_answer(item: dict[str, object]) -> None:
    with ScriptedServer([answer(200, {"pages": [{"id": "1"}, item]})]) as server:
        with pytest.raises(InvalidResponseError, match="'id' in each of 'pages'"):
            scripted(server).pages()


@pytest.mark.parametrize(
    "account",
    [{"user": 1}, {"quota": []}, {"quota": {"storage": "x"}}, {"api_key": {"scopes": "*"}}],
)
def test_an_account_of_another_shape_is_a_wrong_answer(account: dict[str, object]) -> None:
    with ScriptedServer([answer(200, account)]) as server:
        with pytest.raises(InvalidResponseError) as failure:
            scripted(server).account()
    assert failure.value.code == "UNEXPECTED_SHAPE"


def test_a_brand_whose_pages_are_none_is_a_wrong_answer() -> None:
    with ScriptedServer([answer(200, {"brand": {"id": "b", "pages": ["p"]}})]) as server:
        with pytest.raises(InvalidResponseError, match="'pages'"):
            scripted(server).brand("b")
