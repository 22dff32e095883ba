"""The error codes, as the built-in copy that `errors` falls back to (reference: Errors)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueEntry:
    """One machine-readable error code.

    Attributes:
        code: The stable code.
        status: The HTTP status it comes with.
        category: What kind of thing went wrong.
        message: What it means.
        fix: What to do about it.
    """

    code: str
    status: int
    category: str
    message: str
    fix: str


_ROWS = (
    (400, "validation", "MISSING_FIELD", "Required field missing from request body",
     "Add the field that the message names."),
    (400, "validation", "INVALID_DATE", "Malformed timestamp",
     "Send an ISO 8601 time in UTC, 10 minutes to 75 days ahead."),
    (400, "validation", "INVALID_MEDIA_URL",
     "media_urls contains localhost, private IP, or non-http(s) URL",
     "Use a public https URL, or upload the file."),
    (400, "validation", "INVALID_FILE_CONTENT",
     "Uploaded file's magic bytes don't match declared MIME",
     "Export the file again in the format its name says."),
    (400, "validation", "UPLOAD_ERROR", "Malformed multipart, unsupported extension, etc.",
     "Upload a jpeg, png, gif, webp, mp4, mov or webm file."),
    (400, "validation", "NO_FILE", "File field missing",
     "Send the file in the multipart field named file."),
    (400, "validation", "INVALID_IDEMPOTENCY_KEY", "Idempotency-Key is missing or > 120 chars",
     "Use a key of 1 to 120 characters."),
    (401, "authentication", "MISSING_TOKEN", "No token in request",
     "Sign in with: outreply auth login"),
    (401, "authentication", "INVALID_TOKEN", "Token is malformed or not found",
     "Copy the token again from the dashboard, then: outreply auth login"),
    (401, "authentication", "TOKEN_REVOKED", "Token was revoked",
     "Make a new token in the dashboard, then: outreply auth login"),
    (401, "authentication", "TOKEN_EXPIRED", "Token past its expiry date",
     "Make a new token in the dashboard, then: outreply auth login"),
    (402, "limit", "SANDBOX_EXHAUSTED", "Sandbox token hit its 100-request lifetime cap",
     "Make a live token in the dashboard, then: outreply auth login"),
    (403, "authorization", "MISSING_SCOPE", "Token lacks required scope",
     "Make a token with that scope in the dashboard."),
    (403, "authorization", "IP_NOT_ALLOWED", "Request IP not in token's allowlist",
     "Add this machine's address to the token's allowlist, or use another token."),
    (403, "authorization", "BRAND_NOT_AUTHORIZED", "Token can't reach the requested brand",
     "Use a token that reaches the brand; see: outreply brands list"),
    (403, "authorization", "COLLABORATOR_INSUFFICIENT",
     "The issuing collaborator no longer has full access",
     "Ask the brand's owner to restore full access, or use the owner's token."),
    (404, "not_found", "NOT_FOUND", "Resource does not exist or not yours",
     "Check the id; it may be deleted, or another account's."),
    (409, "conflict", "MEDIA_IN_USE", "Media is attached to a pending post",
     "Cancel the post first, then delete the media."),
    (409, "conflict", "IDEMPOTENCY_KEY_MISMATCH",
     "Same Idempotency-Key used with a different request body",
     "Use a new key for a different post."),
    (413, "limit", "FILE_TOO_LARGE", "Upload exceeds per-file limit",
     "Make the file smaller, or move to a tier with a larger limit."),
    (413, "limit", "QUOTA_EXCEEDED", "Upload would exceed concurrent storage quota",
     "Delete media that no post uses, or wait until posts with media are published."),
    (429, "limit", "RATE_LIMITED", "Too many requests per minute",
     "Wait as long as Retry-After says."),
    (429, "limit", "DAILY_LIMIT_EXCEEDED", "Daily request budget consumed",
     "Wait until the next day (UTC)."),
    (429, "limit", "MONTHLY_QUOTA_EXCEEDED", "A monthly bucket is used up",
     "Wait until the 1st of the next month (UTC), or move to a larger tier."),
    (429, "limit", "PAGE_PUBLISH_GUARDRAIL",
     "The page reached its platform's publishes per hour or 24 hours",
     "Move the post to a later time."),
    (429, "limit", "BRAND_PUBLISH_GUARDRAIL", "The brand reached 500 publishes in 24 hours",
     "Move the post to a later time."),
    (500, "server", "SERVER_ERROR", "Something went wrong on our side",
     "Try again; give support the request id if it stays."),
)  # fmt: skip

CATALOGUE: tuple[CatalogueEntry, ...] = tuple(
    CatalogueEntry(code, status, category, message, fix)
    for status, category, code, message, fix in _ROWS
)


def entries_for(code: str) -> tuple[CatalogueEntry, ...]:
    """Every entry whose code is `code` (case does not matter); one code may have two statuses."""
    wanted = code.strip().upper()
    return tuple(entry for entry in CATALOGUE if entry.code == wanted)


def fix_for(code: str, status: int) -> str | None:
    """What to do about `code`, which came with `status`; None when the catalogue lacks it."""
    if (code, status) == ("QUOTA_EXCEEDED", 429):
        # The SDKs know it so: then it is no storage that is full, but a bucket of the month.
        code = "MONTHLY_QUOTA_EXCEEDED"
    return next((entry.fix for entry in entries_for(code)), None)


# What an endpoint can miss, by how its path begins.
_MISSING = (
    ("/brands/", "Check the brand's id; see: outreply brands list"),
    ("/pages/", "Check the page's id; see: outreply pages list"),
    ("/pages", "Check the brand's id; see: outreply brands list"),
    ("/posts/scheduled/",
     "Check the post's id; one that is published or cancelled is no longer scheduled."),
    ("/posts/", "Check the ids of the page and its media; see: outreply pages list"),
    ("/comments/reply", "Check the comment's id; see: outreply comments inbox --all"),
    ("/comments", "Check the post's id; see: outreply posts list --published"),
    ("/media/", "Check the media's id; see: outreply media list"),
    ("/webhooks/", "Check the webhook's id; see: outreply webhooks list"),
)  # fmt: skip


def fix_for_missing(path: str) -> str | None:
    """What to do about NOT_FOUND from an endpoint below the base URL, where it has one thing."""
    return next((fix for beginning, fix in _MISSING if path.startswith(beginning)), None)
