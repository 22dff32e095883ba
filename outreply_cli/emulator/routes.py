"""The table of endpoints; `openapi.yaml` documents them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outreply_cli.emulator import account, comments, media, posts, webhooks
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.request import RequestContext
from outreply_cli.net.dns import Resolver

API_ROOT = "/api/v1"
_CheckUrls = Callable[[Mapping[str, Any], Resolver, EmulatorConfig], Mapping[str, str]]


@dataclass(frozen=True)
class Route:
    """An endpoint (reference: Endpoint reference).

    Attributes:
        method: The HTTP method.
        path: The path under `/api/v1`, with parameters such as `<page_id>`.
        operation_id: The name of the method in generated clients, and of its documentation.
        scope: The required scope; None if any token may use the endpoint.
        handler: The function that handles a request.
        status: The HTTP status of success.
        check_urls: Checks the URLs in the body, before the state is locked so that name resolution
            blocks no other request.
    """

    method: str
    path: str
    operation_id: str
    scope: str | None
    handler: Callable[[RequestContext], dict[str, Any]]
    status: int = 200
    check_urls: _CheckUrls | None = None


ROUTES: tuple[Route, ...] = (
    Route("GET", "/me", "getMe", None, account.get_me),
    Route("GET", "/account", "getAccount", "read:account", account.get_account),
    Route("GET", "/brands", "listBrands", "read:brands", account.list_brands),
    Route("GET", "/brands/<brand_id>", "getBrand", "read:brands", account.get_brand),
    Route("GET", "/brands/<brand_id>/pages", "listBrandPages", "read:pages",
          account.list_brand_pages),
    Route("GET", "/pages", "listPages", "read:pages", account.list_pages),
    Route("GET", "/pages/<page_id>", "getPage", "read:pages", account.get_page),
    Route("POST", "/posts/schedule", "schedulePost", "write:posts", posts.schedule_post,
          status=201, check_urls=posts.check_urls),
    Route("POST", "/posts/publish", "publishPost", "write:posts", posts.publish_post, status=201,
          check_urls=posts.check_urls),
    Route("GET", "/posts/scheduled", "listScheduledPosts", "read:posts",
          posts.list_scheduled_posts),
    Route("GET", "/posts/scheduled/<post_id>", "getScheduledPost", "read:posts",
          posts.get_scheduled_post),
    Route("DELETE", "/posts/scheduled/<post_id>", "cancelPost", "write:posts", posts.cancel_post),
    Route("GET", "/posts/published", "listPublishedPosts", "read:posts",
          posts.list_published_posts),
    Route("GET", "/comments", "listComments", "read:comments", comments.list_comments),
    Route("POST", "/comments/reply", "replyToComment", "write:comments", comments.reply_to_comment,
          status=201),
    Route("POST", "/media/upload", "uploadMedia", "write:media", media.upload_media, status=201),
    Route("GET", "/media", "listMedia", "read:media", media.list_media),
    Route("GET", "/media/<media_id>", "getMedia", "read:media", media.get_media),
    Route("DELETE", "/media/<media_id>", "deleteMedia", "write:media", media.delete_media),
    Route("GET", "/webhooks", "listWebhooks", None, webhooks.list_webhooks),
    Route("POST", "/webhooks", "createWebhook", None, webhooks.create_webhook, status=201,
          check_urls=webhooks.check_urls),
    Route("GET", "/webhooks/<webhook_id>", "getWebhook", None, webhooks.get_webhook),
    Route("DELETE", "/webhooks/<webhook_id>", "deleteWebhook", None, webhooks.delete_webhook),
)  # fmt: skip
