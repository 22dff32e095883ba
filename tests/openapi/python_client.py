"""Runs every operation with the client that openapi-python-client generates.

Started by `python -m tests.openapi` in an environment that has the client, with an emulator's URL
and token in OUTREPLY_BASE_URL and OUTREPLY_API_KEY.
"""

import json
import os
import pkgutil
import re
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import BytesIO
from types import ModuleType
from typing import Any

import out_reply_api_client.api
from out_reply_api_client import AuthenticatedClient, models
from out_reply_api_client.types import File

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")
IMAGE = "https://93.184.216.34/hero.jpg"


def operations() -> dict[str, ModuleType]:
    """The module of every operation by its name: `list_pages`."""
    package = out_reply_api_client.api
    names = [
        module.name
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not module.ispkg
    ]
    return {name.rpartition(".")[2]: import_module(name) for name in names}


def normalize(value: Any) -> Any:
    """A JSON value with its times in one notation."""
    if isinstance(value, dict):
        return {name: normalize(item) for name, item in value.items()}
    if isinstance(value, list):
        return [normalize(item) for item in value]
    if isinstance(value, str) and TIME.fullmatch(value):
        return datetime.fromisoformat(value)
    return value


class Driver:
    """Calls operations and remembers which."""

    def __init__(self, url: str, token: str) -> None:
        self.client = AuthenticatedClient(base_url=url, token=token)
        self.modules, self.called = operations(), set[str]()

    def call(self, operation: str, *path: str, status: int = 200, **options: Any) -> Any:
        """The parsed response, which must hold all that was received."""
        module = self.modules[operation]
        response = module.sync_detailed(*path, client=self.client, **options)
        assert response.status_code == status, f"{operation}: {response.content!r}"
        received = json.loads(response.content)
        assert normalize(response.parsed.to_dict()) == normalize(received), operation
        self.called.add(operation)
        return response.parsed


def run(driver: Driver) -> None:
    call = driver.call
    call("get_status")
    call("list_errors")
    call("get_open_api")
    assert call("get_me").authenticated_as.email == "roomy@example.com"
    assert call("get_account").tier is models.Tier.ELITE
    brand = call("list_brands").brands[0]
    assert call("get_brand", brand.id).brand.name == brand.name
    assert len(call("list_brand_pages", brand.id).pages) == brand.pages_count
    (page,) = call("list_pages", platform=models.Platform.YOUTUBE).pages
    assert call("get_page", page.id).page.name == page.name

    file = File(BytesIO(PNG), "hero.png", "image/png")
    upload = call("upload_media", body=models.UploadRequest(file), status=201)
    assert upload.size_bytes == len(PNG)
    assert call("get_media", upload.media_id).media.url == upload.url

    scheduled_at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    body = models.ScheduleRequest(
        page.id, scheduled_at, message="Soon", media_ids=[upload.media_id], media_urls=[IMAGE]
    )
    post = call("schedule_post", body=body, idempotency_key="first", status=201).scheduled_post
    assert post.scheduled_at == scheduled_at
    in_use = call("delete_media", upload.media_id, status=409)
    assert in_use.scheduled_post_id == post.id
    assert post.id in {item.id for item in call("list_scheduled_posts", limit=100).scheduled_posts}
    assert call("get_scheduled_post", post.id).scheduled_post.message == "Soon"
    assert call("cancel_post", post.id).success is True
    assert call("get_scheduled_post", post.id, status=404).code == "NOT_FOUND"
    assert call("delete_media", upload.media_id).success is True
    assert upload.media_id not in {item.media_id for item in call("list_media").media}

    live = call("publish_post", body=models.PublishRequest(page.id, message="Live"), status=201)
    before = live.published_at - timedelta(seconds=1)
    published = call("list_published_posts", page_id=page.id, since=before).published_posts
    assert live.post_id in {item.remote_id for item in published}
    (comment,) = call("list_comments", post_id="post1").comments
    reply = models.ReplyRequest(comment.id, "Thanks 💚")
    assert call("reply_to_comment", body=reply, status=201).reply.parent_id == comment.id

    wanted = models.CreateWebhookRequest("http://127.0.0.1:9/", [models.EventName.POST_PUBLISHED])
    hook = call("create_webhook", body=wanted, status=201)
    assert hook.secret == hook.webhook.secret
    assert call("get_webhook", hook.id).url == hook.url
    assert hook.id in {item.id for item in call("list_webhooks").webhooks}
    assert call("delete_webhook", hook.id).id == hook.id


if __name__ == "__main__":
    driver = Driver(os.environ["OUTREPLY_BASE_URL"], os.environ["OUTREPLY_API_KEY"])
    run(driver)
    if missing := sorted(set(driver.modules) - driver.called):
        sys.exit(f"not run: {', '.join(missing)}")
    print(f"{len(driver.called)} operations")
