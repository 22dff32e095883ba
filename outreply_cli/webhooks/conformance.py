"""Conformance checks of a running webhook handler.

What each one expects, and how to fix a handler that fails it, is in `handler_checks.json`.
Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import json
import secrets as randomness
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from outreply_cli.formats.json import load_data
from outreply_cli.net.deliver import UnreachableError, deliver
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.net.ssrf import Reach
from outreply_cli.spec.webhooks import RESPONSE_TIMEOUT_SECONDS
from outreply_cli.webhooks.samples import delivery_headers, encode_body, sample_event
from outreply_cli.webhooks.signature import sign

# A slower response comes too close to the timeout of the sender.
SLOW_SECONDS = 8.0
_CONCURRENCY = 20
# A race condition shows up in only some pairs of deliveries.
_PAIRS = 5
_OVERSIZED_BYTES = 2 * 1024 * 1024
_SIGNATURE = "X-OutReply-Signature"
_EVENT_INTERVAL = timedelta(hours=1)
_Headers = Sequence[tuple[str, str]]
# Whether a response is the expected one.
_EXPECTATIONS: Mapping[str, Callable[[DeliveryResult], bool]] = {
    "2xx": lambda result: result.is_accepted,
    "4xx": lambda result: result.status is not None and 400 <= result.status < 500,
    "not 5xx": lambda result: result.status is not None and result.status < 500,
}
# The expected response and the hint of each check, by its name.
_RULES: Mapping[str, Mapping[str, Any]] = {
    name: rule for rule in load_data(__file__, "handler_checks.json") for name in rule["checks"]
}


@dataclass(frozen=True)
class ConformanceResult:
    """The result of a check.

    Attributes:
        name: Name of the check, which describes the delivery that was sent.
        expected: The expected response.
        detail: The response, in short.
        passed: Whether the handler passed.
        hint: Advice for fixing the handler.
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

    def run(self) -> Iterator[ConformanceResult]:
        """Run the checks, one after the other.

        Raises:
            UnreachableError: Nothing listens at the URL.
        """
        body, headers = self._delivery()
        yield self._check("valid delivery", body, headers)
        yield self._check("repeated delivery", body, headers)
        yield _evaluate("same event twice at once", self._send_duplicates())
        yield _evaluate("events of a post, newest first", self._send_unordered())
        yield from self._rotated_secret()
        pretty = json.dumps(self._payload(), indent=2, ensure_ascii=True).encode() + b"\n"
        yield self._check("valid delivery, formatted differently", pretty, self._headers(pretty))
        unknown = encode_body({**self._payload(), "event": "post.reviewed"})
        yield self._check("unknown event type", unknown, self._headers(unknown))
        yield from self._invalid_deliveries(body, headers)
        yield self._check("timestamp one hour old", *self._delivery(is_stale=True))
        oversized = f"data.post.message={'x' * _OVERSIZED_BYTES}"
        large = encode_body(sample_event("post.published", self._now, [oversized]))
        yield self._check("2 MiB body", large, self._headers(large))
        broken = b'{"event": '
        yield self._check("signed, but not JSON", broken, self._headers(broken))
        yield _evaluate(f"{_CONCURRENCY} concurrent deliveries", self._send_concurrently())
        yield slowest_response_check(self._results)

    def _send_duplicates(self) -> list[DeliveryResult]:
        """Send an event twice at once, several times."""
        with ThreadPoolExecutor(2) as pool:
            return [result for _ in range(_PAIRS) for result in self._send_twice(pool)]

    def _send_twice(self, pool: ThreadPoolExecutor) -> Iterator[DeliveryResult]:
        body, headers = self._delivery()
        barrier = threading.Barrier(2)

        def send(_: int) -> DeliveryResult:
            barrier.wait()
            return self._send(body, headers)

        return pool.map(send, range(2))

    def _send_unordered(self) -> list[DeliveryResult]:
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
        return results

    def _send_concurrently(self) -> list[DeliveryResult]:
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            return list(pool.map(lambda _: self._send(*self._delivery()), range(_CONCURRENCY)))

    def _rotated_secret(self) -> Iterator[ConformanceResult]:
        body = encode_body(self._payload())
        new, old = sign(body, self._secret), sign(body, randomness.token_hex(16))
        # The reference says "separated by a comma": with and without a space are both possible.
        for name, signature in (
            ("secret rotation: old signature first", f"{old}, {new}"),
            ("secret rotation: new signature first", f"{new},{old}"),
            ("after a secret rotation: one signature", new),
        ):
            yield self._check(name, *self._with_signature(body, signature))

    def _invalid_deliveries(self, body: bytes, headers: _Headers) -> Iterator[ConformanceResult]:
        tampered = body.replace(b"Launching", b"Lurching!")
        yield self._check("modified body", tampered, headers)
        yield self._check("signature from another secret", *self._delivery(is_forged=True))
        unsigned = [(name, value) for name, value in headers if name != _SIGNATURE]
        yield self._check("missing signature", body, unsigned)
        for name, signature in (
            ("empty signature", "sha256="),
            ("malformed signature", "sha256=é, \x7f, " + "z" * 64),
            ("truncated signature", sign(body, self._secret)[:-1]),
            (
                "two signatures, both from other secrets",
                ", ".join(sign(body, randomness.token_hex(16)) for _ in range(2)),
            ),
        ):
            yield self._check(name, *self._with_signature(body, signature))

    def _check(self, name: str, body: bytes, headers: _Headers) -> ConformanceResult:
        return _evaluate(name, [self._send(body, headers)])

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


def slowest_response_check(results: Sequence[DeliveryResult]) -> ConformanceResult:
    """The check that a handler responded to every delivery in time."""
    slowest = max(results, key=lambda result: result.milliseconds)
    seconds = slowest.milliseconds / 1000
    detail = f"{seconds:.1f} s" if seconds >= 1 else f"{slowest.milliseconds:.0f} ms"
    if slowest.status is None and seconds >= RESPONSE_TIMEOUT_SECONDS:
        detail = f"timed out after {RESPONSE_TIMEOUT_SECONDS:g} s"
    name, is_quick = "slowest response", seconds <= SLOW_SECONDS
    rule = _RULES[name]
    return ConformanceResult(
        name, rule["expected"], detail, is_quick, rule["hint"], slowest.milliseconds, slowest
    )


def group_failures(checks: Sequence[ConformanceResult]) -> list[list[ConformanceResult]]:
    """The failed checks, those with the same response together."""
    groups: dict[object, list[ConformanceResult]] = {}
    for check in checks:
        if not check.passed:
            response = check.result.response
            body = response.body if response is not None else None
            key = (check.result.status, check.result.error, body)
            groups.setdefault(key, []).append(check)
    return list(groups.values())


def _evaluate(name: str, results: Sequence[DeliveryResult]) -> ConformanceResult:
    """Check that all results match the rule."""
    rule = _RULES[name]
    expected, may_drop = rule["expected"], rule.get("may_drop", False)
    unexpected = [
        result
        for result in results
        if not (_EXPECTATIONS[expected](result) or (may_drop and result.status is None))
    ]
    deciding = unexpected[0] if unexpected else results[-1]
    detail = str(deciding.status if deciding.status is not None else deciding.error)
    if len(results) > 1:
        count = f"({len(unexpected)} of {len(results)} times)"
        detail = f"{detail} {count}" if unexpected else expected
    return ConformanceResult(
        name, expected, detail, not unexpected, rule["hint"],
        max(result.milliseconds for result in results), deciding,
    )  # fmt: skip
