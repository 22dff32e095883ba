"""JSON Schemas (2020-12) of requests and responses (reference: Endpoint reference)."""

from collections.abc import Mapping
from typing import Any

from outreply_cli.spec.limits import EVENTS, EVERY_SCOPE, MESSAGE_MAX_CHARACTERS, SCOPES, TIERS
from outreply_cli.spec.platforms import PLATFORMS

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_BOOLEAN: Schema = {"type": "boolean"}
_TIMESTAMP: Schema = {"type": "string", "format": "date-time"}
_STRING_OR_NULL: Schema = {"type": ["string", "null"]}
_TIMESTAMP_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
PLATFORM: Schema = {"type": "string", "enum": [platform.name for platform in PLATFORMS]}
_CODE: Schema = {"type": "string", "enum": [platform.code for platform in PLATFORMS]}
_EVENT: Schema = {"type": "string", "enum": list(EVENTS)}
_SCOPE: Schema = {"type": "string", "enum": [*SCOPES, EVERY_SCOPE]}
_TIER: Schema = {"type": "string", "enum": list(TIERS)}


def component(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _array(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


_NAMES = {"email": STRING, "firstname": STRING, "lastname": STRING}
_KEY = {"id": STRING, "name": STRING, "prefix": STRING, "scopes": _array(_SCOPE),
        "expires_at": _TIMESTAMP_OR_NULL}  # fmt: skip
_BUCKET = _object({"used": COUNT, "limit": {"type": ["integer", "null"]},
                   "remaining": {"type": ["integer", "null"]}})  # fmt: skip
_PAGE = {"id": STRING, "brand_id": STRING, "platform": PLATFORM, "name": STRING, "username": STRING,
         "followers": COUNT, "expired": _BOOLEAN}  # fmt: skip
_BRAND = {"id": STRING, "name": STRING, "logo": _STRING_OR_NULL, "timezone": STRING}
_MESSAGE: Schema = {"type": "string", "maxLength": MESSAGE_MAX_CHARACTERS}
_POST_BODY = {
    "message": {
        **_MESSAGE,
        "description": "Post text; required unless there is a media item.",
    },
    "media_ids": {**_array(STRING), "description": "IDs of uploaded media."},
    "media_urls": {**_array(STRING), "description": "Public https URLs."},
    "first_comment": {
        **STRING,
        "description": "Posted right after the post is published (Instagram, Facebook).",
    },
    "tiktok_settings": {"type": "object", "description": "TikTok options."},
    "link": STRING,
}
_MEDIA = {"media_id": STRING, "filename": STRING, "size_bytes": COUNT,
          "type": {"type": "string", "enum": ["photo", "video"]}, "mime_type": STRING}  # fmt: skip
_WEBHOOK = {"id": STRING, "url": STRING, "events": _array(_EVENT), "active": _BOOLEAN,
         "consecutive_failures": COUNT, "created_at": _TIMESTAMP}  # fmt: skip
_TRUE: Schema = {"type": "boolean", "const": True}

COMPONENTS: dict[str, Schema] = {
    "ApiKey": _object({**_KEY, "brand_ids": _array(STRING), "last_used_at": _TIMESTAMP_OR_NULL,
                    "request_count": COUNT}),
    "Me": _object({
        "authenticated_as": _object({"user_id": STRING, **_NAMES}), "api_key": _object(_KEY),
    }),
    "Storage": _object({"used_bytes": COUNT, "limit_bytes": COUNT, "remaining_bytes": COUNT}),
    "Account": _object({
        "user": _object({"id": STRING, **_NAMES}),
        "credits": _object({"remaining": COUNT, "plan": _TIER}),
        "tier": _TIER,
        "api_key": component("ApiKey"),
        "quota": _object({
            "storage": {**component("Storage"), "properties": {"max_file_bytes": COUNT},
                        "required": ["max_file_bytes"]},
            "rate_limit": _object({"per_minute": COUNT, "per_day": COUNT}),
            "monthly": _object({
                "year_month": STRING, "resets_at": _TIMESTAMP,
                **dict.fromkeys(("publishes", "replies", "reads", "webhooks", "writes"), _BUCKET),
                "total_requests": COUNT,
            }),
            "publish_guardrails": _object({
                "perPage": {"type": "object", "additionalProperties":
                            _object({"perHour": COUNT, "per24h": COUNT})},
                "minGapBetweenSchedulesMs": COUNT, "perBrandPer24hSafetyNet": COUNT,
            }),
        }),
    }),
    "Page": _object({**_PAGE, "brand_name": STRING}),
    "PageList": _object({"pages": _array(component("Page"))}),
    "PageResponse": _object({"page": _object({
        **_PAGE, "profile_picture": _STRING_OR_NULL, "created_at": _TIMESTAMP})}),
    "BrandList": _object({"brands": _array(_object({
        **_BRAND, "created_at": _TIMESTAMP, "pages_count": COUNT}))}),
    "BrandResponse": _object({"brand": _object({**_BRAND, "pages": _array(component("Page"))})}),
    "ScheduleRequest": _object({"page_id": STRING, "scheduled_at": _TIMESTAMP}, _POST_BODY),
    "PublishRequest": _object({"page_id": STRING}, _POST_BODY),
    "PostMedia": _object({"src": STRING, "type": STRING}),
    "ScheduledPost": _object(
        {"id": STRING, "page_id": STRING, "platform": PLATFORM, "scheduled_at": _TIMESTAMP_OR_NULL,
         "status": {"type": "string", "enum": ["scheduled", "failed"]}, "message": _STRING_OR_NULL,
         "media": _array(component("PostMedia")), "first_comment": _STRING_OR_NULL,
         "created_at": _TIMESTAMP},
        {"tiktok_settings": {"type": "object"}, "link": STRING},
    ),
    "ScheduledPostResponse": _object({"scheduled_post": component("ScheduledPost")}),
    "ScheduledPostList": _object({"scheduled_posts": _array(component("ScheduledPost"))}),
    "PublishResponse": _object({
        "post_id": STRING, "platform": _CODE, "published_at": _TIMESTAMP,
        "message": _STRING_OR_NULL, "permalink": STRING,
        "status": {"type": "string", "const": "published"}}),
    "PublishedPostList": _object({"published_posts": _array(_object({
        "id": STRING, "page_id": STRING, "platform": PLATFORM, "remote_id": STRING,
        "permalink": STRING, "published_at": _TIMESTAMP, "message": _STRING_OR_NULL,
        "metrics": _object({"likes": COUNT, "comments": COUNT, "shares": COUNT}),
    }))}),
    "DeleteResponse": _object({"success": _TRUE, "id": STRING}),
    "CommentList": _object({"comments": _array(_object({
        "id": STRING, "post_id": STRING, "platform": PLATFORM,
        "author": _object({"name": STRING, "username": STRING, "profile_picture": STRING}),
        "message": STRING, "created_at": _TIMESTAMP, "replies_count": COUNT,
        "parent_id": _STRING_OR_NULL,
    }))}),
    "ReplyRequest": _object({"comment_id": STRING, "message": {**_MESSAGE, "minLength": 1}}),
    "ReplyResponse": _object({"reply": _object({
        "id": STRING, "parent_id": STRING, "message": STRING, "created_at": _TIMESTAMP})}),
    "UploadResponse": _object({
        **_MEDIA, "url": STRING, "tier": _TIER, "quota": component("Storage")}),
    "MediaItem": _object({
        **_MEDIA, "scheduled_post_id": _STRING_OR_NULL, "created_at": _TIMESTAMP}),
    "MediaList": _object({
        "media": _array(component("MediaItem")), "tier": _TIER, "quota": component("Storage")}),
    "MediaResponse": _object({"media": {**component("MediaItem"), "properties": {"url": STRING}}}),
    "DeleteMediaResponse": _object({"success": _TRUE, "media_id": STRING}),
    "CreateWebhookRequest": _object({"url": {**STRING, "maxLength": 2_000},
                         "events": {**_array(_EVENT), "minItems": 1}}),
    "Webhook": _object(_WEBHOOK),
    "WebhookList": _object({"webhooks": _array(component("Webhook"))}),
    "WebhookResponse": _object({"webhook": component("Webhook")}),
    "CreatedWebhookResponse": _object({"webhook": _object({**_WEBHOOK, "secret": STRING})}),
    "StatusResponse": _object({"name": STRING, "version": STRING, "status": STRING}),
    "ErrorCatalog": _object({"errors": _array(_object({
        "code": STRING, "status": COUNT, "category": STRING, "message": STRING, "fix": STRING}))}),
    "OpenApiDocument": {"type": "object"},
}  # fmt: skip

# The keys of an error besides `error` and `code`: required, optional.
ERROR_KEYS: dict[str, tuple[Mapping[str, Schema], Mapping[str, Schema]]] = {
    "MISSING_FIELD": ({"field": STRING}, {}),
    "INVALID_FIELD": ({"field": STRING}, {}),
    "INVALID_DATE": ({}, {"field": STRING}),
    "INVALID_MEDIA_URL": ({"url": STRING}, {}),
    "INVALID_FILE_CONTENT": ({"declared_mime": STRING}, {}),
    "MISSING_SCOPE": ({"required_scope": _SCOPE, "your_scopes": _array(_SCOPE)}, {}),
    "IP_NOT_ALLOWED": ({"ip": STRING}, {}),
    "BRAND_NOT_AUTHORIZED": ({"brand_id": STRING}, {}),
    "NOT_FOUND": ({}, {"media_id": STRING}),
    "MEDIA_IN_USE": ({"scheduled_post_id": STRING}, {}),
    "FILE_TOO_LARGE": ({}, {"max_file_bytes": COUNT, "size_bytes": COUNT}),
    "QUOTA_EXCEEDED": ({"quota": component("Storage")}, {}),
    "SANDBOX_EXHAUSTED": ({"upgrade_url": STRING}, {}),
    "RATE_LIMITED": ({"retry_after_seconds": COUNT}, {}),
    "DAILY_LIMIT_EXCEEDED": ({"retry_after_seconds": COUNT}, {}),
    "PAGE_PUBLISH_GUARDRAIL": ({"retry_after_seconds": COUNT}, {}),
    "BRAND_PUBLISH_GUARDRAIL": ({"retry_after_seconds": COUNT}, {}),
    "MONTHLY_QUOTA_EXCEEDED": (
        {"quota": STRING, "tier": _TIER, "limit": COUNT, "used": COUNT, "resets_at": _TIMESTAMP,
         "upgrade_url": STRING},
        {},
    ),
}  # fmt: skip


def error_schema(code: str) -> Schema:
    """The schema of an error with this code."""
    required, optional = ERROR_KEYS.get(code, ({}, {}))
    constant = {"type": "string", "const": code}
    return _object({"error": STRING, "code": constant, **required}, optional)
