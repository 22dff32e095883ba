"""Signatures of deliveries (reference: Signature verification, Secret rotation).

The signature is HMAC-SHA256 over the raw body. The timestamp beside it is not among the signed
bytes, so it protects from nothing by itself; a receiver is safe from replays by knowing the events
that it has seen.
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
CANDIDATES_MAX = 256
_DIGITS = 64


class Reason(StrEnum):
    """Why a delivery is bad."""

    NO_SIGNATURE = "no signature"
    WRONG_SIGNATURE = "wrong signature"
    TOO_MANY_SIGNATURES = "too many signatures"
    NO_TIMESTAMP = "no timestamp"
    WRONG_TIMESTAMP = "the timestamp is no Unix time"
    OLD_TIMESTAMP = "the timestamp is outside the tolerance"


@dataclass(frozen=True)
class Tolerance:
    """What is asked of `X-OutReply-Timestamp`.

    Attributes:
        seconds: How far it may be from the present; None for any.
        is_required: Whether its absence alone is a failure.
    """

    seconds: float | None = None
    is_required: bool = False


@dataclass(frozen=True)
class VerificationResult:
    """Whether a delivery is good.

    Attributes:
        reason: Why it is not; None for a good one.
        secret: Which of the secrets signed it, by its place; None for none.
    """

    reason: Reason | None
    secret: int | None = None

    @property
    def is_valid(self) -> bool:
        """Whether it is from whoever holds a secret of ours."""
        return self.reason is None


def sign(body: bytes | str, secret: str) -> str:
    """`X-OutReply-Signature` for `body`: `sha256=` and 64 hexadecimal digits.

    Args:
        body: The raw bytes; a text is taken as UTF-8.
        secret: The webhook's.
    """
    return PREFIX + _digest(_as_bytes(body), secret)


def verify(
    body: bytes | str,
    signature: str | None,
    secret: str | Sequence[str],
    *,
    timestamp: str | None = None,
    tolerance: float | None = None,
) -> bool:
    """Whether a delivery was signed with `secret`, in constant time.

    Args:
        body: The raw bytes of the request, before anything parsed them.
        signature: `X-OutReply-Signature`; may list several, separated by commas, as while a
            secret is being rotated.
        secret: The webhook's, or several of which any will do.
        timestamp: `X-OutReply-Timestamp`, Unix seconds.
        tolerance: How many seconds that may be from the present; where there is no timestamp, it
            asks for nothing.
    """
    secrets = [secret] if isinstance(secret, str) else list(secret)
    wanted = Tolerance(tolerance)
    return verify_signature(
        _as_bytes(body), signature, secrets, timestamp=timestamp, tolerance=wanted, now=time.time()
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
    """Whether a delivery is good, or why it is not.

    Every candidate is compared with every secret's digest, whichever matches first.

    Args:
        body: The raw bytes.
        signature: The header's text; several headers are joined by commas.
        secrets: Ours; empty ones match nothing.
        timestamp: The header's text.
        tolerance: What is asked of it.
        now: The present, in Unix seconds.
    """
    late = _judge_timestamp(timestamp, tolerance, now)
    candidates = parse_signatures(signature)
    if not candidates:
        return VerificationResult(Reason.NO_SIGNATURE)
    if len(candidates) > CANDIDATES_MAX:
        return VerificationResult(Reason.TOO_MANY_SIGNATURES)
    matched: int | None = None
    for place, secret in enumerate(secrets):
        expected = _digest(body, secret).encode()
        hits = [hmac.compare_digest(candidate, expected) for candidate in candidates]
        if secret and any(hits) and matched is None:
            matched = place
    if matched is None:
        return VerificationResult(Reason.WRONG_SIGNATURE)
    return VerificationResult(late, matched)


def parse_signatures(header: str | None) -> list[bytes]:
    """The signatures that a header lists, without prefix and in lower case.

    What can't be one takes part as something that matches nothing, so that a header of nonsense is
    not a header that is missing.
    """
    listed = [part.strip() for part in (header or "").split(",")]
    return [_normal(part) for part in listed if part]


def _normal(text: str) -> bytes:
    value = text.removeprefix(PREFIX)
    return value.lower().encode() if len(value) == _DIGITS and value.isascii() else b""


def _judge_timestamp(text: str | None, tolerance: Tolerance, now: float) -> Reason | None:
    if text is None or not text.strip():
        return Reason.NO_TIMESTAMP if tolerance.is_required else None
    if tolerance.seconds is None and not tolerance.is_required:
        return None
    try:
        moment = float(text)
    except ValueError:
        return Reason.WRONG_TIMESTAMP
    if not math.isfinite(moment):
        return Reason.WRONG_TIMESTAMP
    is_near = tolerance.seconds is None or abs(now - moment) <= tolerance.seconds
    return None if is_near else Reason.OLD_TIMESTAMP


def _digest(body: bytes, secret: str) -> str:
    keyed = _keyed(secret).copy()
    keyed.update(body)
    return keyed.hexdigest()


@lru_cache(16)
def _keyed(secret: str) -> hmac.HMAC:
    # Not hmac.digest: it lets other threads go first, which costs a receiver more than the digest.
    return hmac.new(secret.encode("utf-8", "surrogatepass"), digestmod=hashlib.sha256)


def _as_bytes(body: bytes | str) -> bytes:
    return body.encode("utf-8") if isinstance(body, str) else bytes(body)
