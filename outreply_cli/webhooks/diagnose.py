"""Why a signature does not fit: the mistakes that receivers and people make, tried one by one."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.webhooks.signature import (
    PREFIX,
    Tolerance,
    VerificationResult,
    parse_signatures,
    sign,
    verify_signature,
)

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about a delivery.

    Attributes:
        verdict: Whether it is good.
        findings: One line each, for people: what fits and what does not.
    """

    verdict: VerificationResult
    findings: Sequence[str]


def diagnose(
    body: bytes,
    signature: str | None,
    secrets: Sequence[str],
    *,
    names: Sequence[str] = (),
    timestamp: str | None = None,
    tolerance: Tolerance = Tolerance(),
    now: float,
) -> Diagnosis:
    """Whether a delivery is good, and what speaks for and against it.

    Args:
        body: The raw bytes, or what is left of them.
        signature: The header's text.
        secrets: The present one first, then older ones.
        names: What people call them.
        timestamp: The header's text.
        tolerance: What is asked of it.
        now: The present, in Unix seconds.
    """
    verdict = verify_signature(
        body, signature, secrets, timestamp=timestamp, tolerance=tolerance, now=now
    )
    findings: list[str] = []
    if verdict.secret is not None:
        findings += _of_match(verdict.secret, signature or "", list(names))
    else:
        findings += list(_mistakes(body, signature, secrets))
        for place, secret in enumerate(secrets):
            name = names[place] if place < len(names) else f"secret {place + 1}"
            findings.append(f"expected with {name}: {_short(sign(body, secret))}")
        findings += [
            f"got: {_short(PREFIX + each.decode())}"
            for each in parse_signatures(signature)[:3]
            if each
        ]
    if verdict.reason is not None and verdict.secret is not None:
        findings.append(f"{verdict.reason}; it is not among the signed bytes")
    age = _age(timestamp, now)
    if age is not None:
        findings.append(f"the timestamp is {age:.0f} s {'old' if age >= 0 else 'ahead'}")
    return Diagnosis(verdict, findings)


def _of_match(place: int, signature: str, names: Sequence[str]) -> Iterator[str]:
    name = names[place] if place < len(names) else f"secret {place + 1}"
    older = ", an older one: it is refused 24 hours after the rotation" if place else ""
    yield f"signed with {name}{older}"
    if len(parse_signatures(signature)) > 1:
        yield "the header lists several signatures: the secret is being rotated"
    if PREFIX not in signature:
        yield f"the signature has no {PREFIX} before it; that is accepted"


def _mistakes(body: bytes, signature: str | None, secrets: Sequence[str]) -> Iterator[str]:
    if not (signature or "").strip():
        yield "there is no X-OutReply-Signature"
        return
    listed = [part.strip().removeprefix(PREFIX) for part in (signature or "").split(",")]
    given = {part.lower() for part in listed}
    # The first one that fits is the smallest change; what else fits says nothing more.
    fitting = (
        what
        for what, changed in _other_bodies(body)
        if any(_hex(changed, secret) in given for secret in secrets)
    )
    body_mistake = next(fitting, None)
    found = body_mistake is not None
    if found:
        yield f"it fits {body_mistake}: verify the bytes as they came, before anything parses them"
    for what, change in _OTHER_SECRETS:
        if any(_hex(body, change(secret)) in given for secret in secrets):
            found = True
            yield f"it fits the secret {what}: set the secret exactly as it was shown"
    for what, digest in _OTHER_DIGESTS:
        if any(digest(body, secret) in {*listed, *given} for secret in secrets):
            found = True
            yield f"it is {what}; OutReply sends {PREFIX} and 64 hexadecimal digits"
    if not found:
        yield from _unknown_mistake(body, signature)


def _unknown_mistake(body: bytes, signature: str | None) -> Iterator[str]:
    if all(not each for each in parse_signatures(signature)):
        yield f"it is no signature: {PREFIX} and 64 hexadecimal digits are expected"
        return
    yield "another secret signed it, or the body was changed on its way"
    if _looks_sorted(body):
        yield (
            "its fields stand in the order of the alphabet, as another JSON writer sorts them: "
            "verify the bytes as they came"
        )


def _other_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    trimmed = body.rstrip(b"\r\n")
    for what, changed in (
        ("the body without its last line break", trimmed),
        ("the body with a line break after it", trimmed + b"\n"),
        ("the body with a line break after it", trimmed + b"\r\n"),
        ("the body with Unix line breaks", body.replace(b"\r\n", b"\n")),
        ("the body with Windows line breaks", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
        ("the body without its byte order mark", body.removeprefix(b"\xef\xbb\xbf")),
        ("the body without blanks around it", body.strip()),
    ):  # fmt: skip
        if changed != body:
            yield what, changed
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    for again in _encodings(value):
        if again != body:
            yield "the body as another JSON writer writes it", again
            yield "the body as another JSON writer writes it", again + b"\n"


def _looks_sorted(body: bytes) -> bool:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and len(value) > 1 and list(value) == sorted(value)


def _encodings(value: Any) -> Iterator[bytes]:
    for separators in ((",", ":"), (", ", ": ")):
        for ascii_only in (True, False):
            for is_sorted in (False, True):
                yield _dump(
                    value, ensure_ascii=ascii_only, sort_keys=is_sorted, separators=separators
                )
    for indent in (2, 4, "\t"):
        for ascii_only in (True, False):
            yield _dump(value, ensure_ascii=ascii_only, indent=indent)


def _dump(value: Any, **form: Any) -> bytes:
    return json.dumps(value, **form).encode("utf-8", "surrogatepass")


_OTHER_SECRETS: Sequence[tuple[str, Callable[[str], str]]] = (
    ("without the blanks around it", str.strip),
    ("with a line break after it", lambda secret: secret + "\n"),
    ("without whsec_ before it", lambda secret: secret.removeprefix("whsec_")),
    ("with whsec_ before it", lambda secret: f"whsec_{secret}"),
    ("without the quotation marks around it", lambda secret: secret.strip("'\"")),
)
_OTHER_DIGESTS: Sequence[tuple[str, Callable[[bytes, str], str]]] = (
    ("in base64", lambda body, secret: base64.b64encode(_raw(body, secret)).decode()),
    (
        "in base64 for URLs",
        lambda body, secret: base64.urlsafe_b64encode(_raw(body, secret)).decode().rstrip("="),
    ),
    ("HMAC-SHA1", lambda body, secret: hmac.digest(secret.encode(), body, "sha1").hex()),
    ("HMAC-SHA512", lambda body, secret: hmac.digest(secret.encode(), body, "sha512").hex()),
    ("a plain SHA-256 of the body", lambda body, _secret: hashlib.sha256(body).hexdigest()),
)


def _raw(body: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), body, "sha256")


def _hex(body: bytes, secret: str) -> str:
    return _raw(body, secret).hex()


def _short(signature: str) -> str:
    # A whole expected signature would be one that somebody could send.
    return f"{signature[: len(PREFIX) + _SHOWN_DIGITS]}…"


def _age(timestamp: str | None, now: float) -> float | None:
    try:
        age = now - float(timestamp or "")
    except ValueError:
        return None
    return age if abs(age) < 1e12 else None
