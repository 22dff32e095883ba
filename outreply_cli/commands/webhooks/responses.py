"""The response of a handler to a delivery, as JSON and as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from outreply_cli.context import Context

if TYPE_CHECKING:
    from outreply_cli.net.delivery_result import DeliveryResult

_SHOWN_LINES = 8
_SHOWN_CHARACTERS = 200


def response_to_dict(
    result: "DeliveryResult", secrets: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The JSON object of the response to a delivery; None without one.

    Args:
        result: The result of the delivery.
        secrets: Secrets to hide, besides those that `redact_result` finds.
    """
    from outreply_cli.webhooks.redaction import redact_result

    response = redact_result(result, secrets).response
    if response is None:
        return None
    return {
        "status": result.status,
        "headers": [list(pair) for pair in response.headers],
        "body": response.body.decode("utf-8", "backslashreplace"),
        "truncated": response.is_truncated,
        "connect_ms": round(response.connect_ms, 3),
        "first_byte_ms": round(response.first_byte_ms, 3),
    }


def print_response(context: Context, result: "DeliveryResult", secrets: Sequence[str] = ()) -> None:
    """Print the first lines of a response on stderr, indented, without known secrets.

    Args:
        context: The context; its secrets are hidden.
        result: The delivery.
        secrets: Further secrets to hide.
    """
    from outreply_cli.net.server.response import PHRASES

    hidden = [*secrets, *context.known_secrets]
    shown = response_to_dict(result, hidden)
    if shown is None:
        context.info(f"  No response: {result.error}")
        return
    lines = shown["body"].strip("\r\n").splitlines()
    status = f"HTTP {result.status} {PHRASES.get(result.status or 0, '')}".rstrip()
    context.info(f"  {status}{'' if lines else ', no body'}")
    for line in lines[:_SHOWN_LINES]:
        is_cut = len(line) > _SHOWN_CHARACTERS
        context.info(f"  | {line[:_SHOWN_CHARACTERS]}{'…' if is_cut else ''}")
    if len(lines) > _SHOWN_LINES:
        more = len(lines) - _SHOWN_LINES
        context.info(f"  ({more} more {'line' if more == 1 else 'lines'})")
