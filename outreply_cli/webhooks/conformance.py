"""Conformance checks of a webhook handler, against a running one.

Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outreply_cli.net.deliver import UnreachableError, deliver
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks.fixtures import delivery_headers, encode_body, sample_event
from outreply_cli.webhooks.signature import sign

_CONCURRENCY = 20
_OVERSIZED_BYTES = 2 * 1024 * 1024
_SIGNATURE = "X-OutReply-Signature"
_Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ConformanceCheck:
    """The result of a check, named after what was sent, with a hint on how to fix the handler."""

    name: str
    expected: str
    response: str
    passed: bool
    hint: str
    milliseconds: float


class HandlerConformance:
    """The conformance checks of the handler at a `url` that `validate_url` accepted."""

    def __init__(
        self, url: str, secret: str, now: datetime, *, reach: Reach = Reach.PRIVATE
    ) -> None:
        self._url, self._secret, self._now = url, secret, now
        self._reach = reach
        self._was_connected = False

    def run(self) -> Iterator[ConformanceCheck]:
        """Run the checks, one after the other.

        Raises:
            UnreachableError: Nothing listens at the URL.
        """
        body, headers = self._delivery()
        yield self._accepts(
            "valid delivery", body, headers,
            "Verify the raw body with the secret that this command uses.",
        )  # fmt: skip
        yield self._accepts(
            "repeated delivery", body, headers,
            "Respond 2xx to deliveries already seen; other responses are retried.",
        )  # fmt: skip
        yield self._accepts(
            "delivery during a secret rotation", *self._delivery(is_rotated=True),
            "Accept a delivery if any of the comma-separated signatures matches.",
        )  # fmt: skip
        pretty = json.dumps(self._payload(), indent=2, ensure_ascii=True).encode() + b"\n"
        yield self._accepts(
            "valid delivery, formatted differently", pretty, self._headers(pretty),
            "Verify the raw body, not JSON that was parsed and serialized again.",
        )  # fmt: skip
        unknown = encode_body({**self._payload(), "event": "post.reviewed"})
        yield self._accepts(
            "unknown event type", unknown, self._headers(unknown),
            "Respond 2xx to events that you do not handle; new types may be added.",
        )  # fmt: skip
        yield from self._invalid_deliveries(body, headers)
        yield self._accepts(
            "timestamp one hour old", *self._delivery(is_stale=True),
            "Do not reject old timestamps: the last retry comes three hours late. "
            "Deduplicate by event ID to prevent replays.",
        )  # fmt: skip
        oversized = f"data.post.message={'x' * _OVERSIZED_BYTES}"
        large = encode_body(sample_event("post.published", self._now, [oversized]))
        yield self._check(
            "2 MiB body", large, self._headers(large), "Limit the body size and respond 413.",
            expected="not 5xx",
            is_expected=lambda result: result.status is None or result.status < 500,
        )  # fmt: skip
        broken = b'{"event": '
        yield self._check(
            "signed, but not JSON", broken, self._headers(broken),
            "Respond 400; a 5xx is retried five times.",
            expected="not 5xx",
            is_expected=lambda result: result.status is not None and result.status < 500,
        )  # fmt: skip
        yield self._concurrent_deliveries()

    def _invalid_deliveries(self, body: bytes, headers: _Headers) -> Iterator[ConformanceCheck]:
        tampered = body.replace(b"Launching", b"Lurching!")
        yield self._rejects("modified body", tampered, headers)
        yield self._rejects("signature from another secret", *self._delivery(is_forged=True))
        unsigned = [(name, value) for name, value in headers if name != _SIGNATURE]
        yield self._rejects("missing signature", body, unsigned)
        for name, signature in (
            ("empty signature", "sha256="),
            ("malformed signature", "sha256=é, \x7f, " + "z" * 64),
            ("truncated signature", sign(body, self._secret)[:-1]),
        ):
            yield self._rejects(name, body, [*unsigned, (_SIGNATURE, signature)])

    def _concurrent_deliveries(self) -> ConformanceCheck:
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            results = list(pool.map(lambda _: self._send(*self._delivery()), range(_CONCURRENCY)))
        rejected = [result for result in results if not result.is_accepted]
        return ConformanceCheck(
            f"{_CONCURRENCY} concurrent deliveries", "2xx",
            f"{_format_result(rejected[0])} ({len(rejected)} times)" if rejected else "2xx",
            not rejected,
            "Store the event, respond, then process it; the sender times out after 10 s.",
            max(result.milliseconds for result in results),
        )  # fmt: skip

    def _accepts(self, name: str, body: bytes, headers: _Headers, hint: str) -> ConformanceCheck:
        return self._check(
            name, body, headers, hint, expected="2xx", is_expected=lambda result: result.is_accepted
        )

    def _rejects(self, name: str, body: bytes, headers: _Headers) -> ConformanceCheck:
        return self._check(
            name, body, headers,
            "Verify HMAC-SHA256 of the raw body before anything else, and respond 401.",
            expected="4xx",
            is_expected=lambda result: result.status is not None and 400 <= result.status < 500,
        )  # fmt: skip

    def _check(
        self,
        name: str,
        body: bytes,
        headers: _Headers,
        hint: str,
        *,
        expected: str,
        is_expected: Callable[[DeliveryResult], bool],
    ) -> ConformanceCheck:
        result = self._send(body, headers)
        return ConformanceCheck(
            name, expected, _format_result(result), is_expected(result), hint, result.milliseconds
        )

    def _send(self, body: bytes, headers: _Headers) -> DeliveryResult:
        result = deliver(self._url, body, headers, reach=self._reach)
        # A handler that stops responding later has failed a check.
        if not result.is_connected and not self._was_connected:
            raise UnreachableError(
                f"cannot connect to {self._url}: {result.error}",
                hint=result.hint or "Start your handler, then run the command again.",
            )
        self._was_connected = True
        return result

    def _payload(self) -> dict[str, Any]:
        return sample_event("post.published", self._now)

    def _headers(self, body: bytes, **flaws: bool) -> _Headers:
        return delivery_headers(body, "post.published", self._secret, self._now, **flaws)

    def _delivery(self, **flaws: bool) -> tuple[bytes, _Headers]:
        body = encode_body(self._payload())
        return body, self._headers(body, **flaws)


def _format_result(result: DeliveryResult) -> str:
    return str(result.status) if result.status is not None else str(result.error)
