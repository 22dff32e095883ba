"""Errors of the API and of the connection to it (reference: Errors).

OutReplyError
├── ApiError                     1  an error response (400, 409, 422 and others)
│   ├── AuthenticationError      4  401
│   ├── PermissionDeniedError    4  403
│   ├── NotFoundError            5  404
│   ├── LimitExceededError       6  402, 413, 429
│   └── ServerError              7  5xx
├── NetworkError                 7  no complete response
└── InvalidResponseError         7  a response that does not come from the API
"""

import re
from collections.abc import Mapping
from typing import Any

from outreply_cli.api.hints import SIGN_IN, hint_for, named_object
from outreply_cli.errors import ExitCode, OutReplyError
from outreply_cli.spec.errors import is_guardrail

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
# Keys whose value is the text of an error, or holds it.
_TEXT_KEYS = ("error", "message", "errors", "detail", "msg", "title")
# Codes of 403 errors that do not depend on the brand.
_TOKEN_CODES = frozenset({"MISSING_SCOPE", "IP_NOT_ALLOWED", "COLLABORATOR_INSUFFICIENT"})
_STANDARD_KEYS = {"error", "message", "code", "request_id", "retry_after_seconds"}


class ApiError(OutReplyError):
    """An error response.

    Args:
        status: HTTP status.
        body: Error object as from `flatten_error`; keys other than text, code, request ID and
            wait are kept in `details`.
        path: Path of the request relative to the base URL, for a hint about what was not found.
        sign_in_hint: Command or variable that replaces the token in use, for a hint.
        request_id: Request ID of the response header, used if the body has none.
        retry_after_seconds: Seconds to wait, requested by the server.
    """

    exit_code = ExitCode.ERROR

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any],
        *,
        path: str = "",
        sign_in_hint: str = SIGN_IN,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        code = body.get("code")
        self.code = code if isinstance(code, str) and code else f"HTTP_{status}"
        # Only codes are pasted into a command; the live catalog may know newer ones.
        explain = f"See: outreply errors {self.code}" if _CODE.fullmatch(str(code)) else None
        message = body.get("error") or f"the API responded with {status}"
        if status == 404 and (name := named_object(path)) is not None and name not in message:
            message = f"{message.rstrip('.')}: {name}"
        super().__init__(
            message,
            hint=hint_for(self.code, status, path, sign_in_hint) or explain,
            details={key: value for key, value in body.items() if key not in _STANDARD_KEYS},
        )
        self.status = status
        # Waiting does not help: this guardrail depends on the time of the post.
        self.requires_other_time = is_guardrail(self.code) and path == "/posts/schedule"
        body_id = body.get("request_id")
        self.request_id = body_id if isinstance(body_id, str) else request_id
        self.retry_after_seconds = retry_after_seconds


class AuthenticationError(ApiError):
    """401: no token, or one that is unknown, revoked or expired."""

    exit_code = ExitCode.AUTH


class PermissionDeniedError(ApiError):
    """403: the token does not allow the request."""

    exit_code = ExitCode.AUTH


class NotFoundError(ApiError):
    """404: the object does not exist, or belongs to another account."""

    exit_code = ExitCode.NOT_FOUND


class LimitExceededError(ApiError):
    """402, 413, 429: a rate, quota, guardrail, storage or sandbox limit is reached."""

    exit_code = ExitCode.LIMIT_EXCEEDED


class ServerError(ApiError):
    """5xx: the server failed."""

    exit_code = ExitCode.NETWORK


class NetworkError(OutReplyError):
    """No complete response was received.

    Args:
        code: `CONNECTION_FAILED`, `CONNECTION_LOST`, `TIMED_OUT` or `CERTIFICATE_NOT_TRUSTED`.
        message: The failure, with the host.
        hint: The next step.

    Attributes:
        sent: Whether the server may have received the request.
    """

    exit_code = ExitCode.NETWORK

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "Check the network and OUTREPLY_BASE_URL, then try again.",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.sent = code in {"CONNECTION_LOST", "TIMED_OUT"}


class InvalidResponseError(OutReplyError):
    """A response that does not come from the API, such as HTML or truncated JSON.

    Args:
        code: `HTML_RESPONSE`, `EMPTY_RESPONSE`, `INVALID_JSON_RESPONSE`, `UNEXPECTED_RESPONSE`,
            `RESPONSE_TOO_LARGE` or `REDIRECT_REFUSED`.
        message: Description of what was received.
        status: HTTP status.
        request_id: Request ID of the response header.
    """

    exit_code = ExitCode.NETWORK

    def __init__(
        self, code: str, message: str, *, status: int, request_id: str | None = None
    ) -> None:
        super().__init__(
            message, hint="Check OUTREPLY_BASE_URL, and whether a proxy responds instead."
        )
        self.code = code
        self.status = status
        self.request_id = request_id


def flatten_error(body: Any) -> dict[str, Any]:
    """The error object of a response body of any shape: `error` is its text, if it has any.

    Frameworks and gateways nest errors, as `{"error": {"message": …, "code": …}}`, or list them.
    """
    text = _find_text(body)
    flat = dict(body) if isinstance(body, dict) else {}
    for key in _TEXT_KEYS:
        nested = flat.get(key)
        if isinstance(nested, list) and nested:
            nested = nested[0]
        if isinstance(nested, dict):
            flat |= {name: value for name, value in nested.items() if name not in _TEXT_KEYS}
    if "code" not in flat and text is not None and _CODE.fullmatch(text):
        flat["code"] = flat.pop("error", text)
        text = _find_text(flat)
    rest = {
        key: value
        for key, value in flat.items()
        if key not in _TEXT_KEYS or _find_text(value) not in {None, text}
    }
    return {**rest, "error": text}


def _find_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, dict):
        return next(filter(None, (_find_text(value.get(key)) for key in _TEXT_KEYS)), None)
    if isinstance(value, list):
        return "; ".join(filter(None, map(_find_text, value))) or None
    return None


def stops_batch(error: OutReplyError) -> bool:
    """Whether the other requests of a batch would fail with `error` too.

    All requests share the token, the connection and most limits; a guardrail applies to one page or
    brand, and whether the storage is full depends on the file.
    """
    if isinstance(error, LimitExceededError):
        return error.status != 413 and not is_guardrail(error.code)
    return error.code in _TOKEN_CODES or isinstance(
        error, (AuthenticationError, NetworkError, InvalidResponseError)
    )


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    402: LimitExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: LimitExceededError,
    429: LimitExceededError,
}


def error_class(status: int) -> type[ApiError]:
    """The error class for an HTTP status of 400 and above."""
    return ServerError if status >= 500 else _BY_STATUS.get(status, ApiError)
