"""The API's resources as methods; objects come back as the API sent them, unknown fields kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from outreply_cli.api.errors import InvalidResponseError, NotFoundError, PermissionDeniedError
from outreply_cli.api.responses import Response
from outreply_cli.api.validation import (
    ACCOUNT,
    ME,
    PARTS_OF,
    Validator,
    find_invalid_field,
    id_field,
    is_id,
)
from outreply_cli.spec.limits import LIST_LIMIT_MAX
from outreply_cli.timestamps import format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from outreply_cli.api.transport import Transport
    from outreply_cli.api.uploading import Upload

Resource = dict[str, Any]


@dataclass(frozen=True)
class ListResult:
    """What a list call gave.

    Attributes:
        items: The objects, in the server's order.
        truncated: Whether there may be more that the server would not give: it answered with as
            many as one call can hold and offered no cursor.
    """

    items: list[Resource]
    truncated: bool


class ClientObserver(Protocol):
    """Told of the objects that pass."""

    def on_list(self, listing: str, items: Sequence[Resource], *, is_whole: bool) -> None:
        """Objects of the list that the API calls `listing`; all of them when it `is_whole`."""

    def on_delete(self, listing: str, identity: str) -> None:
        """An object of that list is there no longer."""


class Client:
    """The resources of one account (reference: Endpoint reference).

    Args:
        transport: Sends the requests.
        observer: Told of what is listed, made and deleted.

    Every method raises what `Transport.request` raises, and BadAnswerError for a shape that the
    reference does not know.
    """

    def __init__(self, transport: "Transport", observer: ClientObserver | None = None) -> None:
        self.transport = transport
        self._observer = observer

    def now(self) -> datetime:
        """The present instant by the server's clock, in UTC."""
        return self.transport.now()

    def me(self) -> Resource:
        """`GET /me`: who the token belongs to; any token will do."""
        return _with_parts(self.transport.request("GET", "/me"), ME)

    def account(self) -> Resource:
        """`GET /account`: the user, the key and live quotas (`read:account`)."""
        return _with_parts(self.transport.request("GET", "/account"), ACCOUNT)

    def account_or_none(self) -> Resource | None:
        """`account`; None where the token may not read it."""
        try:
            return self.account()
        except PermissionDeniedError:
            return None

    def error_catalogue(self) -> list[Resource]:
        """`GET /errors`: the live catalogue; needs no token."""
        return _items(self.transport.request("GET", "/errors"), "errors")

    def brands(self) -> ListResult:
        """`GET /brands` (`read:brands`)."""
        return self._list("/brands", "brands")

    def brand(self, brand_id: str) -> Resource:
        """`GET /brands/:brandId` with its pages (`read:brands`)."""
        return self._one(f"/brands/{_segment(brand_id)}", "brand")

    def brand_zone(self, brand_id: str) -> str:
        """The name of a brand's time zone; UTC where it has none (`read:brands`)."""
        return str(self.brand(brand_id).get("timezone") or "UTC")

    def pages(self, *, platform: str | None = None, brand_id: str | None = None) -> ListResult:
        """`GET /pages` (`read:pages`)."""
        return self._list("/pages", "pages", {"platform": platform, "brand_id": brand_id})

    def page(self, page_id: str) -> Resource:
        """`GET /pages/:pageId` (`read:pages`)."""
        return self._one(f"/pages/{_segment(page_id)}", "page")

    def schedule(self, post: Mapping[str, Any], *, idempotency_key: str | None = None) -> Resource:
        """`POST /posts/schedule`: `post` is the request's body (`write:posts`)."""
        answer = self.transport.request(
            "POST", "/posts/schedule", body=dict(post), idempotency_key=idempotency_key
        )
        made = _named(answer, "scheduled_post")
        if self._observer is not None:
            self._observer.on_list("scheduled_posts", [made], is_whole=False)
        return made

    def publish(self, post: Mapping[str, Any], *, idempotency_key: str | None = None) -> Resource:
        """`POST /posts/publish`: `post` is the request's body (`write:posts`)."""
        return _as_object(
            self.transport.request(
                "POST", "/posts/publish", body=dict(post), idempotency_key=idempotency_key
            )
        )

    def scheduled_posts(self, *, page_id: str | None = None, most: int | None = None) -> ListResult:
        """`GET /posts/scheduled`, up to `most` of them (`read:posts`)."""
        return self._list("/posts/scheduled", "scheduled_posts", {"page_id": page_id}, most)

    def scheduled_post(self, post_id: str) -> Resource:
        """`GET /posts/scheduled/:postId` (`read:posts`)."""
        return self._one(f"/posts/scheduled/{_segment(post_id)}", "scheduled_post")

    def cancel(self, post_id: str, *, idempotency_key: str | None = None) -> None:
        """`DELETE /posts/scheduled/:postId` (`write:posts`).

        Raises:
            NotFoundError: It is cancelled or published already, or never was.
        """
        self.transport.request(
            "DELETE", f"/posts/scheduled/{_segment(post_id)}", idempotency_key=idempotency_key
        )
        self._miss("scheduled_posts", post_id)

    def published_posts(
        self,
        *,
        page_id: str | None = None,
        since: datetime | None = None,
        most: int | None = None,
    ) -> ListResult:
        """`GET /posts/published`, up to `most` of them, after `since` (`read:posts`)."""
        query = {"page_id": page_id, "since": format_timestamp(since) if since else None}
        return self._list("/posts/published", "published_posts", query, most)

    def find_published(self, post_id: str, *, since: datetime | None = None) -> Resource | None:
        """The published post called `post_id`, by our id or the platform's, if the list has it."""
        for post in self.published_posts(since=since).items:
            if post_id in {post.get("id"), post.get("remote_id")}:
                return post
        return None

    def comments(self, post_id: str, *, since: datetime | None = None) -> ListResult:
        """`GET /comments`: those on a published post, created after `since` (`read:comments`)."""
        query = {"post_id": post_id, "since": format_timestamp(since) if since else None}
        return self._list("/comments", "comments", query)

    def reply(
        self, comment_id: str, message: str, *, idempotency_key: str | None = None
    ) -> Resource:
        """`POST /comments/reply` (`write:comments`)."""
        answer = self.transport.request(
            "POST",
            "/comments/reply",
            body={"comment_id": comment_id, "message": message},
            idempotency_key=idempotency_key,
        )
        return _named(answer, "reply")

    def media(self) -> ListResult:
        """`GET /media`: active uploads (`read:media`)."""
        return self._list("/media", "media")

    def media_item(self, media_id: str) -> Resource:
        """`GET /media/:mediaId`; where the server has no such route, from the list."""
        try:
            return _unwrapped(
                self.transport.request("GET", f"/media/{_segment(media_id)}"), "media"
            )
        except NotFoundError as missing:
            for item in self.media().items:
                if item.get("media_id") == media_id:
                    return item
            raise missing from None

    def upload(self, upload: "Upload") -> Resource:
        """`POST /media/upload`: the API's object, with `media_id` (`write:media`)."""
        return _unwrapped(self.transport.upload("/media/upload", upload), "media")

    def delete_media(self, media_id: str) -> None:
        """`DELETE /media/:mediaId`; raises ApiError `MEDIA_IN_USE` while a post waits for it."""
        self.transport.request("DELETE", f"/media/{_segment(media_id)}")
        self._miss("media", media_id)

    def webhooks(self) -> ListResult:
        """`GET /webhooks` (not in the reference; the SDKs call it)."""
        return self._list("/webhooks", "webhooks")

    def webhook(self, webhook_id: str) -> Resource:
        """`GET /webhooks/:id` (not in the reference; the SDKs call it)."""
        return self._one(f"/webhooks/{_segment(webhook_id)}", "webhook")

    def create_webhook(self, url: str, events: Sequence[str]) -> Resource:
        """`POST /webhooks`: with the `secret`, which no other answer holds (the SDKs call it)."""
        body = {"url": url, "events": list(events)}
        return _named(self.transport.request("POST", "/webhooks", body=body), "webhook")

    def delete_webhook(self, webhook_id: str) -> None:
        """`DELETE /webhooks/:id` (not in the reference; the SDKs call it)."""
        self.transport.request("DELETE", f"/webhooks/{_segment(webhook_id)}")
        self._miss("webhooks", webhook_id)

    def post_media(self, post_id: str) -> list[Resource]:
        """The uploaded media that are attached to a scheduled post (`read:media`).

        A token that may not read media, or a server without that route, shows none.
        """
        try:
            media = self.media().items
        except (PermissionDeniedError, NotFoundError):
            return []
        return [item for item in media if item.get("scheduled_post_id") == post_id]

    def post(self, post_id: str) -> Resource:
        """The post called `post_id`, scheduled or published.

        Raises:
            NotFoundError: It is in neither list.
        """
        try:
            return self.scheduled_post(post_id)
        except NotFoundError as missing:
            published = self.find_published(post_id)
            if published is None:
                raise missing from None
            return {"status": "published", **published}

    def _one(self, path: str, name: str) -> Resource:
        return _named(self.transport.request("GET", path), name)

    def _miss(self, listing: str, identity: str) -> None:
        if self._observer is not None:
            self._observer.on_delete(listing, identity)

    def _list(
        self,
        path: str,
        name: str,
        query: Mapping[str, str | None] | None = None,
        most: int | None = None,
    ) -> ListResult:
        found = self._read_list(path, name, query or {}, most)
        if self._observer is not None:
            is_filtered = any((query or {}).values())
            is_whole = not is_filtered and most is None and not found.truncated
            self._observer.on_list(name, found.items, is_whole=is_whole)
        return found

    def _read_list(
        self, path: str, name: str, query: Mapping[str, str | None], most: int | None
    ) -> ListResult:
        asked: dict[str, str | int] = {k: v for k, v in query.items() if v is not None}
        paged = path.startswith(("/posts/", "/media", "/comments"))
        items: list[Resource] = []
        seen_cursors: set[str] = set()
        while True:
            wanted = LIST_LIMIT_MAX if most is None else min(LIST_LIMIT_MAX, most - len(items))
            if paged:
                asked["limit"] = wanted
            answer = self.transport.request("GET", path, query=asked)
            batch = _items(answer, name)
            items += batch
            cursor = answer.body.get("cursor")
            more = answer.body.get("has_more") is True and isinstance(cursor, str) and bool(cursor)
            if most is not None and len(items) >= most:
                return ListResult(items[:most], truncated=False)
            # A server that hands out the same cursor again would keep us here for ever.
            if not more or cursor in seen_cursors:
                unsaid = "has_more" not in answer.body
                return ListResult(items, truncated=paged and unsaid and len(batch) >= wanted)
            seen_cursors.add(cursor)
            asked["cursor"] = cursor


def post_time(post: Mapping[str, Any]) -> datetime | None:
    """When `post` is or was due: `scheduled_at`, else `published_at`; None if neither reads."""
    for name in ("scheduled_at", "published_at"):
        value = post.get(name)
        if isinstance(value, str):
            try:
                return parse_timestamp(value)
            except ValueError:
                continue
    return None


def _segment(identifier: str) -> str:
    # An id from a user must stay one path segment, whatever is in it.
    return (
        quote(identifier, safe="", errors="surrogateescape")
        if identifier not in {".", ".."}
        else "%2E"
    )


def _as_object(answer: Response) -> Resource:
    if isinstance(answer.body, dict):
        return answer.body
    raise _unexpected(answer, "an object")


def _with_parts(answer: Response, parts: Mapping[str, Validator]) -> Resource:
    return _checked(answer, _as_object(answer), parts)


def _checked(answer: Response, found: Resource, parts: Mapping[str, Validator]) -> Resource:
    path = find_invalid_field(found, parts)
    if path is not None:
        raise _unexpected(answer, f"what is expected of {path!r}")
    return found


def _unwrapped(answer: Response, name: str) -> Resource:
    body = _as_object(answer)
    inner = body.get(name, body.get("data", body))
    if isinstance(inner, dict) and isinstance(inner.get("media_id"), str):
        return inner
    raise _unexpected(answer, "an object with 'media_id'")


def _named(answer: Response, name: str) -> Resource:
    body = _as_object(answer)
    for envelope in (name, "data"):
        if isinstance(body.get(envelope), dict):
            body = body[envelope]
            break
    if is_id(body.get("id")):
        return _checked(answer, body, PARTS_OF.get(name, {}))
    raise _unexpected(answer, f"an object with {name!r}")


def _items(answer: Response, name: str) -> list[Resource]:
    body, identity = _as_object(answer), id_field(name)
    for envelope in (name, "data"):
        found = body.get(envelope)
        if isinstance(found, list) and all(isinstance(item, dict) for item in found):
            if not all(is_id(item.get(identity)) for item in found):
                raise _unexpected(answer, f"{identity!r} in each of {name!r}")
            return [_checked(answer, item, PARTS_OF.get(name, {})) for item in found]
    raise _unexpected(answer, f"a list called {name!r}")


def _unexpected(answer: Response, wanted: str) -> InvalidResponseError:
    return InvalidResponseError(
        "UNEXPECTED_SHAPE",
        f"the API answered without {wanted}",
        status=answer.status,
        request_id=answer.request_id,
    )
