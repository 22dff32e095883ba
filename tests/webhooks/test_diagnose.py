"""Diagnosis of signature failures caused by the usual mistakes."""

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


def findings(body: bytes, signature: str | None, *secrets: str, **options: Any) -> str:
    diagnosis = diagnose(body, signature, secrets or [SECRET], now=1_000_000, **options)
    return "\n".join(diagnosis.findings)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(VALUE).encode(),
        json.dumps(VALUE, indent=2).encode(),
        json.dumps(VALUE, ensure_ascii=False, sort_keys=True).encode(),
        json.dumps(VALUE, separators=(",", ":"), sort_keys=True).encode() + b"\n",
    ],
)
def test_reserialized_body_is_diagnosed(body: bytes) -> None:
    assert "re-serialized JSON" in findings(body, sign(BODY, SECRET))


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (BODY + b"\n", "without its trailing newline"),
        (BODY + b"\r\n", "without its trailing newline"),
        (b"\xef\xbb\xbf" + BODY, "byte order mark"),
        (b"  " + BODY + b" ", "surrounding whitespace"),
    ],
)
def test_slightly_changed_body_is_diagnosed(body: bytes, cause: str) -> None:
    assert cause in findings(body, sign(BODY, SECRET))


@pytest.mark.parametrize(
    ("signing_secret", "cause"),
    [
        (SECRET + "\n", "with a trailing newline"),
        (SECRET.removeprefix("whsec_"), "without the whsec_ prefix"),
    ],
)
def test_slightly_changed_secret_is_diagnosed(signing_secret: str, cause: str) -> None:
    assert cause in findings(BODY, sign(BODY, signing_secret))


def test_other_digests_are_diagnosed() -> None:
    raw = hmac.digest(SECRET.encode(), BODY, "sha256")
    assert "base64" in findings(BODY, base64.b64encode(raw).decode())
    assert "base64" in findings(BODY, "sha256=" + base64.b64encode(raw).decode())
    assert "SHA1" in findings(BODY, hmac.digest(SECRET.encode(), BODY, "sha1").hex())
    assert "plain SHA-256" in findings(BODY, hashlib.sha256(BODY).hexdigest())
    assert "not a signature" in findings(BODY, "hello")
    assert "X-OutReply-Signature is missing" in findings(BODY, None)
    assert "another secret" in findings(BODY, sign(BODY, "whsec_other"))


def test_secret_that_is_not_utf_8_is_compared() -> None:
    """Python reads such bytes from the environment as lone surrogates."""
    secret = "caf\udce9"
    assert "signed with another secret" in findings(BODY, sign(BODY, SECRET), secret)
    assert "signed with secret 1" in findings(BODY, sign(BODY, secret), secret)


def test_valid_signature_gets_notes_on_secret_and_timestamp() -> None:
    assert "secret 2, an older secret" in findings(BODY, sign(BODY, SECRET), "new", SECRET)
    both = f"{sign(BODY, 'x')}, {sign(BODY, SECRET)}"
    assert "rotation" in findings(BODY, both)
    assert "no sha256=" in findings(BODY, sign(BODY, SECRET)[7:])
    old = findings(BODY, sign(BODY, SECRET), timestamp="999000", tolerance=Tolerance(300))
    assert "outside tolerance" in old
    assert "1000 s old" in old


def test_mismatch_labels_cause_expected_and_received() -> None:
    lines = findings(BODY, "sha256=" + "0" * 64).splitlines()
    assert [line.split(":")[0] for line in lines] == ["cause", "expected", "received"]


def test_names_of_the_same_secret_do_not_contradict_each_other() -> None:
    found = diagnose(BODY, sign(BODY, SECRET), [SECRET, SECRET], names=["A", "B"], now=1_000_000)
    assert found.findings[0] == "signed with A"
    assert [label for _, label in found.received] == ["A"]


def test_expected_signature_is_truncated() -> None:
    shown = findings(BODY, "sha256=" + "0" * 64)
    assert sign(BODY, SECRET)[:15] in shown
    assert sign(BODY, SECRET)[:30] not in shown
    assert SECRET not in shown
