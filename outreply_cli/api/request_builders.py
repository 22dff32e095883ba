"""The requests to the API as values: `Client` sends them, and `--print` prints them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote


@dataclass(frozen=True)
class FilePart:
    """The file of an upload.

    Attributes:
        path: Path of the file, as the user wrote it.
        filename: File name for the server.
        mime: Media type of the content.
        stream: Content, read from its start on each attempt; only `read`, `seek` and `tell` are
            called. None if the request is only printed.
    """

    path: str
    filename: str
    mime: str
    stream: IO[bytes] | None = None


@dataclass(frozen=True)
class ApiRequest:
    """A request to the API, without its token.

    Attributes:
        method: HTTP method in uppercase.
        path: Path relative to the base URL, percent-encoded.
        body: Value of the JSON body; None for no body.
        query: Query parameters.
        headers: Further headers.
        idempotency_key: Key of 1 to 120 characters; None for a new one whenever it is sent.
        file: File to send as `multipart/form-data` instead of a JSON body, streamed from disk.
    """

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    file: FilePart | None = None

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return self.method in {"POST", "PUT", "PATCH", "DELETE"}


def create_post(body: Mapping[str, Any], key: str | None = None) -> ApiRequest:
    """The request for a post: published immediately if the body has no `scheduled_at`."""
    return schedule_post(body, key) if "scheduled_at" in body else publish_post(body, key)


def schedule_post(body: Mapping[str, Any], key: str | None = None) -> ApiRequest:
    """The request `POST /posts/schedule`."""
    return ApiRequest("POST", "/posts/schedule", dict(body), idempotency_key=key)


def publish_post(body: Mapping[str, Any], key: str | None = None) -> ApiRequest:
    """The request `POST /posts/publish`."""
    return ApiRequest("POST", "/posts/publish", dict(body), idempotency_key=key)


def cancel_post(post_id: str, key: str | None = None) -> ApiRequest:
    """The request `DELETE /posts/scheduled/:postId`."""
    return ApiRequest("DELETE", f"/posts/scheduled/{path_segment(post_id)}", idempotency_key=key)


def reply_to_comment(comment_id: str, message: str, key: str | None = None) -> ApiRequest:
    """The request `POST /comments/reply`."""
    body = {"comment_id": comment_id, "message": message}
    return ApiRequest("POST", "/comments/reply", body, idempotency_key=key)


def upload_media(file: FilePart) -> ApiRequest:
    """The request `POST /media/upload`."""
    return ApiRequest("POST", "/media/upload", file=file)


def delete_media(media_id: str) -> ApiRequest:
    """The request `DELETE /media/:mediaId`."""
    return ApiRequest("DELETE", f"/media/{path_segment(media_id)}")


def create_webhook(url: str, events: Sequence[str]) -> ApiRequest:
    """The request `POST /webhooks` (used by the SDKs, not in the reference)."""
    return ApiRequest("POST", "/webhooks", {"url": url, "events": list(events)})


def delete_webhook(webhook_id: str) -> ApiRequest:
    """The request `DELETE /webhooks/:id` (used by the SDKs, not in the reference)."""
    return ApiRequest("DELETE", f"/webhooks/{path_segment(webhook_id)}")


def path_segment(identifier: str) -> str:
    """Return an ID as one segment of a path, whatever it contains."""
    if identifier in {".", ".."}:
        return identifier.replace(".", "%2E")
    return quote(identifier, safe="", errors="surrogateescape")
