"""Delivery signatures (reference: Signature verification, Secret rotation).

The signature is HMAC-SHA256 over the raw body. The timestamp header is not signed, so it does not
prevent replays; deduplicate by event ID for that.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

PREFIX = "sha256="
MAX_SIGNATURES = 256
_DIGITS = 64


class Reason(StrEnum):
    """The reason for a failed verification."""

    NO_SIGNATURE = "missing signature"
    WRONG_SIGNATURE = "signature mismatch"
    TOO_MANY_SIGNATURES = "too many signatures"
    NO_TIMESTAMP = "missing timestamp"
    WRONG_TIMESTAMP = "invalid timestamp"
    OLD_TIMESTAMP = "timestamp outside tolerance"


@dataclass(frozen=True)
class Tolerance:
    """The check of `X-OutReply-Timestamp`.

    Attributes:
        seconds: Maximum distance from now; None for any.
        is_required: Whether a missing timestamp is a failure.
    """

    seconds: float | None = None
    is_required: bool = False


@dataclass(frozen=True)
class VerificationResult:
    """The result of verifying a delivery.

    Attributes:
        reason: Reason for the failure; None on success.
        secret_index: Index of the secret that matched; None for no match.
    """

    reason: Reason | None
    secret_index: int | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the delivery is authentic."""
        return self.reason is None


def sign(body: bytes | str, secret: str) -> str:
    """`X-OutReply-Signature` for the raw `body`: `sha256=` and 64 hexadecimal digits."""
    return PREFIX + _digest(_as_bytes(body), secret)


def verify(
    body: bytes | str,
    signature: str | None,
    secret: str | Sequence[str],
    *,
    timestamp: str | None = None,
    tolerance: float | None = None,
) -> bool:
    """Whether a delivery was signed with `secret`, compared in constant time.

    Args:
        body: The raw request body, before parsing.
        signature: `X-OutReply-Signature`; holds several signatures, separated by commas, during
            a secret rotation.
        secret: The webhook's secret, or several of which any may match.
        timestamp: `X-OutReply-Timestamp`, Unix seconds.
        tolerance: Maximum distance of the timestamp from now, in seconds; not checked if the
            timestamp is missing.
    """
    secrets = [secret] if isinstance(secret, str) else list(secret)
    return verify_signature(
        _as_bytes(body),
        signature,
        secrets,
        timestamp=timestamp,
        tolerance=Tolerance(tolerance),
        now=time.time(),
    ).is_valid


def verify_signature(
    body: bytes,
    signature: str | None,
    secrets: Sequence[str],
    *,
    timestamp: str | None = None,
    tolerance: Tolerance = Tolerance(),
    now: float,
) -> VerificationResult:
    """Verify a delivery and say why it is invalid.

    Every signature is compared with every secret's digest, whichever matches first. Repeated
    headers are joined by commas; empty secrets match nothing; `now` is in Unix seconds.
    """
    timestamp_failure = _check_timestamp(timestamp, tolerance, now)
    signatures = parse_signatures(signature)
    if not signatures:
        return VerificationResult(Reason.NO_SIGNATURE)
    if len(signatures) > MAX_SIGNATURES:
        return VerificationResult(Reason.TOO_MANY_SIGNATURES)
    matched: int | None = None
    for index, secret in enumerate(secrets):
        expected = _digest(body, secret).encode()
        hits = [hmac.compare_digest(candidate, expected) for candidate in signatures]
        if secret and any(hits) and matched is None:
            matched = index
    if matched is None:
        return VerificationResult(Reason.WRONG_SIGNATURE)
    return VerificationResult(timestamp_failure, matched)


def parse_signatures(header: str | None) -> list[bytes]:
    """The signatures in a header, without prefix and in lower case; malformed ones are empty."""
    return [
        value.lower().encode() if len(value) == _DIGITS and value.isascii() else b""
        for value in split_signatures(header)
    ]


def split_signatures(header: str | None) -> list[str]:
    """The parts of a header, as they were received, but without prefix."""
    parts = [part.strip() for part in (header or "").split(",")]
    return [part.removeprefix(PREFIX) for part in parts if part]


def _check_timestamp(text: str | None, tolerance: Tolerance, now: float) -> Reason | None:
    if text is None or not text.strip():
        return Reason.NO_TIMESTAMP if tolerance.is_required else None
    if tolerance.seconds is None and not tolerance.is_required:
        return None
    try:
        timestamp = float(text)
    except ValueError:
        return Reason.WRONG_TIMESTAMP
    if not math.isfinite(timestamp):
        return Reason.WRONG_TIMESTAMP
    is_near = tolerance.seconds is None or abs(now - timestamp) <= tolerance.seconds
    return None if is_near else Reason.OLD_TIMESTAMP


def _digest(body: bytes, secret: str) -> str:
    mac = _hmac(secret).copy()
    mac.update(body)
    return mac.hexdigest()


@lru_cache(16)
def _hmac(secret: str) -> hmac.HMAC:
    # Not hmac.digest: it releases the GIL, which costs a receiver more than the digest.
    return hmac.new(secret.encode("utf-8", "surrogatepass"), digestmod=hashlib.sha256)


def _as_bytes(body: bytes | str) -> bytes:
    return body.encode("utf-8") if isinstance(body, str) else bytes(body)
