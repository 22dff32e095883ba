"""Conformance checks of a running webhook handler.

Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import json
import secrets as randomness
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from outreply_cli.net.deliver import TIMEOUT_SECONDS, UnreachableError, deliver
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks.fixtures import delivery_headers, encode_body, sample_event
from outreply_cli.webhooks.signature import sign

# A slower response comes too close to the timeout of the sender.
SLOW_SECONDS = 8.0
_CONCURRENCY = 20
# A race condition shows up in only some pairs of deliveries.
_PAIRS = 5
_OVERSIZED_BYTES = 2 * 1024 * 1024
_SIGNATURE = "X-OutReply-Signature"
_EVENT_INTERVAL = timedelta(hours=1)
_STORE_HINT = (
    "Store the event, respond, then process it; "
    f"the sender times out after {TIMEOUT_SECONDS:.0f} s."
)
_ROTATION_HINT = (
    "Split the signature header at commas, trim the parts, and accept the delivery if any part "
    "matches."
)
_Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ConformanceCheck:
    """The result of a check.

    Attributes:
        name: Name of the check, which describes the delivery that was sent.
        expected: The expected response.
        detail: The response, in short.
        passed: Whether the handler passed.
        hint: How to fix the handler.
        milliseconds: The duration of the slowest delivery of the check.
        result: Result of the delivery that decided the check; of several that failed, the first.
    """

    name: str
    expected: str
    detail: str
    passed: bool
    hint: str
    milliseconds: float
    result: DeliveryResult


class HandlerConformance:
    """The conformance checks of the handler at a `url` that `validate_url` accepted."""

    def __init__(
        self, url: str, secret: str, now: datetime, *, reach: Reach = Reach.PRIVATE
    ) -> None:
        self._url, self._secret, self._now = url, secret, now
        self._reach = reach
        self._was_connected = False
        self._results: list[DeliveryResult] = []

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
        yield self._simultaneous_duplicates()
        yield self._unordered_events()
        yield from self._rotated_secret()
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
        yield slowest_response_check(self._results)

    def _simultaneous_duplicates(self) -> ConformanceCheck:
        """Send an event twice at once, several times."""
        with ThreadPoolExecutor(2) as pool:
            results = [result for _ in range(_PAIRS) for result in self._send_twice(pool)]
        return _all_accepted(
            "same event twice at once", results,
            "Store event IDs with a unique constraint, and respond 2xx to the second delivery.",
        )  # fmt: skip

    def _send_twice(self, pool: ThreadPoolExecutor) -> Iterator[DeliveryResult]:
        body, headers = self._delivery()
        barrier = threading.Barrier(2)

        def send(_: int) -> DeliveryResult:
            barrier.wait()
            return self._send(body, headers)

        return pool.map(send, range(2))

    def _unordered_events(self) -> ConformanceCheck:
        """Send the events of a post from newest to oldest: comment, publication, failure."""
        post_id = randomness.token_hex(12)
        results = []
        for index, (event, field) in enumerate((
            ("comment.received", "comment.post_id"),
            ("post.published", "post.id"),
            ("post.failed", "post.id"),
        )):  # fmt: skip
            # Quoted: an ID of digits alone would be read as a number.
            payload = sample_event(
                event, self._now - index * _EVENT_INTERVAL, [f'data.{field}="{post_id}"']
            )
            body = encode_body(payload)
            results.append(self._send(body, delivery_headers(body, event, self._secret, self._now)))
        return _all_accepted(
            "events of a post, newest first", results,
            "Respond 2xx to events that arrive late, and compare created_at instead of relying on "
            "the order of deliveries.",
        )  # fmt: skip

    def _rotated_secret(self) -> Iterator[ConformanceCheck]:
        body = encode_body(self._payload())
        new, old = sign(body, self._secret), sign(body, randomness.token_hex(16))
        # The reference says "separated by a comma": with and without a space are both possible.
        for name, signature in (
            ("secret rotation: old signature first", f"{old}, {new}"),
            ("secret rotation: new signature first", f"{new},{old}"),
            ("after a secret rotation: one signature", new),
        ):
            yield self._accepts(name, *self._with_signature(body, signature), _ROTATION_HINT)

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
            (
                "two signatures, both from other secrets",
                ", ".join(sign(body, randomness.token_hex(16)) for _ in range(2)),
            ),
        ):
            yield self._rejects(name, *self._with_signature(body, signature))

    def _concurrent_deliveries(self) -> ConformanceCheck:
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            results = list(pool.map(lambda _: self._send(*self._delivery()), range(_CONCURRENCY)))
        return _all_accepted(f"{_CONCURRENCY} concurrent deliveries", results, _STORE_HINT)

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
            name, expected, _format_result(result), is_expected(result), hint,
            result.milliseconds, result,
        )  # fmt: skip

    def _send(self, body: bytes, headers: _Headers) -> DeliveryResult:
        result = deliver(self._url, body, headers, reach=self._reach)
        # Once connected, a failed connection is a failed check and does not end the run.
        if not result.is_connected and not self._was_connected:
            raise UnreachableError(
                f"cannot connect to {self._url}: {result.error}",
                hint=result.hint or "Start your handler, then run the command again.",
            )
        self._was_connected = True
        self._results.append(result)
        return result

    def _payload(self) -> dict[str, Any]:
        return sample_event("post.published", self._now)

    def _headers(self, body: bytes, **flaws: bool) -> _Headers:
        return delivery_headers(body, "post.published", self._secret, self._now, **flaws)

    def _delivery(self, **flaws: bool) -> tuple[bytes, _Headers]:
        body = encode_body(self._payload())
        return body, self._headers(body, **flaws)

    def _with_signature(self, body: bytes, signature: str) -> tuple[bytes, _Headers]:
        headers = delivery_headers(body, "post.published", None, self._now)
        return body, [*headers, (_SIGNATURE, signature)]


def slowest_response_check(results: Sequence[DeliveryResult]) -> ConformanceCheck:
    """The check that a handler responded to every delivery in time."""
    slowest = max(results, key=lambda result: result.milliseconds)
    seconds = slowest.milliseconds / 1000
    detail = f"{seconds:.1f} s" if seconds >= 1 else f"{slowest.milliseconds:.0f} ms"
    if slowest.status is None and seconds >= TIMEOUT_SECONDS:
        detail = f"timed out after {TIMEOUT_SECONDS:g} s"
    return ConformanceCheck(
        "slowest response", f"within {SLOW_SECONDS:g} s", detail,
        seconds <= SLOW_SECONDS, _STORE_HINT, slowest.milliseconds, slowest,
    )  # fmt: skip


def group_failures(checks: Sequence[ConformanceCheck]) -> list[list[ConformanceCheck]]:
    """The failed checks, those with the same response together."""
    groups: dict[object, list[ConformanceCheck]] = {}
    for check in checks:
        if not check.passed:
            response = check.result.response
            body = response.body if response is not None else None
            key = (check.result.status, check.result.error, body)
            groups.setdefault(key, []).append(check)
    return list(groups.values())


def _all_accepted(name: str, results: Sequence[DeliveryResult], hint: str) -> ConformanceCheck:
    rejected = [result for result in results if not result.is_accepted]
    deciding = rejected[0] if rejected else results[-1]
    detail = "2xx"
    if rejected:
        detail = f"{_format_result(deciding)} ({len(rejected)} of {len(results)} times)"
    return ConformanceCheck(
        name, "2xx", detail, not rejected, hint,
        max(result.milliseconds for result in results), deciding,
    )  # fmt: skip


def _format_result(result: DeliveryResult) -> str:
    return str(result.status) if result.status is not None else str(result.error)
