"""What a handler responded to a delivery, as JSON and as text."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from outreply_cli.context import Context
from outreply_cli.ui.redact import redact

if TYPE_CHECKING:
    from outreply_cli.net.delivery_result import DeliveryResult, HandlerResponse

_HIDDEN = "(hidden)"
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)
_SHOWN_LINES = 8
_SHOWN_CHARACTERS = 200


def response_to_dict(
    response: "HandlerResponse | None", status: int | None, secrets: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The JSON object of a response; None without one.

    Args:
        response: The response.
        status: Its HTTP status.
        secrets: Secrets to hide. The values of headers such as Set-Cookie are always hidden, and
            so is whatever looks like a token or a webhook secret.
    """
    if response is None:
        return None
    return {
        "status": status,
        "headers": [
            [name, _HIDDEN if _SECRET_HEADER.search(name) else redact(value, secrets)]
            for name, value in response.headers
        ],
        "body": redact(response.body.decode("utf-8", "backslashreplace"), secrets),
        "truncated": response.is_truncated,
        "connect_ms": round(response.connect_ms, 3),
        "first_byte_ms": round(response.first_byte_ms, 3),
    }


def print_response(context: Context, result: "DeliveryResult", secrets: Sequence[str] = ()) -> None:
    """Print the first lines of a response on stderr, indented, with `secrets` hidden."""
    shown = response_to_dict(result.response, result.status, secrets)
    if shown is None:
        context.info(f"  No response: {result.error}")
        return
    lines = shown["body"].strip("\r\n").splitlines()
    context.info(f"  {format_status(result.status)}{'' if lines else ', no body'}")
    for line in lines[:_SHOWN_LINES]:
        is_cut = len(line) > _SHOWN_CHARACTERS
        context.info(f"  | {line[:_SHOWN_CHARACTERS]}{'…' if is_cut else ''}")
    if len(lines) > _SHOWN_LINES:
        more = len(lines) - _SHOWN_LINES
        context.info(f"  ({more} more {'line' if more == 1 else 'lines'})")


def format_status(status: int | None) -> str:
    """An HTTP status with its usual phrase, such as `HTTP 401 Unauthorized`."""
    try:
        return f"HTTP {status} {HTTPStatus(status or 0).phrase}"
    except ValueError:
        return f"HTTP {status}"
