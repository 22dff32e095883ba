"""Signatures, judged by the official SDK's verifier over whatever can be thought of."""

import time
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from outreply.webhooks import verify_webhook_signature

from outreply_cli.webhooks import EventError, parse_event, sign, verify
from outreply_cli.webhooks.signature import CANDIDATES_MAX, Reason, Tolerance, verify_signature

SECRETS = st.sampled_from(["whsec_a", "whsec_b", "é", " ", "x" * 200])
HEX = "0123456789abcdef"


def sdk_accepts(body: bytes, header: str | None, secret: str, **more: Any) -> bool:
    try:
        return bool(verify_webhook_signature(body, header, secret, **more))
    except TypeError:
        # Its comparison refuses characters beyond ASCII by falling over.
        return False


@st.composite
def parts(draw: st.DrawFn, body: bytes) -> str:
    real = sign(body, draw(SECRETS))
    return draw(
        st.sampled_from([
            real, real[7:], real.upper(), real[7:].upper(), "sha256=", "", " ", real[:-1],
            real + "0", "sha256=sha256=" + real[7:], "sha1=" + real[7:], f" {real}\t", f"{real};",
            "sha256= " + real[7:], "\u00a0" + real, real.replace("a", "а"),
        ])
        | st.text(max_size=80)
        | st.text(HEX, min_size=64, max_size=64)
    )  # fmt: skip


@settings(max_examples=600)
@given(st.data(), st.binary(max_size=200), SECRETS)
def test_what_the_sdk_says_of_a_signature_we_say(
    data: st.DataObject, body: bytes, secret: str
) -> None:
    header = ",".join(data.draw(st.lists(parts(body), max_size=5)))
    ours = verify(body, header, secret)
    theirs = sdk_accepts(body, header, secret)
    if theirs:
        assert ours
    elif ours:
        # What we take and the SDK does not: upper-case digits, and a good signature after one
        # with characters beyond ASCII, which it falls over.
        digits = header.replace("sha256=", "\0").lower().replace("\0", "sha256=")
        heard = ",".join(part for part in digits.split(",") if part.strip().isascii())
        assert sdk_accepts(body, heard, secret)


@given(st.binary(max_size=50), st.floats() | st.integers(0, 4 * 10**9), st.floats(0, 1e6))
def test_a_timestamp_is_judged_as_the_sdk_judges_it(
    body: bytes, stamp: float, tolerance: float
) -> None:
    text = repr(stamp)
    near = abs(abs(time.time() - stamp) - tolerance) < 5
    if near or stamp != stamp:  # noqa: PLR0124 - nan, which we refuse, is no time
        return
    header = sign(body, "s")
    more = {"timestamp_header": text, "tolerance_sec": tolerance}
    assert verify(body, header, "s", timestamp=text, tolerance=tolerance) == sdk_accepts(
        body, header, "s", **more
    )


def test_a_missing_timestamp_is_a_failure_only_where_it_is_required() -> None:
    header = sign(b"x", "s")
    assert verify(b"x", header, "s", tolerance=1)
    asked = Tolerance(1, is_required=True)
    assert (
        verify_signature(b"x", header, ["s"], tolerance=asked, now=0).reason is Reason.NO_TIMESTAMP
    )


@pytest.mark.parametrize("stamp", ["nan", "inf", "-inf", "soon", "1e400"])
def test_a_timestamp_that_is_no_time_is_refused(stamp: str) -> None:
    assert not verify(b"x", sign(b"x", "s"), "s", timestamp=stamp, tolerance=1e9)


def test_any_of_several_secrets_and_signatures_will_do() -> None:
    header = ", ".join([sign(b"x", "new"), sign(b"x", "old")])
    assert verify_signature(b"x", header, ["other", "old"], now=0).secret == 1
    assert not verify(b"x", header, ["other", ""])
    assert not verify(b"x", sign(b"x", ""), "")
    assert not verify(b"x", header, [])


def test_more_signatures_than_anybody_sends_are_refused() -> None:
    header = ",".join([sign(b"x", "s")] * (CANDIDATES_MAX + 1))
    assert verify_signature(b"x", header, ["s"], now=0).reason is Reason.TOO_MANY_SIGNATURES


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_a_body_is_an_event_or_an_error(body: bytes | str) -> None:
    try:
        event = parse_event(body)
    except ValueError:
        return
    assert event.key


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"{", b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe{\x00}\x00",
     b'{"a": "\xff"}', b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"],
    ids=lambda body: str(body[:12]),
)  # fmt: skip
def test_what_is_no_event_is_an_error(body: bytes) -> None:
    with pytest.raises(EventError):
        parse_event(body)


def test_an_event_is_known_again_by_its_id_or_by_its_bytes() -> None:
    assert parse_event(b'{"id": "evt_1", "event": "a"}').key == "evt_1"
    assert parse_event(b'{"event": "a"}').key != parse_event(b'{"event":"a"}').key
    assert parse_event(b'{"id": "\\u001b[2J", "type": "a"}').key.startswith("sha256-")
    assert parse_event(b'{"type": "post.failed"}').name == "post.failed"


def test_a_tolerance_that_is_no_number_lets_nothing_through() -> None:
    assert not verify(b"x", sign(b"x", "s"), "s", timestamp="1", tolerance=float("nan"))


def test_a_number_that_json_can_not_hold_is_no_event() -> None:
    with pytest.raises(EventError):
        parse_event(b'{"event": "a", "data": {"n": 1e999}}')
