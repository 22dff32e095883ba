"""The table of endpoints, from which the API and its OpenAPI document are generated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outreply_cli.emulator import account, comments, media, posts, webhooks
from outreply_cli.emulator.request import NetworkAccess, RequestContext

API_ROOT = "/api/v1"


@dataclass(frozen=True)
class Route:
    """An endpoint (reference: Endpoint reference).

    Attributes:
        method: The HTTP method.
        path: The path below `/api/v1`, as a werkzeug rule.
        operation_id: The name of the method in generated clients.
        scope: The required scope; None if any token may use the endpoint.
        handler: The function that handles a request.
        summary: A one-line description.
        result: The schema of a successful response.
        query: The query parameters; a required one ends in `!`.
        body: The schema of the body; None for no body.
        errors: The possible error codes, besides those of every request.
        status: The HTTP status of success.
        check_urls: Checks the URLs in the body, before the state is locked.
    """

    method: str
    path: str
    operation_id: str
    scope: str | None
    handler: Callable[[RequestContext], dict[str, Any]]
    summary: str
    result: str
    query: tuple[str, ...] = ()
    body: str | None = None
    errors: tuple[str, ...] = ()
    status: int = 200
    check_urls: Callable[[Mapping[str, Any], NetworkAccess], Mapping[str, str]] | None = None


_BODY = ("MISSING_FIELD", "INVALID_FIELD", "INVALID_JSON")
_LIST = ("INVALID_FIELD",)
_PUBLISH = (*_BODY, "INVALID_MEDIA_URL", "NOT_FOUND", "PAGE_PUBLISH_GUARDRAIL",
            "BRAND_PUBLISH_GUARDRAIL")  # fmt: skip
_UPLOAD = ("UPLOAD_ERROR", "INVALID_FILE_CONTENT", "NO_FILE", "FILE_TOO_LARGE", "QUOTA_EXCEEDED")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/me", "getMe", None, account.get_me, "Show the token and its user.", "Me"),
    Route("GET", "/account", "getAccount", "read:account", account.get_account,
          "Show the user, the API key and the remaining quotas.", "Account"),
    Route("GET", "/brands", "listBrands", "read:brands", account.list_brands, "List brands.",
          "BrandList"),
    Route("GET", "/brands/<brand_id>", "getBrand", "read:brands", account.get_brand,
          "Show a brand with its pages.", "BrandResponse", errors=("NOT_FOUND",)),
    Route("GET", "/brands/<brand_id>/pages", "listBrandPages", "read:pages",
          account.list_brand_pages, "List the pages of a brand.", "PageList",
          errors=("NOT_FOUND",)),
    Route("GET", "/pages", "listPages", "read:pages", account.list_pages,
          "List the pages of all brands.", "PageList",
          query=("platform", "brand_id"), errors=(*_LIST, "NOT_FOUND")),
    Route("GET", "/pages/<page_id>", "getPage", "read:pages", account.get_page, "Show a page.",
          "PageResponse", errors=("NOT_FOUND",)),
    Route("POST", "/posts/schedule", "schedulePost", "write:posts", posts.schedule_post,
          "Schedule a post, 10 minutes to 75 days ahead.", "ScheduledPostResponse",
          body="ScheduleRequest", errors=(*_PUBLISH, "INVALID_DATE"), status=201,
          check_urls=posts.check_urls),
    Route("POST", "/posts/publish", "publishPost", "write:posts", posts.publish_post,
          "Publish a post immediately.", "PublishResponse", body="PublishRequest",
          errors=(*_PUBLISH, "PLATFORM_REJECTED"), status=201, check_urls=posts.check_urls),
    Route("GET", "/posts/scheduled", "listScheduledPosts", "read:posts",
          posts.list_scheduled_posts, "List pending posts.", "ScheduledPostList",
          query=("page_id", "limit"), errors=(*_LIST, "NOT_FOUND")),
    Route("GET", "/posts/scheduled/<post_id>", "getScheduledPost", "read:posts",
          posts.get_scheduled_post, "Show a scheduled post.", "ScheduledPostResponse",
          errors=("NOT_FOUND",)),
    Route("DELETE", "/posts/scheduled/<post_id>", "cancelPost", "write:posts", posts.cancel_post,
          "Cancel a pending post.", "DeleteResponse", errors=("NOT_FOUND",)),
    Route("GET", "/posts/published", "listPublishedPosts", "read:posts", posts.list_published_posts,
          "List published posts.", "PublishedPostList", query=("page_id", "limit", "since"),
          errors=(*_LIST, "INVALID_DATE", "NOT_FOUND")),
    Route("GET", "/comments", "listComments", "read:comments", comments.list_comments,
          "List the comments on a post.", "CommentList", query=("post_id!", "limit", "since"),
          errors=(*_LIST, "MISSING_FIELD", "INVALID_DATE", "NOT_FOUND")),
    Route("POST", "/comments/reply", "replyToComment", "write:comments", comments.reply_to_comment,
          "Reply to a comment.", "ReplyResponse", body="ReplyRequest",
          errors=(*_BODY, "NOT_FOUND"), status=201),
    Route("POST", "/media/upload", "uploadMedia", "write:media", media.upload_media,
          "Upload an image or video.", "UploadResponse", body="UploadRequest", errors=_UPLOAD,
          status=201),
    Route("GET", "/media", "listMedia", "read:media", media.list_media, "List uploaded media.",
          "MediaList"),
    Route("GET", "/media/<media_id>", "getMedia", "read:media", media.get_media,
          "Show a media item.", "MediaResponse", errors=("NOT_FOUND",)),
    Route("DELETE", "/media/<media_id>", "deleteMedia", "write:media", media.delete_media,
          "Delete a media item.", "DeleteMediaResponse", errors=("NOT_FOUND", "MEDIA_IN_USE")),
    Route("GET", "/webhooks", "listWebhooks", None, webhooks.list_webhooks, "List webhooks.",
          "WebhookList"),
    Route("POST", "/webhooks", "createWebhook", None, webhooks.create_webhook,
          "Create a webhook; the secret is shown only once.", "CreatedWebhookResponse",
          body="CreateWebhookRequest",
          errors=_BODY, status=201, check_urls=webhooks.check_urls),
    Route("GET", "/webhooks/<webhook_id>", "getWebhook", None, webhooks.get_webhook,
          "Show a webhook.", "WebhookResponse", errors=("NOT_FOUND",)),
    Route("DELETE", "/webhooks/<webhook_id>", "deleteWebhook", None, webhooks.delete_webhook,
          "Delete a webhook.", "DeleteResponse",
          errors=("NOT_FOUND",)),
)  # fmt: skip
