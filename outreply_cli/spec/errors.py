"""The built-in catalog of error codes (reference: Errors)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogEntry:
    """An error code; its fields are those of the live catalog."""

    code: str
    status: int
    category: str
    message: str
    fix: str


_ROWS = (
    (400, "validation", "MISSING_FIELD", "Required field missing from request body",
     "Add the field named in the message."),
    (400, "validation", "INVALID_DATE", "Malformed timestamp",
     "Send an ISO 8601 time in UTC, 10 minutes to 75 days ahead."),
    (400, "validation", "INVALID_MEDIA_URL",
     "media_urls contains localhost, private IP, or non-http(s) URL",
     "Use a public https URL, or upload the file."),
    (400, "validation", "INVALID_FILE_CONTENT",
     "Uploaded file's magic bytes don't match declared MIME",
     "Export the file again in the format of its extension."),
    (400, "validation", "UPLOAD_ERROR", "Malformed multipart, unsupported extension, etc.",
     "Upload a jpeg, png, gif, webp, mp4, mov or webm file."),
    (400, "validation", "NO_FILE", "File field missing",
     "Send the file in the multipart field `file`."),
    (400, "validation", "INVALID_IDEMPOTENCY_KEY", "Idempotency-Key is missing or > 120 chars",
     "Use a key of 1 to 120 characters."),
    (401, "authentication", "MISSING_TOKEN", "No token in request",
     "Send the token in the header Authorization: Bearer TOKEN."),
    (401, "authentication", "INVALID_TOKEN", "Token is malformed or not found",
     "Copy the token again from the dashboard; it starts with outreply_live_."),
    (401, "authentication", "TOKEN_REVOKED", "Token was revoked",
     "Create a new token in the dashboard."),
    (401, "authentication", "TOKEN_EXPIRED", "Token past its expiry date",
     "Create a new token in the dashboard."),
    (402, "limit", "SANDBOX_EXHAUSTED", "Sandbox token hit its 100-request lifetime cap",
     "Create a live token in the dashboard; see upgrade_url."),
    (403, "authorization", "MISSING_SCOPE", "Token lacks required scope",
     "Create a token with that scope in the dashboard."),
    (403, "authorization", "IP_NOT_ALLOWED", "Request IP not in token's allowlist",
     "Add this machine's address to the token's allowlist, or use another token."),
    (403, "authorization", "BRAND_NOT_AUTHORIZED", "Token can't reach the requested brand",
     "Use a token that may reach the brand; GET /brands lists those of this one."),
    (403, "authorization", "COLLABORATOR_INSUFFICIENT",
     "The issuing collaborator no longer has full access",
     "Ask the brand's owner to restore full access, or use the owner's token."),
    (404, "not_found", "NOT_FOUND", "Resource does not exist or not yours",
     "Check the path and the ID; the object may be deleted or belong to another account."),
    (409, "conflict", "MEDIA_IN_USE", "Media is attached to a pending post",
     "Cancel the post first, then delete the media."),
    (409, "conflict", "IDEMPOTENCY_KEY_MISMATCH",
     "Same Idempotency-Key used with a different request body",
     "Use a new key for a different post."),
    (413, "limit", "FILE_TOO_LARGE", "Upload exceeds per-file limit",
     "Reduce the file's size, or upgrade to a tier with a larger limit."),
    (413, "limit", "QUOTA_EXCEEDED", "Upload would exceed concurrent storage quota",
     "Delete unused media, or wait until posts with media are published."),
    (429, "limit", "RATE_LIMITED", "Too many requests per minute",
     "Wait for the seconds in Retry-After."),
    (429, "limit", "DAILY_LIMIT_EXCEEDED", "Daily request budget consumed",
     "Wait until the next day (UTC)."),
    (429, "limit", "MONTHLY_QUOTA_EXCEEDED", "A monthly quota is exhausted",
     "Wait until the 1st of the next month (UTC), or upgrade to a larger tier."),
    (429, "limit", "PAGE_PUBLISH_GUARDRAIL",
     "The page reached its platform's publishes per hour or 24 hours",
     "Move the post to a later time."),
    (429, "limit", "BRAND_PUBLISH_GUARDRAIL", "The brand reached 500 publishes in 24 hours",
     "Move the post to a later time."),
    (500, "server", "SERVER_ERROR", "Something went wrong on our side",
     "Try again; if it persists, contact support with the request ID."),
)  # fmt: skip

CATALOG: tuple[CatalogEntry, ...] = tuple(
    CatalogEntry(code, status, category, message, fix)
    for status, category, code, message, fix in _ROWS
)


def entries_for(code: str) -> tuple[CatalogEntry, ...]:
    """The entries of `code` in any case; a code may have two statuses."""
    code = code.strip().upper()
    return tuple(entry for entry in CATALOG if entry.code == code)
