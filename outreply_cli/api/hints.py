"""Hints for API errors, in terms of the commands of outreply (reference: Errors)."""

from urllib.parse import unquote

from outreply_cli.spec.errors import CATALOG, is_guardrail

SIGN_IN = "run: outreply auth login"
# Codes for which a command does what the catalog advises to users of the API.
_HINTS = {
    "MISSING_TOKEN": "Create a token in the dashboard, then {sign_in_hint}",
    "INVALID_TOKEN": "Copy the token again from the dashboard, then {sign_in_hint}",
    "TOKEN_REVOKED": "Create a new token in the dashboard, then {sign_in_hint}",
    "TOKEN_EXPIRED": "Create a new token in the dashboard, then {sign_in_hint}",
    "SANDBOX_EXHAUSTED": "Create a live token in the dashboard, then {sign_in_hint}",
    # A code of the emulator.
    "PLATFORM_REJECTED": "Change the post as the message says.",
    "BRAND_NOT_AUTHORIZED": "Use a token for the brand; see: outreply brands list",
}
# Hints for NOT_FOUND by the start of the path.
_NOT_FOUND_HINTS = (
    ("/brands/", "Use a brand's ID or exact name; see: outreply brands list"),
    ("/pages/", "Check the page's ID; see: outreply pages list"),
    ("/pages", "Use a brand's ID or exact name; see: outreply brands list"),
    ("/posts/scheduled/", "Check the post's ID and its status; see: outreply posts list --all"),
    ("/posts/", "Check the page and the media; see: outreply pages list, outreply media list"),
    ("/comments/reply", "Check the comment's ID; see: outreply comments inbox --all"),
    ("/comments", "Check the post's ID; see: outreply posts list --published"),
    ("/media/", "Check the media ID; see: outreply media list"),
    ("/webhooks/", "Check the webhook's ID; see: outreply webhooks list"),
)  # fmt: skip
# Paths after which the ID of an object may follow; `POST /media/upload` responds with no 404.
_OBJECT_PATHS = frozenset({"/brands", "/pages", "/posts/scheduled", "/media", "/webhooks"})


def named_object(path: str) -> str | None:
    """The ID or name of the object that a path such as `/brands/:id` ends with, or None."""
    start, _, last = path.rpartition("/")
    return unquote(last) if last and start in _OBJECT_PATHS else None


def hint_for(code: str, status: int, path: str = "", sign_in_hint: str = SIGN_IN) -> str | None:
    """The next step after an error; None if the catalog lacks its code.

    Args:
        code: The error code.
        status: The HTTP status.
        path: The path of the request, relative to the base URL.
        sign_in_hint: The command or variable that replaces the token in use.
    """
    if (code, status) == ("QUOTA_EXCEEDED", 429):
        # With 413 the storage is full; with 429 (used by the SDKs) a monthly bucket is.
        code = "MONTHLY_QUOTA_EXCEEDED"
    if code == "NOT_FOUND":
        for prefix, hint in _NOT_FOUND_HINTS:
            if path.startswith(prefix):
                return hint
    if is_guardrail(code) and path == "/posts/publish":
        return "Run the command again later, or schedule the post: outreply posts schedule"
    if code in _HINTS:
        return _HINTS[code].format(sign_in_hint=sign_in_hint)
    code = code.strip().upper()
    return next((entry.fix for entry in CATALOG if entry.code == code), None)
