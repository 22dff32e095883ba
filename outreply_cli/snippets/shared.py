"""Parts of requests that several templates print."""

import json
import re
import uuid
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from outreply_cli.api.request_builders import ApiRequest

# Methods of the Python SDK, each with the fields that it takes; one without fields takes an ID or a
# file.
_SDK_METHODS = {
    "POST /posts/schedule": (
        "posts.schedule", "page_id message scheduled_at media_ids link first_comment",
    ),
    "POST /posts/publish": (
        "posts.publish", "page_id message media_ids media_urls first_comment tiktok_settings",
    ),
    "DELETE /posts/scheduled/": ("posts.cancel_scheduled", ""),
    "POST /comments/reply": ("comments.reply", "comment_id message"),
    "POST /media/upload": ("media.upload", ""),
    "DELETE /media/": ("media.delete", ""),
    "POST /webhooks": ("webhooks.create", "url events"),
    "DELETE /webhooks/": ("webhooks.delete", ""),
}  # fmt: skip
# Fields that the methods require; by default, all of their fields.
_REQUIRED = {"posts.schedule": {"page_id", "message", "scheduled_at"}, "posts.publish": {"page_id"}}


class SdkMethod(NamedTuple):
    """A method of the SDKs that sends a request.

    Attributes:
        name: Name in the Python SDK; the Node SDK's has camel case.
        segment: The ID that it takes, percent-encoded; empty if it takes a body or a file.
    """

    name: str
    segment: str

    @property
    def node_name(self) -> str:
        """Name in the Node SDK."""
        return re.sub(r"_(\w)", lambda match: match[1].upper(), self.name)


def find_sdk_method(request: ApiRequest, *, is_python: bool) -> SdkMethod | None:
    """Return the method of the Python or Node SDK that sends exactly `request`, if it has one."""
    path, segment = request.path, ""
    if request.method == "DELETE":
        path, slash, segment = path.rpartition("/")
        path += slash
    name, fields = _SDK_METHODS.get(f"{request.method} {path}", ("", ""))
    has_content = isinstance(request.body, dict) if fields else bool(request.file or segment)
    # The methods that delete take no key.
    has_extras = request.query or request.headers or (segment and request.idempotency_key)
    if not name or not has_content or has_extras:
        return None
    body, known = request.body or {}, set(fields.split())
    # The Python SDK leaves out fields that are None.
    is_complete = _REQUIRED.get(name, known) <= set(body) <= known and None not in body.values()
    return SdkMethod(name, segment) if is_complete or not is_python else None


def url(base_url: str, request: ApiRequest) -> str:
    """Return the URL of `request`, percent-encoded."""
    path = request.path
    if request.query:
        path = f"{path}?{urlencode(request.query)}"
    return base_url + quote(path, safe="!$%&'()*+,-./:;=?@_~")


def get_idempotency_key(request: ApiRequest) -> str:
    """Return the idempotency key of a write: its own, or a new one."""
    return request.idempotency_key or str(uuid.uuid4())


def headers(request: ApiRequest) -> dict[str, str]:
    """Return the headers of `request`, except Authorization."""
    key = {"Idempotency-Key": get_idempotency_key(request)} if request.is_write else {}
    has_type = request.body is None or "content-type" in request.headers
    return {**key, **({} if has_type else {"Content-Type": "application/json"}), **request.headers}


def json_text(value: Any) -> str:
    """Return a JSON document, byte for byte as the command sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
