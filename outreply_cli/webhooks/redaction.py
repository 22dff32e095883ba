"""Redaction of secrets in the responses of targets and handlers."""

import re
from collections.abc import Collection
from dataclasses import replace

from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.spec.token import MIN_SECRET_CHARACTERS
from outreply_cli.ui.redact import redact

_HIDDEN = "(hidden)"
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)


def redact_result(result: DeliveryResult, secrets: Collection[str]) -> DeliveryResult:
    """Redact secrets in the response to a delivery.

    Args:
        result: The result of the delivery.
        secrets: Secrets to hide. The values of headers such as Set-Cookie are always hidden, and
            so is whatever looks like a token or a webhook secret.
    """
    response = result.response
    if response is None:
        return result
    encoded = [secret.encode("utf-8", "surrogateescape") for secret in secrets]
    # Each character stands for a byte, so that any body can be searched.
    known = [*secrets, *(secret.decode("latin-1") for secret in encoded)]
    headers = [
        (name, _HIDDEN if _SECRET_HEADER.search(name) else redact(value, known))
        for name, value in response.headers
    ]
    body = redact(response.body.decode("latin-1"), known).encode("latin-1")
    if response.is_truncated:
        body = _drop_partial_secret(body, encoded)
    return replace(result, response=replace(response, headers=headers, body=body))


def _drop_partial_secret(body: bytes, secrets: Collection[bytes]) -> bytes:
    """Remove the start of a secret from the end of a body that was cut off."""
    for secret in secrets:
        for length in range(len(secret) - 1, MIN_SECRET_CHARACTERS - 1, -1):
            if body.endswith(secret[:length]):
                return body[:-length]
    return body
