"""The shapes of requests and answers, as JSON Schema 2020-12 (reference: Endpoint reference)."""

from collections.abc import Mapping
from typing import Any

from outreply_cli.spec.limits import EVENTS, EVERY_SCOPE, MESSAGE_MAX_CHARACTERS, SCOPES, TIERS
from outreply_cli.spec.platforms import PLATFORMS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_INSTANT_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
PLATFORM: Schema = {"type": "string", "enum": [platform.name for platform in PLATFORMS]}
_CODE: Schema = {"type": "string", "enum": [platform.code for platform in PLATFORMS]}
_EVENT: Schema = {"type": "string", "enum": list(EVENTS)}
_SCOPE: Schema = {"type": "string", "enum": [*SCOPES, EVERY_SCOPE]}
_TIER: Schema = {"type": "string", "enum": list(TIERS)}


def object_schema(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


_NAMES = {"email": TEXT, "firstname": TEXT, "lastname": TEXT}
_KEY = {"id": TEXT, "name": TEXT, "prefix": TEXT, "scopes": _many(_SCOPE),
        "expires_at": _INSTANT_OR_NULL}  # fmt: skip
_BUCKET = _object({"used": WHOLE, "limit": {"type": ["integer", "null"]},
                   "remaining": {"type": ["integer", "null"]}})  # fmt: skip
_PAGE = {"id": TEXT, "brand_id": TEXT, "platform": PLATFORM, "name": TEXT, "username": TEXT,
         "followers": WHOLE, "expired": _FLAG}  # fmt: skip
_BRAND = {"id": TEXT, "name": TEXT, "logo": _TEXT_OR_NULL, "timezone": TEXT}
_MESSAGE: Schema = {"type": "string", "maxLength": MESSAGE_MAX_CHARACTERS}
_POST_BODY = {
    "message": {
        **_MESSAGE,
        "description": "Post text; it or one media item is required.",
    },
    "media_ids": {**_many(TEXT), "description": "Ids of uploaded media."},
    "media_urls": {**_many(TEXT), "description": "Public https URLs; no private address."},
    "first_comment": {**TEXT, "description": "Instagram and Facebook."},
    "tiktok_settings": {"type": "object", "description": "Options of TikTok."},
    "link": TEXT,
}
_MEDIA = {"media_id": TEXT, "filename": TEXT, "size_bytes": WHOLE,
          "type": {"type": "string", "enum": ["photo", "video"]}, "mime_type": TEXT}  # fmt: skip
_HOOK = {"id": TEXT, "url": TEXT, "events": _many(_EVENT), "active": _FLAG,
         "consecutive_failures": WHOLE, "created_at": _INSTANT}  # fmt: skip
_DONE: Schema = {"type": "boolean", "const": True}

COMPONENTS: dict[str, Schema] = {
    "Key": _object({**_KEY, "brand_ids": _many(TEXT), "last_used_at": _INSTANT_OR_NULL,
                    "request_count": WHOLE}),
    "Me": _object({
        "authenticated_as": _object({"user_id": TEXT, **_NAMES}), "api_key": _object(_KEY),
    }),
    "Storage": _object({"used_bytes": WHOLE, "limit_bytes": WHOLE, "remaining_bytes": WHOLE}),
    "Account": _object({
        "user": _object({"id": TEXT, **_NAMES}),
        "credits": _object({"remaining": WHOLE, "plan": _TIER}),
        "tier": _TIER,
        "api_key": object_schema("Key"),
        "quota": _object({
            "storage": {**object_schema("Storage"), "properties": {"max_file_bytes": WHOLE},
                        "required": ["max_file_bytes"]},
            "rate_limit": _object({"per_minute": WHOLE, "per_day": WHOLE}),
            "monthly": _object({
                "year_month": TEXT, "resets_at": _INSTANT,
                **dict.fromkeys(("publishes", "replies", "reads", "webhooks", "writes"), _BUCKET),
                "total_requests": WHOLE,
            }),
            "publish_guardrails": _object({
                "perPage": {"type": "object", "additionalProperties":
                            _object({"perHour": WHOLE, "per24h": WHOLE})},
                "minGapBetweenSchedulesMs": WHOLE, "perBrandPer24hSafetyNet": WHOLE,
            }),
        }),
    }),
    "Page": _object({**_PAGE, "brand_name": TEXT}),
    "Pages": _object({"pages": _many(object_schema("Page"))}),
    "OnePage": _object({"page": _object({
        **_PAGE, "profile_picture": _TEXT_OR_NULL, "created_at": _INSTANT})}),
    "Brands": _object({"brands": _many(_object({
        **_BRAND, "created_at": _INSTANT, "pages_count": WHOLE}))}),
    "OneBrand": _object({"brand": _object({**_BRAND, "pages": _many(object_schema("Page"))})}),
    "ScheduleBody": _object({"page_id": TEXT, "scheduled_at": _INSTANT}, _POST_BODY),
    "PublishBody": _object({"page_id": TEXT}, _POST_BODY),
    "PostMedia": _object({"src": TEXT, "type": TEXT}),
    "ScheduledPost": _object(
        {"id": TEXT, "page_id": TEXT, "platform": PLATFORM, "scheduled_at": _INSTANT_OR_NULL,
         "status": {"type": "string", "enum": ["scheduled", "failed"]}, "message": _TEXT_OR_NULL,
         "media": _many(object_schema("PostMedia")), "first_comment": _TEXT_OR_NULL,
         "created_at": _INSTANT},
        {"tiktok_settings": {"type": "object"}, "link": TEXT},
    ),
    "OneScheduledPost": _object({"scheduled_post": object_schema("ScheduledPost")}),
    "ScheduledPosts": _object({"scheduled_posts": _many(object_schema("ScheduledPost"))}),
    "Publication": _object({
        "post_id": TEXT, "platform": _CODE, "published_at": _INSTANT, "message": _TEXT_OR_NULL,
        "permalink": TEXT, "status": {"type": "string", "const": "published"}}),
    "PublishedPosts": _object({"published_posts": _many(_object({
        "id": TEXT, "page_id": TEXT, "platform": PLATFORM, "remote_id": TEXT, "permalink": TEXT,
        "published_at": _INSTANT, "message": _TEXT_OR_NULL,
        "metrics": _object({"likes": WHOLE, "comments": WHOLE, "shares": WHOLE}),
    }))}),
    "Cancelled": _object({"success": _DONE, "id": TEXT}),
    "Comments": _object({"comments": _many(_object({
        "id": TEXT, "post_id": TEXT, "platform": PLATFORM,
        "author": _object({"name": TEXT, "username": TEXT, "profile_picture": TEXT}),
        "message": TEXT, "created_at": _INSTANT, "replies_count": WHOLE,
        "parent_id": _TEXT_OR_NULL,
    }))}),
    "ReplyBody": _object({"comment_id": TEXT, "message": {**_MESSAGE, "minLength": 1}}),
    "Reply": _object({"reply": _object({
        "id": TEXT, "parent_id": TEXT, "message": TEXT, "created_at": _INSTANT})}),
    "Upload": _object({**_MEDIA, "url": TEXT, "tier": _TIER, "quota": object_schema("Storage")}),
    "MediaItem": _object({**_MEDIA, "scheduled_post_id": _TEXT_OR_NULL, "created_at": _INSTANT}),
    "MediaList": _object({
        "media": _many(object_schema("MediaItem")), "tier": _TIER, "quota": object_schema("Storage")}),
    "OneMedia": _object({"media": {**object_schema("MediaItem"), "properties": {"url": TEXT}}}),
    "MediaDeleted": _object({"success": _DONE, "media_id": TEXT}),
    "HookBody": _object({"url": {**TEXT, "maxLength": 2_000},
                         "events": {**_many(_EVENT), "minItems": 1}}),
    "Hook": _object(_HOOK),
    "Hooks": _object({"webhooks": _many(object_schema("Hook"))}),
    "OneHook": _object({"webhook": object_schema("Hook")}),
    "NewHook": _object({"webhook": _object({**_HOOK, "secret": TEXT})}),
    "About": _object({"name": TEXT, "version": TEXT, "status": TEXT}),
    "Catalogue": _object({"errors": _many(_object({
        "code": TEXT, "status": WHOLE, "category": TEXT, "message": TEXT, "fix": TEXT}))}),
    "Document": {"type": "object"},
}  # fmt: skip

# What an error code says beside `error` and `code`: always, and where it is known.
ERROR_KEYS: dict[str, tuple[Mapping[str, Schema], Mapping[str, Schema]]] = {
    "MISSING_FIELD": ({"field": TEXT}, {}),
    "INVALID_FIELD": ({"field": TEXT}, {}),
    "INVALID_DATE": ({}, {"field": TEXT}),
    "INVALID_MEDIA_URL": ({"url": TEXT}, {}),
    "INVALID_FILE_CONTENT": ({"declared_mime": TEXT}, {}),
    "MISSING_SCOPE": ({"required_scope": _SCOPE, "your_scopes": _many(_SCOPE)}, {}),
    "IP_NOT_ALLOWED": ({"ip": TEXT}, {}),
    "BRAND_NOT_AUTHORIZED": ({"brand_id": TEXT}, {}),
    "NOT_FOUND": ({}, {"media_id": TEXT}),
    "MEDIA_IN_USE": ({"scheduled_post_id": TEXT}, {}),
    "FILE_TOO_LARGE": ({}, {"max_file_bytes": WHOLE, "size_bytes": WHOLE}),
    "QUOTA_EXCEEDED": ({"quota": object_schema("Storage")}, {}),
    "SANDBOX_EXHAUSTED": ({"upgrade_url": TEXT}, {}),
    "RATE_LIMITED": ({"retry_after_seconds": WHOLE}, {}),
    "DAILY_LIMIT_EXCEEDED": ({"retry_after_seconds": WHOLE}, {}),
    "PAGE_PUBLISH_GUARDRAIL": ({"retry_after_seconds": WHOLE}, {}),
    "BRAND_PUBLISH_GUARDRAIL": ({"retry_after_seconds": WHOLE}, {}),
    "MONTHLY_QUOTA_EXCEEDED": (
        {"quota": TEXT, "tier": _TIER, "limit": WHOLE, "used": WHOLE, "resets_at": _INSTANT,
         "upgrade_url": TEXT},
        {},
    ),
}  # fmt: skip


def error_schema(code: str) -> Schema:
    """The body of a refusal with `code`."""
    always, known = ERROR_KEYS.get(code, ({}, {}))
    return _object({"error": TEXT, "code": {"type": "string", "const": code}, **always}, known)
