"""Diagnosis of signature failures: tries common mistakes of handlers and configurations."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.formats.json import load_json
from outreply_cli.webhooks.signature import (
    PREFIX,
    Tolerance,
    VerificationResult,
    parse_signatures,
    sign,
    split_signatures,
    verify_signature,
)

_SHOWN_DIGITS = 12
_MAX_SIGNATURES = 5


@dataclass(frozen=True)
class Diagnosis:
    """The result of a verification, and its explanation.

    Attributes:
        findings: Lines such as `cause: …`.
        received: The signatures that were received, shortened, each with the name of the secret
            that it matches, if any.
        expected: Names of the secrets, with the shortened signature that each one produces.
        body_digest: SHA-256 of the bytes that were verified, in hexadecimal.
    """

    result: VerificationResult
    findings: Sequence[str]
    received: Sequence[tuple[str, str | None]]
    expected: Mapping[str, str]
    body_digest: str


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
    """Verify a delivery like `verify_signature`, and explain the result with `names` of secrets."""
    result = verify_signature(
        body, signature, secrets, timestamp=timestamp, tolerance=tolerance, now=now
    )
    labels = [*names, *(f"secret {index + 1}" for index in range(len(names), len(secrets)))]
    digests = {label: sign(body, secret) for label, secret in zip(labels, secrets, strict=False)}
    expected = {label: _shorten(digest) for label, digest in digests.items()}
    findings: list[str] = []
    if result.secret_index is not None:
        findings += _match_notes(result.secret_index, labels, signature or "")
    else:
        findings += [f"cause: {cause}" for cause in _causes(body, signature, secrets)]
        findings += [f"expected: {shortened} ({label})" for label, shortened in expected.items()]
        findings += [
            f"received: {_shorten(PREFIX + candidate.decode())}"
            for candidate in parse_signatures(signature)[:3]
            if candidate
        ]
    if result.reason is not None and result.secret_index is not None:
        findings.append(f"cause: {result.reason} (timestamps are not signed)")
    age = _age(timestamp, now)
    if age is not None:
        findings.append(f"timestamp is {abs(age):.0f} s {'old' if age >= 0 else 'in the future'}")
    # The first of several labels with the same secret, as above.
    labels_by_digest = {digest: label for label, digest in reversed(digests.items())}
    received = [
        (_shorten(candidate), labels_by_digest.get(candidate))
        for part in split_signatures(signature)[:_MAX_SIGNATURES]
        for candidate in [PREFIX + part.lower()]
    ]
    return Diagnosis(result, findings, received, expected, hashlib.sha256(body).hexdigest())


def _match_notes(index: int, labels: Sequence[str], signature: str) -> Iterator[str]:
    older = ", an older secret; OutReply stops using it 24 hours after the rotation"
    yield f"signed with {labels[index]}{older if index else ''}"
    if len(parse_signatures(signature)) > 1:
        yield "several signatures: a secret rotation is in progress"
    if PREFIX not in signature:
        yield f"signature has no {PREFIX} prefix (accepted)"


def _causes(body: bytes, signature: str | None, secrets: Sequence[str]) -> Iterator[str]:
    if not (signature or "").strip():
        yield "X-OutReply-Signature is missing"
        return
    parts = split_signatures(signature)
    received = {part.lower() for part in parts}
    # The first match is the smallest change; further ones add nothing.
    body_mistake = next(
        (
            name
            for name, changed in _other_bodies(body)
            if any(_digest(changed, secret).hex() in received for secret in secrets)
        ),
        None,
    )
    is_explained = body_mistake is not None
    if is_explained:
        yield f"signature matches the body {body_mistake}; verify the raw body before parsing it"
    for name, change in _OTHER_SECRETS:
        if any(_digest(body, change(secret)).hex() in received for secret in secrets):
            is_explained = True
            yield f"signature matches the secret {name}; set the secret exactly as shown"
    for name, digest in _OTHER_DIGESTS:
        if any(digest(body, secret) in {*parts, *received} for secret in secrets):
            is_explained = True
            yield f"signature is {name}; OutReply sends {PREFIX} and 64 hexadecimal digits"
    if is_explained:
        return
    if not any(parse_signatures(signature)):
        yield f"not a signature; expected {PREFIX} and 64 hexadecimal digits"
        return
    yield "signed with another secret, or the body was modified"
    value = load_json(body)
    if isinstance(value, dict) and len(value) > 1 and list(value) == sorted(value):
        yield "fields are in alphabetical order, as in re-serialized JSON; verify the raw body"


def _other_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    trimmed = body.rstrip(b"\r\n")
    for name, changed in (
        ("without its trailing newline", trimmed),
        ("with a trailing newline", trimmed + b"\n"),
        ("with a trailing newline", trimmed + b"\r\n"),
        ("with Unix line endings", body.replace(b"\r\n", b"\n")),
        ("with Windows line endings", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")),
        ("without its byte order mark", body.removeprefix(b"\xef\xbb\xbf")),
        ("without surrounding whitespace", body.strip()),
    ):
        if changed != body:
            yield name, changed
    value = load_json(body)
    if value is None:
        return
    for encoded in _encodings(value):
        if encoded != body:
            yield "as re-serialized JSON", encoded
            yield "as re-serialized JSON", encoded + b"\n"


def _encodings(value: Any) -> Iterator[bytes]:
    styles: list[dict[str, Any]] = [
        {"sort_keys": is_sorted, "separators": separators}
        for separators in ((",", ":"), (", ", ": "))
        for is_sorted in (False, True)
    ]
    styles += [{"indent": indent} for indent in (2, 4, "\t")]
    for style in styles:
        for ascii_only in (True, False):
            text = json.dumps(value, ensure_ascii=ascii_only, **style)
            yield text.encode("utf-8", "surrogatepass")


_OTHER_SECRETS: Sequence[tuple[str, Callable[[str], str]]] = (
    ("without surrounding whitespace", str.strip),
    ("with a trailing newline", lambda secret: secret + "\n"),
    ("without the whsec_ prefix", lambda secret: secret.removeprefix("whsec_")),
    ("with a whsec_ prefix", lambda secret: f"whsec_{secret}"),
    ("without surrounding quotes", lambda secret: secret.strip("'\"")),
)
_OTHER_DIGESTS: Sequence[tuple[str, Callable[[bytes, str], str]]] = (
    ("base64", lambda body, secret: base64.b64encode(_digest(body, secret)).decode()),
    (
        "URL-safe base64",
        lambda body, secret: base64.urlsafe_b64encode(_digest(body, secret)).decode().rstrip("="),
    ),
    ("HMAC-SHA1", lambda body, secret: _digest(body, secret, "sha1").hex()),
    ("HMAC-SHA512", lambda body, secret: _digest(body, secret, "sha512").hex()),
    ("a plain SHA-256 of the body", lambda body, _secret: hashlib.sha256(body).hexdigest()),
)


def _digest(body: bytes, secret: str, algorithm: str = "sha256") -> bytes:
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), body, algorithm)


def _shorten(signature: str) -> str:
    # A complete expected signature could be used to forge the delivery.
    return f"{signature[: len(PREFIX) + _SHOWN_DIGITS]}…"


def _age(timestamp: str | None, now: float) -> float | None:
    try:
        age = now - float(timestamp or "")
    except ValueError:
        return None
    return age if abs(age) < 1e12 else None
