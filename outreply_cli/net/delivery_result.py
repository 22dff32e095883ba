"""The result of a delivery attempt (reference: Retries & auto-disable)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class HandlerResponse:
    """The response of a handler.

    Attributes:
        headers: The headers, in order.
        body: The first 64 KiB of the body.
        is_truncated: Whether the rest of the body is missing.
        connect_ms: Milliseconds until the connection was open, including the TLS handshake.
        first_byte_ms: Milliseconds until the headers arrived, including `connect_ms`.
    """

    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    is_truncated: bool = False
    connect_ms: float = 0.0
    first_byte_ms: float = 0.0


@dataclass(frozen=True)
class DeliveryResult:
    """The result of a delivery attempt.

    Attributes:
        status: The HTTP status; None without a response.
        error: Reason for the missing response; None if there was one.
        milliseconds: The duration of the attempt.
        is_connected: Whether something accepted the connection and the TLS handshake.
        hint: Suggested fix; None if there is none.
        response: The rest of the response; None without one.
    """

    status: int | None
    error: str | None
    milliseconds: float
    is_connected: bool = True
    hint: str | None = None
    response: HandlerResponse | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the handler accepted it: any 2xx (reference: Retries & auto-disable)."""
        return self.status is not None and 200 <= self.status < 300
