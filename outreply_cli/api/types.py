"""Types of the API's objects (reference: Endpoint reference).

Any field may be absent. Fields that are not listed here are kept; see `validation.normalize`.
"""

from typing import Any, TypedDict


class User(TypedDict, total=False):
    """The user of a token; `/me` calls the ID `user_id`."""

    id: str
    user_id: str
    email: str
    firstname: str
    lastname: str


class ApiKey(TypedDict, total=False):
    """Metadata of a token."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    brand_ids: list[str]
    expires_at: str | None
    last_used_at: str | None
    request_count: int


class TokenInfo(TypedDict, total=False):
    """Response of `GET /me`."""

    authenticated_as: User
    api_key: ApiKey


class Account(TypedDict, total=False):
    """Response of `GET /account`."""

    user: User
    credits: dict[str, Any]
    tier: str
    api_key: ApiKey
    quota: dict[str, Any]


class Page(TypedDict, total=False):
    """A social page of a brand."""

    id: str
    brand_id: str
    brand_name: str
    platform: str
    name: str
    username: str
    followers: int
    profile_picture: str
    expired: bool
    created_at: str


class Brand(TypedDict, total=False):
    """A brand; `pages` in the response for a single brand only."""

    id: str
    name: str
    logo: str
    timezone: str
    created_at: str
    pages_count: int
    pages: list[Page]


class Attachment(TypedDict, total=False):
    """Media of a post."""

    src: str
    type: str


class Post(TypedDict, total=False):
    """A scheduled or published post; `POST /posts/publish` calls the ID `post_id`."""

    id: str
    post_id: str
    page_id: str
    platform: str
    scheduled_at: str
    published_at: str
    status: str
    message: str | None
    media: list[Attachment]
    first_comment: str | None
    created_at: str
    remote_id: str
    permalink: str
    metrics: dict[str, int]
    error: str | None


class Author(TypedDict, total=False):
    """Author of a comment."""

    name: str
    username: str
    profile_picture: str


class Comment(TypedDict, total=False):
    """A comment on a published post, or a reply to one."""

    id: str
    post_id: str
    platform: str
    author: Author
    message: str
    created_at: str
    replies_count: int
    parent_id: str | None


class Media(TypedDict, total=False):
    """An uploaded file; `url`, `tier` and `quota` (bytes) in the response to an upload only."""

    media_id: str
    filename: str
    size_bytes: int
    type: str
    mime_type: str
    scheduled_post_id: str | None
    created_at: str
    url: str
    tier: str
    quota: dict[str, int]


class Webhook(TypedDict, total=False):
    """A webhook subscription; `secret` in the response to its creation only."""

    id: str
    url: str
    events: list[str]
    secret: str
    created_at: str


class ErrorEntry(TypedDict, total=False):
    """An error code of the live catalog."""

    code: str
    status: int
    category: str
    message: str
    fix: str
