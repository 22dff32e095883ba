"""What the API or the way to it can answer instead of a result (reference: Errors).

OutReplyError
├── ApiError                     1  the API refused it (400, 409, 422 and what is not below)
│   ├── AuthenticationError      4  401
│   ├── NotAllowedError          4  403
│   ├── NotFoundError            5  404
│   ├── LimitError               6  402, 413, 429
│   └── ServerError              7  5xx
├── NetworkError                 7  no answer: refused, cut, timed out
│   ├── NobodyHereError             nothing listens on this machine
│   └── CertificateError            whoever answers can't show who it is
└── BadAnswerError               7  an answer that is no JSON of the API
"""

import re
from collections.abc import Mapping
from typing import Any

from outreply_cli.errors import ExitCode, OutReplyError
from outreply_cli.spec.errors import fix_for

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
_KNOWN_KEYS = {"error", "message", "code", "request_id", "retry_after_seconds"}


class ApiError(OutReplyError):
    """An error answer, with everything it said.

    Args:
        status: The HTTP status.
        body: The error object; every key beyond text, code and request id is kept in `details`.
        request_id: From the body, else from the answer's header.
        retry_after_seconds: How long the server asks to wait, where it says.
    """

    exit_code = ExitCode.ERROR

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any],
        *,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        code = body.get("code")
        self.code = code if isinstance(code, str) and code else f"HTTP_{status}"
        text = body.get("error") or body.get("message") or f"the API answered {status}"
        super().__init__(
            text if isinstance(text, str) else str(text),
            hint=fix_for(self.code, status) or _where_explained(code),
            details={key: value for key, value in body.items() if key not in _KNOWN_KEYS},
        )
        self.status = status
        own_id = body.get("request_id")
        self.request_id = own_id if isinstance(own_id, str) else request_id
        self.retry_after_seconds = retry_after_seconds


class AuthenticationError(ApiError):
    """401: no token, or one that is unknown, revoked or expired."""

    exit_code = ExitCode.AUTH


class PermissionDeniedError(ApiError):
    """403: the token may not do this."""

    exit_code = ExitCode.AUTH


class NotFoundError(ApiError):
    """404: it does not exist, or is not ours."""

    exit_code = ExitCode.NOT_FOUND


class LimitExceededError(ApiError):
    """402, 413, 429: a rate, quota, guardrail, storage or sandbox limit is reached."""

    exit_code = ExitCode.LIMIT_EXCEEDED


class ServerError(ApiError):
    """5xx: something went wrong on the server's side."""

    exit_code = ExitCode.NETWORK


class NetworkError(OutReplyError):
    """No whole answer came back.

    Args:
        code: `CONNECTION_FAILED`, `CONNECTION_LOST` or `TIMED_OUT`.
        message: What happened, with the host.
        sent: Whether the server may have received the request.
    """

    exit_code = ExitCode.NETWORK

    def __init__(self, code: str, message: str, *, sent: bool) -> None:
        super().__init__(message, hint="Check the network and OUTREPLY_BASE_URL, then try again.")
        self.code = code
        self.sent = sent


class LocalServerUnavailableError(NetworkError):
    """Nothing was sent: the server should run on this machine, and does not.

    Args:
        place: Its host and port.
        reason: What the machine says.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__("CONNECTION_FAILED", f"can't connect to {place}: {reason}", sent=False)
        self.hint = (
            "Nothing listens there. Start an emulator with: outreply emulator start, or choose "
            "another account with: outreply auth switch NAME"
        )


class TLSVerificationError(NetworkError):
    """Nothing was sent: whoever answers for `host` shows no certificate that is trusted.

    Args:
        host: Who was meant.
        reason: What is wrong with its certificate.
    """

    def __init__(self, host: str, reason: str) -> None:
        message = f"the certificate of {host} is not trusted: {reason}"
        super().__init__("CERTIFICATE_NOT_TRUSTED", message, sent=False)
        self.hint = (
            "Somebody may be listening in. If a proxy or server of yours signs certificates "
            "itself, name its own in SSL_CERT_FILE."
        )


class InvalidResponseError(OutReplyError):
    """An answer that is not the API's: HTML, empty, truncated, not JSON, or a stray redirect.

    Args:
        code: `HTML_ANSWER`, `EMPTY_ANSWER`, `NOT_JSON`, `UNEXPECTED_SHAPE`, `ANSWER_TOO_LARGE` or
            `REDIRECT_REFUSED`.
        message: What came instead.
        status: The HTTP status it came with.
        request_id: From the answer's header.
    """

    exit_code = ExitCode.NETWORK

    def __init__(
        self, code: str, message: str, *, status: int, request_id: str | None = None
    ) -> None:
        super().__init__(
            message, hint="Check OUTREPLY_BASE_URL, and whether a proxy answers in its place."
        )
        self.code = code
        self.status = status
        self.request_id = request_id


def _where_explained(code: object) -> str | None:
    # The live catalogue may know what is newer than ours; what is no code is not to be pasted.
    is_code = isinstance(code, str) and _CODE.fullmatch(code)
    return f"See: outreply errors {code}" if is_code else None


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    402: LimitExceededError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: LimitExceededError,
    429: LimitExceededError,
}


def error_for(
    status: int,
    body: Mapping[str, Any],
    *,
    request_id: str | None,
    retry_after_seconds: float | None,
) -> ApiError:
    """The typed error for an answer with `status` (400 and above) and the error object `body`."""
    kind = ServerError if status >= 500 else _BY_STATUS.get(status, ApiError)
    return kind(status, body, request_id=request_id, retry_after_seconds=retry_after_seconds)
