"""Why a signature does not fit, told from the mistakes that people make."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from outreply_cli.webhooks import sign
from outreply_cli.webhooks.diagnose import diagnose
from outreply_cli.webhooks.signature import Tolerance

SECRET = "whsec_explained"
BODY = '{"event":"post.published","data":{"b":1,"a":"ü"}}'.encode()
VALUE = json.loads(BODY)


def told(body: bytes, signature: str | None, *secrets: str, **more: Any) -> str:
    found = diagnose(body, signature, secrets or [SECRET], now=1_000_000, **more)
    return "\n".join(found.findings)


@pytest.mark.parametrize(
    "again",
    [
        json.dumps(VALUE).encode(),
        json.dumps(VALUE, indent=2).encode(),
        json.dumps(VALUE, ensure_ascii=False, sort_keys=True).encode(),
        json.dumps(VALUE, separators=(",", ":"), sort_keys=True).encode() + b"\n",
    ],
)
def test_a_body_that_was_written_again_is_found_out(again: bytes) -> None:
    assert "another JSON writer" in told(again, sign(BODY, SECRET))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (BODY + b"\n", "without its last line break"),
        (BODY + b"\r\n", "without its last line break"),
        (b"\xef\xbb\xbf" + BODY, "byte order mark"),
        (b"  " + BODY + b" ", "blanks around it"),
    ],
)
def test_a_body_that_changed_a_little_is_found_out(body: bytes, word: str) -> None:
    assert word in told(body, sign(BODY, SECRET))


@pytest.mark.parametrize(
    ("signed_with", "word"),
    [
        (SECRET + "\n", "a line break after it"),
        (SECRET.removeprefix("whsec_"), "without whsec_"),
    ],
)
def test_a_secret_that_was_set_wrongly_is_found_out(signed_with: str, word: str) -> None:
    assert word in told(BODY, sign(BODY, signed_with))


def test_other_digests_are_found_out() -> None:
    raw = hmac.digest(SECRET.encode(), BODY, "sha256")
    assert "base64" in told(BODY, base64.b64encode(raw).decode())
    assert "base64" in told(BODY, "sha256=" + base64.b64encode(raw).decode())
    assert "SHA1" in told(BODY, hmac.digest(SECRET.encode(), BODY, "sha1").hex())
    assert "plain SHA-256" in told(BODY, hashlib.sha256(BODY).hexdigest())
    assert "no signature" in told(BODY, "hello")
    assert "there is no X-OutReply-Signature" in told(BODY, None)
    assert "another secret" in told(BODY, sign(BODY, "whsec_other"))


def test_what_is_good_is_told_with_what_is_noteworthy() -> None:
    assert "secret 2, an older one" in told(BODY, sign(BODY, SECRET), "new", SECRET)
    both = f"{sign(BODY, 'x')}, {sign(BODY, SECRET)}"
    assert "rotated" in told(BODY, both)
    assert "no sha256=" in told(BODY, sign(BODY, SECRET)[7:])
    old = told(BODY, sign(BODY, SECRET), timestamp="999000", tolerance=Tolerance(300))
    assert "outside the tolerance" in old
    assert "1000 s old" in old


def test_no_whole_signature_that_would_fit_is_shown() -> None:
    shown = told(BODY, "sha256=" + "0" * 64)
    assert sign(BODY, SECRET)[:15] in shown
    assert sign(BODY, SECRET)[:30] not in shown
    assert SECRET not in shown
