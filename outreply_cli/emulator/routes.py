"""The emulator's endpoints as one table, the source of what is served."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from outreply_cli.emulator import account, comments, hooks, media, posts
from outreply_cli.emulator.call import Call


@dataclass(frozen=True)
class Route:
    """One endpoint (reference: Endpoint reference).

    Attributes:
        method: The HTTP method.
        rule: The path below `/api/v1`, in werkzeug's form.
        scope: What the token must hold; None where any token will do.
        answer: What makes the answer.
        status: The status of success.
    """

    method: str
    rule: str
    scope: str | None
    answer: Callable[[Call], dict[str, Any]]
    status: int = 200


ROUTES: tuple[Route, ...] = (
    Route("GET", "/me", None, account.me),
    Route("GET", "/account", "read:account", account.account),
    Route("GET", "/brands", "read:brands", account.brands),
    Route("GET", "/brands/<brand_id>", "read:brands", account.brand),
    Route("GET", "/brands/<brand_id>/pages", "read:pages", account.brand_pages),
    Route("GET", "/pages", "read:pages", account.pages),
    Route("GET", "/pages/<page_id>", "read:pages", account.page),
    Route("POST", "/posts/schedule", "write:posts", posts.schedule, 201),
    Route("POST", "/posts/publish", "write:posts", posts.publish, 201),
    Route("GET", "/posts/scheduled", "read:posts", posts.scheduled_posts),
    Route("GET", "/posts/scheduled/<post_id>", "read:posts", posts.scheduled_post),
    Route("DELETE", "/posts/scheduled/<post_id>", "write:posts", posts.cancel),
    Route("GET", "/posts/published", "read:posts", posts.published_posts),
    Route("POST", "/media/upload", "write:media", media.upload, 201),
    Route("GET", "/media", "read:media", media.media_list),
    Route("GET", "/media/<media_id>", "read:media", media.media_item),
    Route("DELETE", "/media/<media_id>", "write:media", media.delete),
    Route("GET", "/webhooks", None, hooks.hooks),
    Route("POST", "/webhooks", None, hooks.create, 201),
    Route("GET", "/webhooks/<hook_id>", None, hooks.hook),
    Route("DELETE", "/webhooks/<hook_id>", None, hooks.delete),
    Route("GET", "/comments", "read:comments", comments.comments),
    Route("POST", "/comments/reply", "write:comments", comments.reply, 201),
)
