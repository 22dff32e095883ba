"""The API's endpoints as methods."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, Unpack, cast

from outreply_cli.api import request_builders
from outreply_cli.api.errors import InvalidResponseError, NotFoundError, PermissionDeniedError
from outreply_cli.api.request_builders import path_segment
from outreply_cli.api.resend import LIST_LAG
from outreply_cli.api.responses import Response
from outreply_cli.api.types import (
    Account,
    Brand,
    Comment,
    ErrorEntry,
    Media,
    Page,
    Post,
    TokenInfo,
    Webhook,
)
from outreply_cli.api.validation import find_invalid_field, id_field, is_id, normalize
from outreply_cli.spec.limits import MAX_LIST_LIMIT
from outreply_cli.timestamps import timestamp_or_none

if TYPE_CHECKING:
    from outreply_cli.api.transport import Conditions, Find, Transport

# The clocks of client and server differ by this much at most.
_CLOCK_TOLERANCE = timedelta(seconds=10)
# Any object of the API.
Resource = Mapping[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False, repr=False)
class ListResult(Generic[_T]):
    """Items of a list.

    Attributes:
        items: The objects, in the server's order.
        truncated: Whether more may exist: the response was full and had no cursor, or the list
            changed while its pages were read.
    """

    items: list[_T]
    truncated: bool


class CreatedPost(NamedTuple):
    """A post that was created, and whether the response was that of an earlier request."""

    post: Post
    is_replay: bool


class ClientObserver(Protocol):
    """Receives the objects that a client lists, creates and deletes."""

    def on_list(
        self, list_name: str, items: Sequence[Mapping[str, Any]], *, is_complete: bool
    ) -> None:
        """Objects of a list of the API were received; all of them if `is_complete`."""

    def on_delete(self, list_name: str, item_id: str) -> None:
        """An object of a list of the API was deleted."""


class Client:
    """The endpoints for one account (reference: Endpoint reference).

    Objects keep unknown fields; their IDs and texts are normalized to strings. All methods raise
    what `Transport.send` raises, and InvalidResponseError for an unexpected response.
    """

    def __init__(self, transport: "Transport", observer: ClientObserver | None = None) -> None:
        self.transport = transport
        self._observer = observer

    def now(self) -> datetime:
        """The current time by the server's clock, in UTC."""
        return self.transport.now()

    def earliest_now(self) -> datetime:
        """A lower bound of the server's current time, in UTC."""
        return self.transport.earliest_now()

    def me(self) -> TokenInfo:
        """`GET /me`: the user and the key; needs no scope."""
        response = self.transport.get("/me")
        return _validate(response, _as_object(response), TokenInfo)

    def account(self) -> Account:
        """`GET /account`: the user, the key and live quotas (`read:account`)."""
        response = self.transport.get("/account")
        return _validate(response, _as_object(response), Account)

    def account_or_none(self) -> Account | None:
        """`account`, or None without its scope."""
        try:
            return self.account()
        except PermissionDeniedError:
            return None

    def error_catalog(self) -> list[ErrorEntry]:
        """`GET /errors`: the live catalog; needs no token."""
        return _items(self.transport.get("/errors"), "errors", ErrorEntry)

    def brands(self) -> ListResult[Brand]:
        """`GET /brands` (`read:brands`)."""
        return self._list("/brands", "brands", Brand)

    def brand(self, brand_id: str) -> Brand:
        """`GET /brands/:brandId` with its pages (`read:brands`)."""
        return self._get(f"/brands/{path_segment(brand_id)}", "brand", Brand)

    def brand_zone(self, brand_id: str) -> str:
        """Name of a brand's time zone; UTC if it has none (`read:brands`)."""
        return str(self.brand(brand_id).get("timezone") or "UTC") if brand_id else "UTC"

    def pages(
        self, *, platform: str | None = None, brand_id: str | None = None
    ) -> ListResult[Page]:
        """`GET /pages` (`read:pages`)."""
        return self._list("/pages", "pages", Page, {"platform": platform, "brand_id": brand_id})

    def page(self, page_id: str) -> Page:
        """`GET /pages/:pageId` (`read:pages`)."""
        return self._get(f"/pages/{path_segment(page_id)}", "page", Page)

    def schedule(
        self,
        post: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        **conditions: "Unpack[Conditions]",
    ) -> CreatedPost:
        """`POST /posts/schedule` with the body `post` (`write:posts`)."""
        request = request_builders.schedule_post(post, idempotency_key)
        response = self.transport.send(request, **conditions)
        with _unknown_outcome():
            created = _unwrap(response, "scheduled_post", Post)
        if self._observer is not None:
            self._observer.on_list("scheduled_posts", [created], is_complete=False)
        return CreatedPost(created, _is_replay(response))

    def publish(
        self,
        post: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        **conditions: "Unpack[Conditions]",
    ) -> CreatedPost:
        """`POST /posts/publish` with the body `post` (`write:posts`)."""
        request = request_builders.publish_post(post, idempotency_key)
        response = self.transport.send(request, **conditions)
        with _unknown_outcome():
            created = _validate(response, _as_object(response), Post)
            if not is_id(created.get("id")):
                raise _invalid_response(response, "'post_id'")
        return CreatedPost(created, _is_replay(response))

    def scheduled_posts(
        self, *, page_id: str | None = None, limit: int | None = None
    ) -> ListResult[Post]:
        """`GET /posts/scheduled`, at most `limit` (`read:posts`)."""
        return self._list("/posts/scheduled", "scheduled_posts", Post, {"page_id": page_id}, limit)

    def scheduled_post(self, post_id: str) -> Post:
        """`GET /posts/scheduled/:postId` (`read:posts`)."""
        return self._get(f"/posts/scheduled/{path_segment(post_id)}", "scheduled_post", Post)

    def cancel(
        self, post_id: str, *, idempotency_key: str | None = None, find: "Find | None" = None
    ) -> None:
        """`DELETE /posts/scheduled/:postId` (`write:posts`).

        Raises:
            NotFoundError: The post is cancelled or published, or does not exist.
        """
        self._delete(request_builders.cancel_post(post_id, idempotency_key), find)
        self._notify_deleted("scheduled_posts", post_id)

    def published_posts(
        self, *, page_id: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> ListResult[Post]:
        """`GET /posts/published`, at most `limit`, published after `since` (`read:posts`)."""
        query = {"page_id": page_id, "since": _format_since(since)}
        return self._list("/posts/published", "published_posts", Post, query, limit)

    def find_published(self, name: str) -> Post | None:
        """Return the listed published post whose ID, ID on the platform or URL is `name`.

        Costs one read; if the list is truncated, one more for the list of pages (`read:pages`), and
        up to one for each page.
        """
        listing = self.published_posts()
        found = find_post(name, listing.items)
        if found is not None or not listing.truncated:
            return found
        # `GET /pages` may lack a page of a listed post, or may be forbidden.
        page_ids = {page_id for post in listing.items if (page_id := get_page_id(post))}
        with suppress(PermissionDeniedError):
            page_ids.update(page["id"] for page in self.pages().items)
        listings = (self.published_posts(page_id=page_id).items for page_id in sorted(page_ids))
        return next(filter(None, (find_post(name, posts) for posts in listings)), None)

    def comments(self, post_id: str, *, since: datetime | None = None) -> ListResult[Comment]:
        """`GET /comments` of a published post, created after `since` (`read:comments`)."""
        query = {"post_id": post_id, "since": _format_since(since)}
        return self._list("/comments", "comments", Comment, query)

    def reply(
        self,
        comment_id: str,
        message: str,
        *,
        idempotency_key: str | None = None,
        **conditions: "Unpack[Conditions]",
    ) -> Comment:
        """`POST /comments/reply` (`write:comments`)."""
        request = request_builders.reply_to_comment(comment_id, message, idempotency_key)
        response = self.transport.send(request, **conditions)
        with _unknown_outcome():
            return _unwrap(response, "reply", Comment)

    def media(self) -> ListResult[Media]:
        """`GET /media`: active uploads (`read:media`)."""
        return self._list("/media", "media", Media)

    def media_item(self, media_id: str, *, is_listed: bool = True) -> Media:
        """`GET /media/:mediaId`, or from the list if the server lacks the endpoint.

        Without `is_listed`, the list is not searched: it is known to lack the item.
        """
        try:
            return self._get(f"/media/{path_segment(media_id)}", "media", Media)
        except NotFoundError:
            for item in self.media().items if is_listed else ():
                if item.get("media_id") == media_id:
                    return item
            raise

    def upload(self, file: request_builders.FilePart, find: "Find | None" = None) -> Media:
        """`POST /media/upload` (`write:media`)."""
        response = self.transport.send(request_builders.upload_media(file), find=find)
        try:
            return _unwrap(response, "media", Media)
        except InvalidResponseError as error:
            # The upload is done, whatever the response says.
            raise error.replace(
                message="the file was uploaded, but the API's response has no ID",
                hint="Find the ID with: outreply media list",
                maybe_applied=True,
            ) from None

    def delete_media(self, media_id: str) -> None:
        """`DELETE /media/:mediaId`; raises ApiError `MEDIA_IN_USE` while a post needs it."""

        def find() -> Resource | None:
            listing = self.media()
            ids = {str(item.get("media_id")) for item in listing.items}
            return None if media_id in ids or listing.truncated else {}

        self._delete(request_builders.delete_media(media_id), find)
        self._notify_deleted("media", media_id)

    def webhooks(self) -> ListResult[Webhook]:
        """`GET /webhooks` (used by the SDKs, not in the reference)."""
        return self._list("/webhooks", "webhooks", Webhook)

    def webhook(self, webhook_id: str) -> Webhook:
        """`GET /webhooks/:id` (used by the SDKs, not in the reference)."""
        return self._get(f"/webhooks/{path_segment(webhook_id)}", "webhook", Webhook)

    def create_webhook(self, url: str, events: Sequence[str]) -> Webhook:
        """`POST /webhooks` (used by the SDKs, not in the reference).

        Only the response has the `secret`: if it is lost, the returned webhook has none.
        """
        earliest = self.now() - _CLOCK_TOLERANCE

        def find() -> Webhook | None:
            for hook in self.webhooks().items:
                at = timestamp_or_none(hook.get("created_at"))
                if hook.get("url") == url and at is not None and at >= earliest:
                    return hook
            return None

        response = self.transport.send(request_builders.create_webhook(url, events), find=find)
        with _unknown_outcome():
            return _unwrap(response, "webhook", Webhook)

    def delete_webhook(self, webhook_id: str) -> None:
        """`DELETE /webhooks/:id` (used by the SDKs, not in the reference)."""
        self._delete(request_builders.delete_webhook(webhook_id))
        self._notify_deleted("webhooks", webhook_id)

    def _delete(self, request: request_builders.ApiRequest, find: "Find | None" = None) -> None:
        response = self.transport.send(request, find=find)
        if isinstance(response.body, Mapping) and response.body.get("success") is False:
            message = "the server responded that nothing was deleted"
            raise InvalidResponseError("UNEXPECTED_RESPONSE", message, status=response.status)

    def attached_media(self, post: Mapping[str, Any]) -> list[Media]:
        """Uploads attached to a scheduled post (`read:media`).

        Empty without the scope, or if the server lacks the endpoint.
        """
        try:
            media = self.media().items
        except (PermissionDeniedError, NotFoundError):
            return []
        # The API names one post of an upload; others have its URL.
        names = {
            str(item.get("src")).rpartition("/uploads/")[2]
            for item in post.get("media") or []
            if isinstance(item, dict)
        }
        return [
            item
            for item in media
            if item.get("scheduled_post_id") == post.get("id") or item.get("filename") in names
        ]

    def get_post(self, post_id: str) -> Post:
        """Return a scheduled or published post.

        Raises:
            NotFoundError: Neither list has the post.
        """
        try:
            return self.scheduled_post(post_id)
        except NotFoundError:
            published = self.find_published(post_id)
            if published is None:
                raise
            return {"status": "published", **published}

    def _get(self, path: str, name: str, kind: type[_T]) -> _T:
        return _unwrap(self.transport.get(path), name, kind)

    def _notify_deleted(self, list_name: str, item_id: str) -> None:
        if self._observer is not None:
            self._observer.on_delete(list_name, item_id)

    def _list(
        self,
        path: str,
        name: str,
        kind: type[_T],
        filters: Mapping[str, str | None] | None = None,
        limit: int | None = None,
    ) -> ListResult[_T]:
        query = {key: value for key, value in (filters or {}).items() if value is not None}
        result = self._fetch_pages(path, name, kind, query, limit)
        if self._observer is not None:
            is_complete = not any(query.values()) and limit is None and not result.truncated
            items = cast("list[Resource]", result.items)
            self._observer.on_list(name, items, is_complete=is_complete)
        return result

    def _may_have_shifted(self, items: Sequence[Any], started_at: datetime) -> bool:
        """Whether objects left a list while its pages were read, so that others were skipped."""
        now = self.now()
        due = (post_time(item) for item in items)
        return now - started_at > LIST_LAG or any(at and started_at <= at <= now for at in due)

    def _fetch_pages(
        self, path: str, name: str, kind: type[_T], filters: Mapping[str, str], limit: int | None
    ) -> ListResult[_T]:
        query: dict[str, str | int] = dict(filters)
        has_limit = path.startswith(("/posts/", "/media", "/comments"))
        items: list[_T] = []
        seen_cursors: set[str] = set()
        started_at = self.now()
        while True:
            size = MAX_LIST_LIMIT if limit is None else min(MAX_LIST_LIMIT, limit - len(items))
            if has_limit:
                query["limit"] = size
            response = self.transport.get(path, query)
            page = _items(response, name, kind)
            items += page
            cursor = response.body.get("cursor")
            has_more = response.body.get("has_more") is True and isinstance(cursor, str) and cursor
            if limit is not None and len(items) >= limit:
                return ListResult(items[:limit], truncated=False)
            # A repeated cursor would loop forever.
            if not has_more or cursor in seen_cursors:
                # A full page without `has_more` may be cut off; a longer one shows no limit.
                is_unknown = has_limit and "has_more" not in response.body and len(page) == size
                is_shifted = bool(seen_cursors) and self._may_have_shifted(items, started_at)
                return ListResult(items, truncated=is_unknown or is_shifted)
            seen_cursors.add(cursor)
            query["cursor"] = cursor


def find_post(name: str, posts: Sequence[Post]) -> Post | None:
    """Return the post whose ID, ID on the platform or URL is `name`."""
    for post in posts:
        url = str(post.get("permalink") or "").rstrip("/")
        if name in {post.get("id"), post.get("remote_id")} or name.rstrip("/") == url != "":
            return post
    return None


def get_page_id(post: Mapping[str, Any]) -> str:
    """Return the ID of a post's page; empty if it has none."""
    return str(post.get("page_id") or "")


def post_time(post: Mapping[str, Any]) -> datetime | None:
    """Return `scheduled_at`, else `published_at`, or None if neither is a valid time."""
    return timestamp_or_none(post.get("scheduled_at")) or timestamp_or_none(
        post.get("published_at")
    )


def _format_since(since: datetime | None) -> str | None:
    # The API shows milliseconds, and compares them: whole seconds would list earlier objects.
    if since is None:
        return None
    return since.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _is_replay(response: Response) -> bool:
    return response.headers.get("idempotency-replayed", "").lower() == "true"


@contextmanager
def _unknown_outcome() -> Iterator[None]:
    """Report an unexpected response to a write as one that may have been carried out."""
    try:
        yield
    except InvalidResponseError as error:
        raise error.replace(maybe_applied=True) from None


def _as_object(response: Response) -> Resource:
    if isinstance(response.body, dict):
        return response.body
    raise _invalid_response(response, "an object")


def _validate(response: Response, body: Resource, kind: type[_T]) -> _T:
    path = find_invalid_field(body, kind)
    if path is not None:
        raise _invalid_response(response, f"a valid {path!r}")
    return cast("_T", normalize(body, kind))


def _unwrap(response: Response, name: str, kind: type[_T]) -> _T:
    body = _as_object(response)
    for key in (name, "data"):
        value = body.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict):
            body = value
            break
    body = normalize(body, kind)
    if is_id(body.get(id_field(kind))):
        return _validate(response, body, kind)
    raise _invalid_response(response, f"an object {name!r} with {id_field(kind)!r}")


def _items(response: Response, name: str, kind: type[_T]) -> list[_T]:
    body, id_name = _as_object(response), id_field(kind)
    for envelope in (name, "data"):
        items = body.get(envelope)
        if isinstance(items, list) and all(isinstance(item, dict) for item in items):
            items = [normalize(item, kind) for item in items]
            if not all(is_id(item.get(id_name)) for item in items):
                raise _invalid_response(response, f"{id_name!r} in all items of {name!r}")
            return [_validate(response, item, kind) for item in items]
    raise _invalid_response(response, f"a list {name!r}")


def _invalid_response(response: Response, missing: str) -> InvalidResponseError:
    return InvalidResponseError(
        "UNEXPECTED_RESPONSE",
        f"the API's response is missing {missing}",
        status=response.status,
        request_id=response.request_id,
    )
