"""JSON Schemas (2020-12) and examples of requests and responses (reference: Endpoint reference)."""

from collections.abc import Mapping
from typing import Any

from outreply_cli.spec.errors import entries_for
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
    "message": {**_MESSAGE, "description": "Post text; required unless there is a media item."},
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

# Examples, those of the reference where it has one.
_USER, _BRAND_ID, _PAGE_ID, _POST = (
    "6501c0de5a7b3c1f2e4d6a01", "65f1d0a8c3f24e5b9a7d1e01", "6711d0a8c3f24e5b9a7d1e02",
    "68a1d0a8c3f24e5b9a7d1e03",
)  # fmt: skip
_MEDIA_ID, _WEBHOOK_ID = "69b2d0a8c3f24e5b9a7d1e04", "6a03d0a8c3f24e5b9a7d1e05"
_FILE = "api_d8f3c07b5e2a41968c3fd0b7e5a1c2a1.jpg"
_SCHEDULED_AT, _PUBLISHED_AT = "2026-05-01T09:00:00.000Z", "2026-05-01T09:00:15.000Z"
_STORAGE = {"used_bytes": 8_000_000, "limit_bytes": 1_073_741_824, "remaining_bytes": 1_065_741_824}
_USER_NAMES = {"email": "you@example.com", "firstname": "Alex", "lastname": "Doe"}

_PAGE_ITEM = {
    "id": _PAGE_ID, "brand_id": _BRAND_ID, "brand_name": "Acme Co.", "platform": "instagram",
    "name": "Acme Official", "username": "acme", "followers": 12_450, "expired": False,
}  # fmt: skip
_BRAND_ITEM = {"id": _BRAND_ID, "name": "Acme Co.", "logo": "https://cdn.example.com/logo.png",
               "timezone": "Europe/Paris"}  # fmt: skip
_SCHEDULED = {
    "id": _POST, "page_id": _PAGE_ID, "platform": "instagram", "scheduled_at": _SCHEDULED_AT,
    "status": "scheduled", "message": "Launching tomorrow 🚀",
    "media": [{"src": "https://cdn.example.com/hero.jpg", "type": "photo"}],
    "first_comment": "More details at acme.com", "created_at": "2026-04-18T12:00:00.000Z",
}  # fmt: skip
_UPLOADED = {"media_id": _MEDIA_ID, "filename": _FILE, "size_bytes": 2_345_678, "type": "photo",
             "mime_type": "image/jpeg"}  # fmt: skip
_URL = f"https://api.outreply.com/assets/media/posts/uploads/{_FILE}"
_MEDIA_ITEM = {**_UPLOADED, "scheduled_post_id": None, "created_at": "2026-04-18T12:00:00.000Z"}
_WEBHOOK_ITEM = {"id": _WEBHOOK_ID, "url": "http://127.0.0.1:8484/", "events": ["post.published"],
              "active": True, "consecutive_failures": 0, "created_at": _SCHEDULED_AT}  # fmt: skip


def _bucket(used: int, limit: int) -> dict[str, int]:
    return {"used": used, "limit": limit, "remaining": limit - used}


EXAMPLES: dict[str, Any] = {
    "ScheduleRequest": {
        "page_id": _PAGE_ID,
        "message": "Launching tomorrow 🚀",
        "scheduled_at": "2026-05-01T09:00:00Z",
        "media_urls": ["https://cdn.example.com/hero.jpg"],
        "first_comment": "More details at acme.com",
    },
    "PublishRequest": {
        "page_id": _PAGE_ID,
        "message": "Live from the API 🚀",
        "media_urls": ["https://cdn.example.com/hero.jpg"],
        "first_comment": "More details at acme.com",
    },
    "ReplyRequest": {"comment_id": "c_abc123", "message": "Thanks 💚"},
    "CreateWebhookRequest": {
        "url": "http://127.0.0.1:8484/", "events": ["post.published", "post.failed"],
    },
    "Me": {
        "authenticated_as": {"user_id": _USER, **_USER_NAMES},
        "api_key": {"id": _USER, "name": "Zapier", "prefix": "outreply_live_ab12c",
                    "scopes": ["*"], "expires_at": None},
    },
    "Account": {
        "user": {"id": _USER, **_USER_NAMES},
        "credits": {"remaining": 420, "plan": "pro"},
        "tier": "pro",
        "api_key": {
            "id": _USER, "name": "Zapier integration", "prefix": "outreply_live_ab12c",
            "scopes": ["read:account", "write:posts"], "brand_ids": [], "expires_at": None,
            "last_used_at": "2026-04-15T14:22:08.000Z", "request_count": 142,
        },
        "quota": {
            "storage": {"used_bytes": 2_345_678, "limit_bytes": 1_073_741_824,
                        "remaining_bytes": 1_071_396_146, "max_file_bytes": 104_857_600},
            "rate_limit": {"per_minute": 60, "per_day": 90_000},
            "monthly": {
                "year_month": "2026-05", "resets_at": "2026-06-01T00:00:00.000Z",
                "publishes": _bucket(84, 500), "replies": _bucket(312, 3_000),
                "reads": _bucket(5_421, 100_000), "webhooks": _bucket(41, 50_000),
                "writes": {"used": 17, "limit": None, "remaining": None}, "total_requests": 5_875,
            },
            "publish_guardrails": {
                "perPage": {
                    "FB": {"perHour": 10, "per24h": 40}, "IG": {"perHour": 8, "per24h": 30},
                    "LN": {"perHour": 3, "per24h": 15}, "TT": {"perHour": 10, "per24h": 50},
                    "TW": {"perHour": 50, "per24h": 300},
                },
                "minGapBetweenSchedulesMs": 60_000, "perBrandPer24hSafetyNet": 500,
            },
        },
    },
    "BrandList": {"brands": [
        {**_BRAND_ITEM, "created_at": "2025-01-08T10:20:30.000Z", "pages_count": 4}]},
    "BrandResponse": {"brand": {**_BRAND_ITEM, "pages": [_PAGE_ITEM]}},
    "PageList": {"pages": [_PAGE_ITEM]},
    "PageResponse": {"page": {
        **{name: value for name, value in _PAGE_ITEM.items() if name != "brand_name"},
        "profile_picture": "https://cdn.example.com/pages/acme.jpg",
        "created_at": "2024-12-01T08:00:00.000Z",
    }},
    "ScheduledPostResponse": {"scheduled_post": _SCHEDULED},
    "ScheduledPostList": {"scheduled_posts": [_SCHEDULED]},
    "PublishResponse": {
        "post_id": "17841000000000001", "platform": "IG", "published_at": _SCHEDULED_AT,
        "message": "Live from the API 🚀", "permalink": "https://www.instagram.com/p/C9x/",
        "status": "published",
    },
    "PublishedPostList": {"published_posts": [{
        "id": _POST, "page_id": _PAGE_ID, "platform": "instagram", "remote_id": "17891234567890123",
        "permalink": "https://www.instagram.com/p/C9x/", "published_at": _PUBLISHED_AT,
        "message": "Launching tomorrow 🚀", "metrics": {"likes": 42, "comments": 3, "shares": 1},
    }]},
    "DeleteResponse": {"success": True, "id": _POST},
    "CommentList": {"comments": [{
        "id": "c_abc123", "post_id": _POST, "platform": "instagram",
        "author": {"name": "Jane Doe", "username": "jane.doe",
                   "profile_picture": "https://cdn.example.com/people/jane.doe.jpg"},
        "message": "Love this!", "created_at": "2026-05-01T09:15:00.000Z", "replies_count": 0,
        "parent_id": None,
    }]},
    "ReplyResponse": {"reply": {"id": "c_xyz789", "parent_id": "c_abc123", "message": "Thanks 💚",
                        "created_at": "2026-05-01T09:16:30.000Z"}},
    "UploadResponse": {**_UPLOADED, "url": _URL, "tier": "pro", "quota": _STORAGE},
    "MediaList": {"media": [_MEDIA_ITEM], "tier": "pro", "quota": _STORAGE},
    "MediaResponse": {"media": {**_MEDIA_ITEM, "url": _URL}},
    "DeleteMediaResponse": {"success": True, "media_id": _MEDIA_ID},
    "WebhookList": {"webhooks": [_WEBHOOK_ITEM]},
    "WebhookResponse": {"webhook": _WEBHOOK_ITEM},
    "CreatedWebhookResponse": {"webhook": {**_WEBHOOK_ITEM, "secret": "whsec_" + "5" * 48}},
    "StatusResponse": {"name": "OutReply API", "version": "v1", "status": "ok"},
    "ErrorCatalog": {"errors": [{
        "code": "MISSING_SCOPE", "status": 403, "category": "authorization",
        "message": "Token lacks required scope",
        "fix": "Create a token with this scope in the dashboard.",
    }]},
    "OpenApiDocument": {"openapi": "3.1.0", "info": {"title": "OutReply API", "version": "1.0.0"},
                 "paths": {}},
    # A multipart form.
    "file": {"file": "the bytes of hero.jpg"},
}  # fmt: skip

PARAMETERS: dict[str, Any] = {
    "brand_id": _BRAND_ID, "page_id": _PAGE_ID, "post_id": _POST, "media_id": _MEDIA_ID,
    "webhook_id": _WEBHOOK_ID, "platform": "instagram", "limit": 50,
    "since": "2026-05-01T09:00:00Z",
}  # fmt: skip

_TEXTS = {
    "INVALID_FIELD": "limit must be a whole number from 1 to 100",
    "INVALID_JSON": "The request body is not valid JSON",
    "INVALID_FAULT": "unknown fault 'boom'",
    "HOST_NOT_ALLOWED": "The emulator accepts local requests only",
    "METHOD_NOT_ALLOWED": "Method not allowed",
    "MISSING_FIELD": "Missing required field: page_id",
    "MISSING_SCOPE": "This API token is missing the required scope: write:posts",
}
# The keys of an error besides `error` and `code`: the schema and, unless None, an example.
_ERROR_KEYS: dict[str, dict[str, tuple[Schema, Any]]] = {
    "MISSING_FIELD": {"field": (STRING, "page_id")},
    "INVALID_FIELD": {"field": (STRING, "limit")},
    "INVALID_DATE": {"field": (STRING, "since")},
    "INVALID_MEDIA_URL": {"url": (STRING, "http://localhost/hero.jpg")},
    "INVALID_FILE_CONTENT": {"declared_mime": (STRING, "image/png")},
    "MISSING_SCOPE": {"required_scope": (_SCOPE, "write:posts"),
                      "your_scopes": (_array(_SCOPE), ["read:posts"])},
    "IP_NOT_ALLOWED": {"ip": (STRING, "127.0.0.1")},
    "BRAND_NOT_AUTHORIZED": {"brand_id": (STRING, _BRAND_ID)},
    "NOT_FOUND": {"media_id": (STRING, None)},
    "MEDIA_IN_USE": {"scheduled_post_id": (STRING, _POST)},
    "FILE_TOO_LARGE": {"max_file_bytes": (COUNT, 104_857_600), "size_bytes": (COUNT, 104_857_601)},
    "QUOTA_EXCEEDED": {"quota": (component("Storage"), _STORAGE)},
    "SANDBOX_EXHAUSTED": {"upgrade_url": (STRING, "https://outreply.com/dashboard/api")},
    "RATE_LIMITED": {"retry_after_seconds": (COUNT, 17)},
    "DAILY_LIMIT_EXCEEDED": {"retry_after_seconds": (COUNT, 3_600)},
    "PAGE_PUBLISH_GUARDRAIL": {"retry_after_seconds": (COUNT, 840)},
    "BRAND_PUBLISH_GUARDRAIL": {"retry_after_seconds": (COUNT, 840)},
    "MONTHLY_QUOTA_EXCEEDED": {
        "quota": (STRING, "publishes"), "tier": (_TIER, "pro"), "limit": (COUNT, 500),
        "used": (COUNT, 500), "resets_at": (_TIMESTAMP, "2026-06-01T00:00:00.000Z"),
        "upgrade_url": (STRING, "https://outreply.com/pricing"),
    },
}  # fmt: skip
# The codes whose keys are not in every response.
_OPTIONAL_KEYS = {"INVALID_DATE", "NOT_FOUND", "FILE_TOO_LARGE"}


def error_schema(code: str) -> Schema:
    """The schema of an error with this code."""
    keys = {name: schema for name, (schema, _) in _ERROR_KEYS.get(code, {}).items()}
    required: dict[str, Schema] = {"error": STRING, "code": {"type": "string", "const": code}}
    if code in _OPTIONAL_KEYS:
        return _object(required, keys)
    return _object(required | keys)


def error_example(code: str) -> dict[str, Any]:
    """An example of an error with this code."""
    text = _TEXTS.get(code) or entries_for(code)[0].message
    examples = {name: example for name, (_, example) in _ERROR_KEYS.get(code, {}).items()}
    given = {name: example for name, example in examples.items() if example is not None}
    return {"error": text, "code": code, **given}
