"""JSON Schemas (2020-12) and examples of requests and responses (reference: Endpoint reference)."""

from collections.abc import Iterable, Mapping
from typing import Any

from outreply_cli.emulator.catalog import ENTRIES
from outreply_cli.emulator.guardrails import GUARDRAILS
from outreply_cli.spec.limits import EVENTS, EVERY_SCOPE, MESSAGE_MAX_CHARACTERS, SCOPES, TIERS
from outreply_cli.spec.platforms import PLATFORMS

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ID: Schema = {"type": "string", "minLength": 1}
_BYTES: Schema = {"type": "integer", "format": "int64", "minimum": 0}
_BOOLEAN: Schema = {"type": "boolean"}
_URI: Schema = {"type": "string", "format": "uri"}
_EMAIL: Schema = {"type": "string", "format": "email"}
TIMESTAMP: Schema = {"type": "string", "format": "date-time"}


def component(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _enum(values: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _expand(short: Any) -> Schema:
    """The schema of a short form: the name of a component, or a list with the form of its items."""
    if isinstance(short, list):
        return {"type": "array", "items": _expand(short[0])}
    schema: Schema = component(short) if isinstance(short, str) else short
    return schema


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    fields = {**required, **(optional or {})}
    properties = {name: _expand(short) for name, short in fields.items()}
    return {"type": "object", "properties": properties, "required": list(required)}


_NAMES = {"email": _EMAIL, "firstname": STRING, "lastname": STRING}
_KEY = {"id": ID, "name": STRING, "prefix": STRING, "scopes": ["Scope"],
        "expires_at": _nullable(TIMESTAMP)}  # fmt: skip
_STORAGE_SIZES = {"used_bytes": _BYTES, "limit_bytes": _BYTES, "remaining_bytes": _BYTES}
_PAGE = {"id": ID, "brand_id": ID, "platform": "Platform", "name": STRING, "username": STRING,
         "followers": COUNT, "expired": _BOOLEAN}  # fmt: skip
_BRAND = {"id": ID, "name": STRING, "logo": _nullable(_URI), "timezone": STRING}
_MESSAGE: Schema = {"type": "string", "maxLength": MESSAGE_MAX_CHARACTERS}
_POST_BODY = {
    "message": {**_MESSAGE, "description": "Post text; required unless there is a media item."},
    "media_ids": {**_expand([ID]), "description": "IDs of uploaded media."},
    "media_urls": {**_expand([_URI]), "description": "Public https URLs."},
    "first_comment": {
        **STRING,
        "description": "Posted right after the post is published (Instagram, Facebook).",
    },
    "tiktok_settings": "TikTokSettings",
    "link": STRING,
}
# Inside `allOf`: generators read `anyOf` beside `properties` as a choice of types.
_TEXT_OR_MEDIA = {"allOf": [{"anyOf": [
    {"required": ["message"], "properties": {"message": {"pattern": r"\S"}}},
    {"required": ["media_ids"], "properties": {"media_ids": {"minItems": 1}}},
    {"required": ["media_urls"], "properties": {"media_urls": {"minItems": 1}}},
]}]}  # fmt: skip
_PENDING = {"id": ID, "page_id": ID, "platform": "Platform", "scheduled_at": TIMESTAMP,
            "message": _nullable(STRING)}  # fmt: skip
_CONTENT = {"media": ["PostMedia"], "first_comment": _nullable(STRING), "created_at": TIMESTAMP}
_POST = {**_PENDING, **_CONTENT}
_POST_OPTIONS = {"tiktok_settings": "TikTokSettings", "link": STRING}
_PUBLICATION = {"remote_id": ID, "permalink": _URI, "published_at": TIMESTAMP}
_MEDIA = {"media_id": ID, "filename": STRING, "size_bytes": _BYTES, "type": "MediaType",
          "mime_type": STRING}  # fmt: skip
_MEDIA_ITEM = {**_MEDIA, "scheduled_post_id": _nullable(ID), "created_at": TIMESTAMP}
_WEBHOOK = {"id": ID, "url": _URI, "events": ["EventName"], "active": _BOOLEAN,
            "consecutive_failures": COUNT, "created_at": TIMESTAMP}  # fmt: skip


def _event(name: str, data: Mapping[str, Any]) -> Schema:
    """The body of a delivery of the event `name` (reference: Payload shape)."""
    return _object(
        {"event": _enum([name]), "created_at": TIMESTAMP, "data": _object({"userId": ID, **data})},
        {"id": {**ID, "description": "The same in every attempt."}, "type": _enum([name])},
    )


COMPONENTS: dict[str, Schema] = {
    "Platform": _enum(platform.name for platform in PLATFORMS),
    "PlatformCode": _enum(platform.code for platform in PLATFORMS),
    "Tier": _enum(TIERS),
    "Scope": _enum([*SCOPES, EVERY_SCOPE]),
    "MediaType": _enum(["photo", "video"]),
    "EventName": _enum(EVENTS),
    "CurrentUser": _object({"user_id": ID, **_NAMES}),
    "CurrentApiKey": _object(_KEY),
    "Me": _object({"authenticated_as": "CurrentUser", "api_key": "CurrentApiKey"}),
    "User": _object({"id": ID, **_NAMES}),
    "ApiKey": _object({**_KEY, "brand_ids": [ID], "last_used_at": _nullable(TIMESTAMP),
                       "request_count": COUNT}),
    "Storage": _object(_STORAGE_SIZES),
    "AccountStorage": _object({**_STORAGE_SIZES, "max_file_bytes": _BYTES}),
    "MonthlyBucket": _object(
        {"used": COUNT, "limit": _nullable(COUNT), "remaining": _nullable(COUNT)}),
    "MonthlyUsage": _object({
        "year_month": {**STRING, "pattern": r"^\d{4}-\d{2}$"}, "resets_at": TIMESTAMP,
        **dict.fromkeys(("publishes", "replies", "reads", "webhooks", "writes"), "MonthlyBucket"),
        "total_requests": COUNT,
    }),
    "PageGuardrail": _object({"perHour": COUNT, "per24h": COUNT}),
    "PublishGuardrails": _object({
        "perPage": {"type": "object", "additionalProperties": component("PageGuardrail")},
        "minGapBetweenSchedulesMs": COUNT, "perBrandPer24hSafetyNet": COUNT,
    }),
    "RateLimit": _object({"per_minute": COUNT, "per_day": COUNT}),
    "Quota": _object({"storage": "AccountStorage", "rate_limit": "RateLimit",
                      "monthly": "MonthlyUsage", "publish_guardrails": "PublishGuardrails"}),
    "Credits": _object({"remaining": COUNT, "plan": "Tier"}),
    "Account": _object({"user": "User", "credits": "Credits", "tier": "Tier", "api_key": "ApiKey",
                        "quota": "Quota"}),
    "Page": _object({**_PAGE, "brand_name": STRING}),
    "PageList": _object({"pages": ["Page"]}),
    "PageDetails": _object({**_PAGE, "profile_picture": _nullable(_URI), "created_at": TIMESTAMP}),
    "PageResponse": _object({"page": "PageDetails"}),
    "Brand": _object({**_BRAND, "created_at": TIMESTAMP, "pages_count": COUNT}),
    "BrandList": _object({"brands": ["Brand"]}),
    "BrandDetails": _object({**_BRAND, "pages": ["Page"]}),
    "BrandResponse": _object({"brand": "BrandDetails"}),
    "ScheduleRequest": {**_object({"page_id": ID, "scheduled_at": TIMESTAMP}, _POST_BODY),
                        **_TEXT_OR_MEDIA},
    "PublishRequest": {**_object({"page_id": ID}, _POST_BODY), **_TEXT_OR_MEDIA},
    "TikTokSettings": {
        "type": "object", "additionalProperties": True,
        "description": "Options of TikTok: privacy, duet and stitch, commercial content, etc."},
    "PostMedia": _object({"src": _URI, "type": "MediaType"}),
    "ScheduledPost": _object({**_POST, "status": _enum(["scheduled", "failed"])}, _POST_OPTIONS),
    "ScheduledPostResponse": _object({"scheduled_post": "ScheduledPost"}),
    # The reference lists fewer fields than it shows of a single post.
    "PendingPost": _object(
        {**_PENDING, "status": _enum(["scheduled"])}, {**_CONTENT, **_POST_OPTIONS}),
    "ScheduledPostList": _object({"scheduled_posts": ["PendingPost"]}),
    "PublishResponse": _object({
        "post_id": ID, "platform": "PlatformCode", "published_at": TIMESTAMP,
        "message": _nullable(STRING), "permalink": _URI, "status": _enum(["published"])}),
    "PostMetrics": _object({"likes": COUNT, "comments": COUNT, "shares": COUNT}),
    "PublishedPost": _object({
        "id": ID, "page_id": ID, "platform": "Platform", **_PUBLICATION,
        "message": _nullable(STRING), "metrics": "PostMetrics"}),
    "PublishedPostList": _object({"published_posts": ["PublishedPost"]}),
    "DeleteResponse": _object({"success": _BOOLEAN, "id": ID}),
    "CommentAuthor": _object({"name": STRING, "username": STRING, "profile_picture": _URI}),
    "Comment": _object({
        "id": ID, "post_id": ID, "platform": "Platform", "author": "CommentAuthor",
        "message": STRING, "created_at": TIMESTAMP, "replies_count": COUNT,
        "parent_id": _nullable(ID)}),
    "CommentList": _object({"comments": ["Comment"]}),
    "ReplyRequest": _object({"comment_id": ID, "message": {**_MESSAGE, "minLength": 1}}),
    "Reply": _object({"id": ID, "parent_id": ID, "message": STRING, "created_at": TIMESTAMP}),
    "ReplyResponse": _object({"reply": "Reply"}),
    "UploadRequest": _object({"file": {"type": "string", "format": "binary",
                                       "description": "The image or video."}}),
    "UploadResponse": _object({**_MEDIA, "url": _URI, "tier": "Tier", "quota": "Storage"}),
    "MediaItem": _object(_MEDIA_ITEM),
    "MediaList": _object({"media": ["MediaItem"], "tier": "Tier", "quota": "Storage"}),
    "MediaDetails": _object({**_MEDIA_ITEM, "url": _URI}),
    "MediaResponse": _object({"media": "MediaDetails"}),
    "DeleteMediaResponse": _object({"success": _BOOLEAN, "media_id": ID}),
    "CreateWebhookRequest": _object({"url": {**_URI, "minLength": 1, "maxLength": 2_000},
                                     "events": {**_expand(["EventName"]), "minItems": 1}}),
    "Webhook": _object(_WEBHOOK),
    "WebhookList": _object({"webhooks": ["Webhook"]}),
    # The SDKs read the fields at the top level.
    "WebhookResponse": _object(_WEBHOOK, {"webhook": "Webhook"}),
    "CreatedWebhook": _object({**_WEBHOOK, "secret": ID}),
    "CreatedWebhookResponse": _object({**_WEBHOOK, "secret": ID}, {"webhook": "CreatedWebhook"}),
    "EventPublishedPost": _object(
        {**_POST, "status": _enum(["published"])}, {**_POST_OPTIONS, **_PUBLICATION}),
    "EventFailedPost": _object(
        {**_POST, "status": _enum(["failed"])},
        {**_POST_OPTIONS, "error": {**STRING, "description": "Why the post failed."}}),
    "PostPublishedEvent": _event("post.published", {"brandId": ID, "post": "EventPublishedPost"}),
    "PostFailedEvent": _event("post.failed", {"brandId": ID, "post": "EventFailedPost"}),
    "CommentReceivedEvent": _event("comment.received", {"brandId": ID, "comment": "Comment"}),
    "CommentRepliedEvent": _event(
        "comment.replied", {"brandId": ID, "post_id": ID, "reply": "Reply"}),
    "QuotaWarningEvent": _event("account.quota.warning", {
        "bucket": _enum(["publishes", "replies", "reads", "webhooks"]), "used": COUNT,
        "limit": COUNT, "percent": COUNT}),
    "StatusResponse": _object({"name": STRING, "version": STRING, "status": STRING}),
    "ErrorEntry": _object(
        {"code": STRING, "status": COUNT, "category": STRING, "message": STRING, "fix": STRING}),
    "ErrorCatalog": _object({"errors": ["ErrorEntry"]}),
    "OpenApiDocument": {"type": "object", "additionalProperties": True},
}  # fmt: skip
# The component of each event's body.
EVENT_COMPONENTS = {
    schema["properties"]["event"]["enum"][0]: name
    for name, schema in COMPONENTS.items()
    if name.endswith("Event")
}

# Examples, those of the reference where it has one.
_USER, _BRAND_ID, _PAGE_ID, _POST_ID = (
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
    "id": _POST_ID, "page_id": _PAGE_ID, "platform": "instagram", "scheduled_at": _SCHEDULED_AT,
    "status": "scheduled", "message": "Launching tomorrow 🚀",
    "media": [{"src": "https://cdn.example.com/hero.jpg", "type": "photo"}],
    "first_comment": "More details at acme.com", "created_at": "2026-04-18T12:00:00.000Z",
}  # fmt: skip
_PUBLISHED = {"remote_id": "17891234567890123", "published_at": _PUBLISHED_AT,
              "permalink": "https://www.instagram.com/p/C9x/"}  # fmt: skip
_UPLOADED = {"media_id": _MEDIA_ID, "filename": _FILE, "size_bytes": 2_345_678, "type": "photo",
             "mime_type": "image/jpeg"}  # fmt: skip
_URL = f"https://api.outreply.com/assets/media/posts/uploads/{_FILE}"
_MEDIA_EXAMPLE = {**_UPLOADED, "scheduled_post_id": None, "created_at": "2026-04-18T12:00:00.000Z"}
_WEBHOOK_ITEM = {"id": _WEBHOOK_ID, "url": "http://127.0.0.1:8484/", "events": ["post.published"],
              "active": True, "consecutive_failures": 0, "created_at": _SCHEDULED_AT}  # fmt: skip
_CREATED_WEBHOOK = {**_WEBHOOK_ITEM, "secret": "whsec_" + "5" * 48}
_COMMENT = {
    "id": "c_abc123", "post_id": _POST_ID, "platform": "instagram",
    "author": {"name": "Jane Doe", "username": "jane.doe",
               "profile_picture": "https://cdn.example.com/people/jane.doe.jpg"},
    "message": "Love this!", "created_at": "2026-05-01T09:15:00.000Z", "replies_count": 0,
    "parent_id": None,
}  # fmt: skip
_REPLY = {"id": "c_xyz789", "parent_id": "c_abc123", "message": "Thanks 💚",
          "created_at": "2026-05-01T09:16:30.000Z"}  # fmt: skip


def _bucket(used: int, limit: int) -> dict[str, int]:
    return {"used": used, "limit": limit, "remaining": limit - used}


def _event_example(name: str, created_at: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "evt_6a03d0a8c3f24e5b9a7d1e06", "type": name, "event": name,
        "created_at": created_at, "data": {"userId": _USER, **data},
    }  # fmt: skip


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
            "publish_guardrails": GUARDRAILS,
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
        "id": _POST_ID, "page_id": _PAGE_ID, "platform": "instagram", **_PUBLISHED,
        "message": "Launching tomorrow 🚀", "metrics": {"likes": 42, "comments": 3, "shares": 1},
    }]},
    "DeleteResponse": {"success": True, "id": _POST_ID},
    "CommentList": {"comments": [_COMMENT]},
    "ReplyResponse": {"reply": _REPLY},
    "UploadResponse": {**_UPLOADED, "url": _URL, "tier": "pro", "quota": _STORAGE},
    "MediaList": {"media": [_MEDIA_EXAMPLE], "tier": "pro", "quota": _STORAGE},
    "MediaResponse": {"media": {**_MEDIA_EXAMPLE, "url": _URL}},
    "DeleteMediaResponse": {"success": True, "media_id": _MEDIA_ID},
    "WebhookList": {"webhooks": [_WEBHOOK_ITEM]},
    "WebhookResponse": {**_WEBHOOK_ITEM, "webhook": _WEBHOOK_ITEM},
    "CreatedWebhookResponse": {**_CREATED_WEBHOOK, "webhook": _CREATED_WEBHOOK},
    "StatusResponse": {"name": "OutReply API", "version": "v1", "status": "ok"},
    "ErrorCatalog": {"errors": [{
        "code": "MISSING_SCOPE", "status": 403, "category": "authorization",
        "message": "Token lacks required scope",
        "fix": "Create a token with this scope in the dashboard.",
    }]},
    "OpenApiDocument": {"openapi": "3.1.0", "info": {"title": "OutReply API", "version": "1.0.0"},
                 "paths": {}},
    # A multipart form.
    "UploadRequest": {"file": "the bytes of hero.jpg"},
    "PostPublishedEvent": _event_example("post.published", _PUBLISHED_AT, {
        "brandId": _BRAND_ID,
        "post": {**_SCHEDULED, "status": "published", **_PUBLISHED},
    }),
    "PostFailedEvent": _event_example("post.failed", _SCHEDULED_AT, {
        "brandId": _BRAND_ID,
        "post": {**_SCHEDULED, "status": "failed", "error": "The platform refused the post"},
    }),
    "CommentReceivedEvent": _event_example(
        "comment.received", "2026-05-01T09:15:00.000Z",
        {"brandId": _BRAND_ID, "comment": _COMMENT}),
    "CommentRepliedEvent": _event_example(
        "comment.replied", "2026-05-01T09:16:30.000Z",
        {"brandId": _BRAND_ID, "post_id": _POST_ID, "reply": _REPLY}),
    "QuotaWarningEvent": _event_example(
        "account.quota.warning", _SCHEDULED_AT,
        {"bucket": "publishes", "used": 400, "limit": 500, "percent": 80}),
}  # fmt: skip

PARAMETERS: dict[str, Any] = {
    "brand_id": _BRAND_ID, "page_id": _PAGE_ID, "post_id": _POST_ID, "media_id": _MEDIA_ID,
    "webhook_id": _WEBHOOK_ID, "platform": "instagram", "limit": 50,
    "since": "2026-05-01T09:00:00Z",
}  # fmt: skip

_TEXTS = {entry.code: entry.message for entry in ENTRIES} | {
    "INVALID_FIELD": "limit must be a whole number from 1 to 100",
    "INVALID_FAULT": "unknown fault 'boom'",
    "MISSING_FIELD": "Missing required field: page_id",
    "MISSING_SCOPE": "This API token is missing the required scope: write:posts",
}
# The keys of an error besides `error` and `code`: the schema and, unless None, an example.
_ERROR_KEYS: dict[str, dict[str, tuple[Any, Any]]] = {
    "MISSING_FIELD": {"field": (STRING, "page_id")},
    "INVALID_FIELD": {"field": (STRING, "limit")},
    "INVALID_DATE": {"field": (STRING, "since")},
    "INVALID_MEDIA_URL": {"url": (STRING, "http://localhost/hero.jpg")},
    "INVALID_FILE_CONTENT": {"declared_mime": (STRING, "image/png")},
    "MISSING_SCOPE": {"required_scope": ("Scope", "write:posts"),
                      "your_scopes": (["Scope"], ["read:posts"])},
    "PLATFORM_REJECTED": {"platform": ("Platform", "instagram")},
    "IP_NOT_ALLOWED": {"ip": (STRING, "127.0.0.1")},
    "BRAND_NOT_AUTHORIZED": {"brand_id": (ID, _BRAND_ID)},
    "NOT_FOUND": {"media_id": (ID, None)},
    "MEDIA_IN_USE": {"scheduled_post_id": (ID, _POST_ID)},
    "FILE_TOO_LARGE": {
        "max_file_bytes": (_BYTES, 104_857_600), "size_bytes": (_BYTES, 104_857_601),
    },
    "QUOTA_EXCEEDED": {"quota": ("Storage", _STORAGE)},
    "SANDBOX_EXHAUSTED": {"upgrade_url": (_URI, "https://outreply.com/dashboard/api")},
    "RATE_LIMITED": {"retry_after_seconds": (COUNT, 17)},
    "DAILY_LIMIT_EXCEEDED": {"retry_after_seconds": (COUNT, 3_600)},
    "PAGE_PUBLISH_GUARDRAIL": {"retry_after_seconds": (COUNT, 840)},
    "BRAND_PUBLISH_GUARDRAIL": {"retry_after_seconds": (COUNT, 840)},
    "MONTHLY_QUOTA_EXCEEDED": {
        "quota": (STRING, "publishes"), "tier": ("Tier", "pro"), "limit": (COUNT, 500),
        "used": (COUNT, 500), "resets_at": (TIMESTAMP, "2026-06-01T00:00:00.000Z"),
        "upgrade_url": (_URI, "https://outreply.com/pricing"),
    },
}  # fmt: skip
# The codes whose keys are not in every response.
_OPTIONAL_KEYS = {"INVALID_DATE", "NOT_FOUND", "FILE_TOO_LARGE"}


def error_component(code: str) -> str:
    """The name of the schema of an error: `MissingFieldError` for `MISSING_FIELD`."""
    return code.title().replace("_", "").removesuffix("Error") + "Error"


def error_schema(code: str) -> Schema:
    """The schema of an error with this code."""
    keys = {name: schema for name, (schema, _) in _ERROR_KEYS.get(code, {}).items()}
    required: dict[str, Schema] = {"error": STRING, "code": {"type": "string", "const": code}}
    if code in _OPTIONAL_KEYS:
        return _object(required, keys)
    return _object(required | keys)


def error_example(code: str) -> dict[str, Any]:
    """An example of an error with this code."""
    examples = {name: example for name, (_, example) in _ERROR_KEYS.get(code, {}).items()}
    given = {name: example for name, example in examples.items() if example is not None}
    return {"error": _TEXTS[code], "code": code, **given}
