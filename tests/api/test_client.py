"""The client against the emulator, and against envelopes that only the SDKs know."""

import json

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.errors import BadAnswerError, NotFoundError
from outreply_cli.api.transport import Transport
from outreply_cli.contract.token import Token
from tests.clocks import ManualClock
from tests.scripted_server import ScriptedServer, answer


def scripted(server: ScriptedServer) -> Client:
    token = Token("outreply_live_x")
    return Client(Transport(base_url=server.url, token=token, clock=ManualClock()))


def test_a_post_goes_its_way_from_scheduled_to_published(
    client: Client, emulated_clock: ManualClock
) -> None:
    (page,) = client.pages(platform="instagram").items
    post = client.schedule(
        {"page_id": page["id"], "message": "Hi", "scheduled_at": "2026-11-23T13:00:00Z"}
    )
    assert client.post(post["id"])["status"] == "scheduled"
    emulated_clock.advance(3600)
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
    assert not listing.cut_off
    assert [r.path for r in server.received] == [
        "/api/v1/posts/scheduled?limit=100",
        "/api/v1/posts/scheduled?limit=100&cursor=c1",
    ]


def test_a_full_list_without_a_cursor_may_be_cut_off() -> None:
    full = {"scheduled_posts": [{"id": str(n)} for n in range(100)]}
    with ScriptedServer([answer(200, full)]) as server:
        assert scripted(server).scheduled_posts().cut_off
        assert not scripted(server).scheduled_posts(most=100).cut_off


def test_a_cursor_that_goes_in_circles_ends() -> None:
    page = {"data": [{"id": "1"}], "cursor": "same", "has_more": True}
    with ScriptedServer([answer(200, page)]) as server:
        assert len(scripted(server).published_posts().items) == 2


@pytest.mark.parametrize("body", [[], {}, {"pages": "x"}, {"pages": [1]}, {"pages": None}, "x"])
def test_a_shape_the_reference_does_not_know_has_a_name(body: object) -> None:
    with ScriptedServer([answer(200, json.loads(json.dumps(body)))]) as server:
        with pytest.raises(BadAnswerError) as failure:
            scripted(server).pages()
    assert failure.value.code == ("UNEXPECTED_SHAPE")


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": ["1"]}])
def test_objects_that_nothing_names_are_a_wrong_answer(item: dict[str, object]) -> None:
    with ScriptedServer([answer(200, {"pages": [{"id": "1"}, item]})]) as server:
        with pytest.raises(BadAnswerError, match="'id' in each of 'pages'"):
            scripted(server).pages()


@pytest.mark.parametrize(
    "account",
    [{"user": 1}, {"quota": []}, {"quota": {"storage": "x"}}, {"api_key": {"scopes": "*"}}],
)
def test_an_account_of_another_shape_is_a_wrong_answer(account: dict[str, object]) -> None:
    with ScriptedServer([answer(200, account)]) as server:
        with pytest.raises(BadAnswerError) as failure:
            scripted(server).account()
    assert failure.value.code == "UNEXPECTED_SHAPE"


def test_a_brand_whose_pages_are_none_is_a_wrong_answer() -> None:
    with ScriptedServer([answer(200, {"brand": {"id": "b", "pages": ["p"]}})]) as server:
        with pytest.raises(BadAnswerError, match="'pages'"):
            scripted(server).brand("b")
