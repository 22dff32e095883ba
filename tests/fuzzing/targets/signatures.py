"""Signatures and events: results match the official SDK, and parsing never crashes."""

import json
from typing import Any

from outreply.webhooks import verify_webhook_signature

from outreply_cli.formats.sanitize import sanitize
from outreply_cli.webhooks import EventError, parse_event, sign, verify
from outreply_cli.webhooks.diagnose import diagnose
from outreply_cli.webhooks.event import summarize
from outreply_cli.webhooks.signature import (
    MAX_SIGNATURES,
    Reason,
    Tolerance,
    parse_signatures,
    verify_signature,
)
from tests.fuzzing.target import InputReader, Target, expect_errors

_SECRETS = ("whsec_a", "whsec_b", "é", " ", "x" * 200)
_NOW = 1_790_000_000.0


def _sdk_accepts(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(verify_webhook_signature(body, header, secret))
    except TypeError:
        # The comparison in the SDK raises on non-ASCII characters.
        return False


def _check_signature(data: bytes) -> None:
    reader = InputReader(data)
    secret = _SECRETS[reader.number(len(_SECRETS))]
    stamp, body = reader.part().decode("latin-1"), reader.part()
    # WSGI headers are Latin-1; `@` stands for the valid signature.
    header = reader.rest().decode("latin-1").replace("@", sign(body, secret))
    accepted = verify(body, header, secret)
    sdk_accepted = _sdk_accepts(body, header, secret)
    if len(parse_signatures(header)) <= MAX_SIGNATURES:
        assert accepted or not sdk_accepted
    if accepted and not sdk_accepted:
        # Only `verify` accepts upper-case digits, and a valid signature after a non-ASCII one.
        digits = header.replace("sha256=", "\0").lower().replace("\0", "sha256=")
        ascii_parts = ",".join(part for part in digits.split(",") if part.strip().isascii())
        assert _sdk_accepts(body, ascii_parts, secret)
    tolerance = Tolerance(300, is_required=True)
    diagnosis = diagnose(
        body, header, [secret, "other"], timestamp=stamp, tolerance=tolerance, now=_NOW
    )
    assert diagnosis.result == verify_signature(
        body, header, [secret, "other"], timestamp=stamp, tolerance=tolerance, now=_NOW
    )
    assert all(isinstance(line, str) and line for line in diagnosis.findings)
    if diagnosis.result.is_valid:
        assert accepted
        assert abs(float(stamp) - _NOW) <= 300
    assert (diagnosis.result.reason is Reason.NO_SIGNATURE) == (not header.replace(",", "").strip())


def _check_event(data: bytes) -> None:
    with expect_errors(EventError):
        event = parse_event(data)
    assert 0 < len(event.key) <= 200
    assert event.key.isprintable()
    assert event.payload == json.loads(data)
    assert parse_event(data) == event
    line = sanitize(summarize(event, {"p": "acme"}))
    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) <= 10 * len(data) + 400


_PAYLOADS: tuple[dict[str, Any], ...] = (
    {"id": "evt_1", "event": "post.published", "created_at": "2026-04-12T10:14:22.917Z",
     "data": {"post": {"page_id": "p", "platform": "IG", "message": "Hi"}}},
    {"type": "post.failed", "data": {"post": {"username": "acme", "error": "no"}, "error": 1}},
    {"event": "comment.received", "data": {"comment": {"author": {"username": "jane"},
     "platform": "x", "message": "Love \u202e this"}}},
    {"event": "comment.replied", "data": {"reply": {"message": "Thanks\n💚"}}},
    {"event": "account.quota.warning", "data": {"bucket": "publishes", "used": 48, "limit": 60,
     "percent": 80}},
)  # fmt: skip
TARGETS = (
    Target(
        "signatures", _check_signature,
        [b"\0" + b"\0\0".join(parts) for parts in (
            (b"1790000000", b"{}", b"@"), (b"1790000000", b"{}", b"sha256=00,@"),
            (b"", b"", b"@"), (b"nan", b"x", b" @ , @;"), (b"1e9", b"x", b"sha256=" + b"a" * 64),
            (b"1790000300.5", b'{"b": 1, "a": 2}\n', b"@,@"), (b" 1790000000 ", b"\xff", b",,@"))],
        [b"@", b"sha256=", b"SHA256=", b"sha1=", b",", b", ", b"\xa0", b"\x0b", b"\x1c", b"\0\0",
         b"e9" * 32, b"@," * 300, b"1_790_000_000", b"\xb2"],
    ),
    Target(
        "events", _check_event, [json.dumps(payload).encode() for payload in _PAYLOADS],
        [b'"id"', b'"event"', b'"post.', b'"data"', b"null", b"[]", b"{}", b'"\\ud800"', b"NaN",
         b"-Infinity", b"[" * 3000, b'{"a":' * 1000, b"9" * 5000, b'"\\u0000"', b"1e999", b"true"],
    ),
)  # fmt: skip
