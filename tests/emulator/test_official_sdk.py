"""The official SDK against the emulator."""

from pathlib import Path

import pytest
from outreply import OutReply, OutReplyAuthError, OutReplyError, OutReplyIdempotencyError
from outreply.errors import (
    OutReplyConnectionError,
    OutReplyRateLimitError,
    OutReplyScopeError,
    OutReplyServerError,
    OutReplyValidationError,
)

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock


def get_page_id(sdk: OutReply, platform: str) -> str:
    (page,) = sdk.pages.list(platform=platform)["pages"]
    return str(page["id"])


def test_account_brands_and_pages_are_returned(sdk: OutReply) -> None:
    account = sdk.account.retrieve()
    assert account["tier"] == "pro"
    assert account["quota"]["monthly"]["publishes"] == {"used": 0, "limit": 500, "remaining": 500}
    brands = sdk.brands.list()["brands"]
    assert [(b["name"], b["timezone"], b["pages_count"]) for b in brands] == [
        ("Acme Co.", "Europe/Paris", 3),
        ("Bluebird Coffee", "America/New_York", 3),
    ]
    assert len(sdk.pages.list()["pages"]) == 6
    of_brand = sdk.pages.list(brand_id=brands[0]["id"])["pages"]
    assert {page["platform"] for page in of_brand} == {"facebook", "instagram", "linkedin"}


def test_scheduled_post_is_listed_retrieved_and_cancelled(sdk: OutReply) -> None:
    page_id = get_page_id(sdk, "instagram")
    post = sdk.posts.schedule(
        page_id=page_id,
        message="Launching tomorrow 🚀",
        scheduled_at="2026-11-24T09:00:00Z",
        first_comment="More at acme.com",
    )["scheduled_post"]
    assert post["scheduled_at"] == "2026-11-24T09:00:00.000Z"
    assert post["status"] == "scheduled"
    assert [p["id"] for p in sdk.posts.list_scheduled(page_id=page_id)["scheduled_posts"]] == [
        post["id"]
    ]
    assert sdk.posts.retrieve_scheduled(post["id"])["scheduled_post"] == post
    sdk.posts.cancel_scheduled(post["id"])
    assert sdk.posts.list_scheduled()["scheduled_posts"] == []
    with pytest.raises(OutReplyError) as not_found:
        sdk.posts.cancel_scheduled(post["id"])
    assert (not_found.value.status, not_found.value.code) == (404, "NOT_FOUND")


def test_published_post_is_listed_first(sdk: OutReply) -> None:
    published = sdk.posts.publish(page_id=get_page_id(sdk, "twitter"), message="Live")
    assert (published["platform"], published["status"]) == ("TW", "published")
    newest = sdk.posts.list_published(limit=1)["published_posts"][0]
    assert newest["remote_id"] == published["post_id"]
    assert newest["permalink"] == published["permalink"]


def test_due_post_is_published(sdk: OutReply, emulator_clock: ManualClock) -> None:
    post = sdk.posts.schedule(
        page_id=get_page_id(sdk, "facebook"), message="Soon", scheduled_at="2026-11-23T13:00:00Z"
    )["scheduled_post"]
    emulator_clock.advance(3600)
    newest = sdk.posts.list_published(limit=1)["published_posts"][0]
    assert (newest["id"], newest["published_at"]) == (post["id"], "2026-11-23T13:00:00.000Z")


def test_idempotency_key_repeats_its_response_for_24_hours(
    sdk: OutReply, emulator_clock: ManualClock
) -> None:
    page_id = get_page_id(sdk, "linkedin")

    def schedule(message: str) -> str:
        response = sdk.posts.schedule(
            page_id=page_id,
            message=message,
            scheduled_at="2026-12-24T09:00:00Z",
            idempotency_key="launch",
        )
        return str(response["scheduled_post"]["id"])

    first = schedule("Hello")
    assert schedule("Hello") == first
    with pytest.raises(OutReplyIdempotencyError):
        schedule("Changed")
    emulator_clock.advance(24 * 3600 + 1)
    sdk.posts.cancel_scheduled(first)
    assert schedule("Hello") != first


def test_comments_are_listed_and_answered(sdk: OutReply) -> None:
    posts = sdk.posts.list_published()["published_posts"]
    post = next(p for p in posts if p["platform"] == "instagram")
    comments = sdk.comments.list(post_id=post["id"])["comments"]
    assert len(comments) == post["metrics"]["comments"] == 2
    reply = sdk.comments.reply(comment_id=comments[0]["id"], message="Thanks 💚")["reply"]
    assert reply["parent_id"] == comments[0]["id"]


def test_unknown_token_raises_auth_error(emulator: EmulatorServer) -> None:
    with OutReply("outreply_live_unknown", base_url=emulator.base_url, max_retries=0) as client:
        with pytest.raises(OutReplyAuthError) as error:
            client.account.retrieve()
    assert error.value.code == "INVALID_TOKEN"


def test_time_outside_10_minutes_to_75_days_is_rejected(sdk: OutReply) -> None:
    page_id = get_page_id(sdk, "youtube")
    for scheduled_at in ("2026-11-23T12:09:59Z", "2027-02-06T12:00:01Z", "soon"):
        with pytest.raises(OutReplyError) as error:
            sdk.posts.schedule(page_id=page_id, message="x", scheduled_at=scheduled_at)
        assert (error.value.status, error.value.code) == (400, "INVALID_DATE")
    for scheduled_at in ("2026-11-23T12:10:00Z", "2027-02-06T12:00:00Z"):
        sdk.posts.schedule(page_id=page_id, message="x", scheduled_at=scheduled_at)


def test_media_is_uploaded_listed_and_deleted(sdk: OutReply) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
    created = sdk.media.upload(picture, filename="a.png", mime_type="image/png")
    assert [m["media_id"] for m in sdk.media.list()["media"]] == [created["media_id"]]
    assert created["media_id"] in str(sdk.media.retrieve(created["media_id"]))
    sdk.media.delete(created["media_id"])
    assert sdk.media.list()["media"] == []
    with pytest.raises(OutReplyError) as not_found:
        sdk.media.retrieve(created["media_id"])
    assert not_found.value.status == 404


def test_webhook_is_created_listed_and_deleted(sdk: OutReply) -> None:
    created = sdk.webhooks.create(url="http://127.0.0.1:9/", events=["post.failed"])["webhook"]
    assert created["secret"]
    assert [h["id"] for h in sdk.webhooks.list()["webhooks"]] == [created["id"]]
    assert "secret" not in sdk.webhooks.retrieve(created["id"])["webhook"]
    sdk.webhooks.delete(created["id"])
    assert sdk.webhooks.list()["webhooks"] == []


def schedule_error(emulator: EmulatorServer, **more: str) -> OutReplyError:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    with OutReply(
        emulator.token, base_url=emulator.base_url, max_retries=0, default_headers=headers
    ) as client:
        with pytest.raises(OutReplyError) as raised:
            client.posts.schedule(page_id="nope", message="x", scheduled_at="2026-11-24T09:00Z")
    error: OutReplyError = raised.value
    return error


def test_each_error_raises_its_sdk_type(
    emulator: EmulatorServer,
) -> None:
    db = emulator.state.connection
    missing = schedule_error(emulator)
    assert (type(missing), missing.status, missing.code) == (OutReplyError, 404, "NOT_FOUND")
    db.execute("UPDATE users SET tier = 'free'")
    limited = [schedule_error(emulator) for _ in range(10)][-1]
    assert isinstance(limited, OutReplyRateLimitError)
    assert (limited.code, limited.retry_after_sec) == ("RATE_LIMITED", 61)
    # The reference returns 400 for invalid input; the SDK's validation error is for 422.
    for fault, kind in (
        ("status:422", OutReplyValidationError),
        ("status:500", OutReplyServerError),
        ("status:503", OutReplyServerError),
        ("drop-before", OutReplyConnectionError),
        ("rate-limit:7", OutReplyRateLimitError),
    ):
        assert type(schedule_error(emulator, X_Emulator_Fault=fault)) is kind
    db.execute("UPDATE tokens SET scopes = '[\"read:posts\"]', id = 'another'")
    with OutReply(get_secret(emulator), base_url=emulator.base_url, max_retries=0) as client:
        with pytest.raises(OutReplyScopeError) as denied:
            client.posts.publish(page_id="x", message="x")
    assert denied.value.code == "MISSING_SCOPE"
    db.execute("UPDATE tokens SET revoked_at = 1")
    with OutReply(get_secret(emulator), base_url=emulator.base_url, max_retries=0) as client:
        with pytest.raises(OutReplyAuthError) as revoked:
            client.pages.list()
    assert revoked.value.code == "TOKEN_REVOKED"


def get_secret(emulator: EmulatorServer) -> str:
    return str(emulator.state.connection.execute("SELECT secret FROM tokens").fetchone()[0])


def test_all_sdk_methods_are_tested(sdk: OutReply) -> None:
    source = Path(__file__).read_text()
    resources = ("account", "brands", "pages", "posts", "comments", "media", "webhooks")
    methods = [
        f"sdk.{resource}.{name}("
        for resource in resources
        for name in dir(getattr(sdk, resource))
        if not name.startswith("_")
    ]
    assert len(methods) >= 18
    assert [method for method in methods if method not in source] == []
