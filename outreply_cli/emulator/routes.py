"""The emulator's endpoints as one table: the source of what is served and of what is described."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from outreply_cli.emulator import account, comments, media, posts, webhooks
from outreply_cli.emulator.request import NetworkAccess, RequestContext

API_ROOT = "/api/v1"


@dataclass(frozen=True)
class Route:
    """One endpoint (reference: Endpoint reference).

    Attributes:
        method: The HTTP method.
        rule: The path below `/api/v1`, in werkzeug's form.
        scope: What the token must hold; None where any token will do.
        answer: What makes the answer.
        about: What it does, in a line.
        result: The schema of success.
        query: Parameters that may stand in the query; those with a `!` must.
        body: The schema of the JSON body; `file` for an upload; None where there is none.
        refusals: Codes that it may refuse with, beyond those of every request.
        status: The status of success.
        look_up: Asks the network about the body, before the state is held.
    """

    method: str
    rule: str
    scope: str | None
    answer: Callable[[RequestContext], dict[str, Any]]
    about: str
    result: str
    query: tuple[str, ...] = ()
    body: str | None = None
    refusals: tuple[str, ...] = ()
    status: int = 200
    look_up: Callable[[Mapping[str, Any], NetworkAccess], Mapping[str, str]] | None = None


_BODY = ("MISSING_FIELD", "INVALID_FIELD", "INVALID_JSON")
_LIST = ("INVALID_FIELD",)
_PUBLISH = (*_BODY, "INVALID_MEDIA_URL", "NOT_FOUND", "PAGE_PUBLISH_GUARDRAIL",
            "BRAND_PUBLISH_GUARDRAIL")  # fmt: skip
_UPLOAD = ("UPLOAD_ERROR", "INVALID_FILE_CONTENT", "NO_FILE", "FILE_TOO_LARGE", "QUOTA_EXCEEDED")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/me", None, account.me, "Who am I, and what is this token?", "Me"),
    Route("GET", "/account", "read:account", account.account,
          "The user, the token and what is left of every quota.", "Account"),
    Route("GET", "/brands", "read:brands", account.brands, "The brands you can reach.", "Brands"),
    Route("GET", "/brands/<brand_id>", "read:brands", account.brand,
          "One brand with its pages.", "OneBrand", refusals=("NOT_FOUND",)),
    Route("GET", "/brands/<brand_id>/pages", "read:pages", account.brand_pages,
          "The pages of one brand.", "Pages", refusals=("NOT_FOUND",)),
    Route("GET", "/pages", "read:pages", account.pages, "Every page of every brand.", "Pages",
          query=("platform", "brand_id"), refusals=(*_LIST, "NOT_FOUND")),
    Route("GET", "/pages/<page_id>", "read:pages", account.page, "One page.", "OnePage",
          refusals=("NOT_FOUND",)),
    Route("POST", "/posts/schedule", "write:posts", posts.schedule,
          "Schedule a post, 10 minutes to 75 days ahead.", "OneScheduledPost",
          body="ScheduleBody", refusals=(*_PUBLISH, "INVALID_DATE"), status=201,
          look_up=posts.look_up),
    Route("POST", "/posts/publish", "write:posts", posts.publish, "Publish a post at once.",
          "Publication", body="PublishBody", refusals=_PUBLISH, status=201,
          look_up=posts.look_up),
    Route("GET", "/posts/scheduled", "read:posts", posts.scheduled_posts, "Pending posts.",
          "ScheduledPosts", query=("page_id", "limit"), refusals=(*_LIST, "NOT_FOUND")),
    Route("GET", "/posts/scheduled/<post_id>", "read:posts", posts.scheduled_post,
          "One pending post.", "OneScheduledPost", refusals=("NOT_FOUND",)),
    Route("DELETE", "/posts/scheduled/<post_id>", "write:posts", posts.cancel,
          "Cancel a pending post.", "Cancelled", refusals=("NOT_FOUND",)),
    Route("GET", "/posts/published", "read:posts", posts.published_posts, "Published posts.",
          "PublishedPosts", query=("page_id", "limit", "since"),
          refusals=(*_LIST, "INVALID_DATE", "NOT_FOUND")),
    Route("GET", "/comments", "read:comments", comments.comments, "Comments on one post.",
          "Comments", query=("post_id!", "limit", "since"),
          refusals=(*_LIST, "MISSING_FIELD", "INVALID_DATE", "NOT_FOUND")),
    Route("POST", "/comments/reply", "write:comments", comments.reply, "Reply to a comment.",
          "Reply", body="ReplyBody", refusals=(*_BODY, "NOT_FOUND"), status=201),
    Route("POST", "/media/upload", "write:media", media.upload, "Upload an image or video.",
          "Upload", body="file", refusals=_UPLOAD, status=201),
    Route("GET", "/media", "read:media", media.media_list, "Uploaded media.", "MediaList",
          query=("limit",), refusals=_LIST),
    Route("GET", "/media/<media_id>", "read:media", media.media_item, "One media item.",
          "OneMedia", refusals=("NOT_FOUND",)),
    Route("DELETE", "/media/<media_id>", "write:media", media.delete, "Delete a media item.",
          "MediaDeleted", refusals=("NOT_FOUND", "MEDIA_IN_USE")),
    Route("GET", "/webhooks", None, webhooks.hooks, "Webhook subscriptions.", "Hooks"),
    Route("POST", "/webhooks", None, webhooks.create,
          "Subscribe a URL to events; the secret is shown once.", "NewHook", body="HookBody",
          refusals=_BODY, status=201, look_up=webhooks.look_up),
    Route("GET", "/webhooks/<hook_id>", None, webhooks.hook, "One subscription.", "OneHook",
          refusals=("NOT_FOUND",)),
    Route("DELETE", "/webhooks/<hook_id>", None, webhooks.delete, "End a subscription.", "Cancelled",
          refusals=("NOT_FOUND",)),
)  # fmt: skip
