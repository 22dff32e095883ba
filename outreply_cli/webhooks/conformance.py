"""Somebody's own handler, tried with what a receiver meets: good, bad, late, twice, at once.

Reference: Signature verification, Retries & auto-disable, Secret rotation.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.net.deliver import DeliveryResult, UnreachableError, deliver
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks.fixtures import delivery_headers, encode_body, sample_event
from outreply_cli.webhooks.signature import sign

_AT_ONCE = 20
_OVERSIZED_BYTES = 2 * 1024 * 1024
_SIGNATURE = "X-OutReply-Signature"


@dataclass(frozen=True)
class ConformanceCheck:
    """One thing that was tried.

    Attributes:
        name: What, in words.
        wanted: What a sound handler answers.
        answer: What came.
        is_right: Whether that is sound.
        advice: What to do where it is not.
        milliseconds: The longest that an answer took.
    """

    name: str
    wanted: str
    answer: str
    is_right: bool
    advice: str
    milliseconds: float


class HandlerConformance:
    """The trials of one handler.

    Args:
        url: Checked by `check_target`.
        secret: What it verifies with.
        now: The present.
        reach: How far deliveries may go.
    """

    def __init__(
        self, url: str, secret: str, now: datetime, *, reach: Reach = Reach.PRIVATE
    ) -> None:
        self._url, self._secret, self._now = url, secret, now
        self._reach = reach
        self._was_connected = False

    def run(self) -> Iterator[ConformanceCheck]:
        """Try one thing after the other.

        Raises:
            UnreachableError: There is nobody at the URL.
        """
        body = self._body()
        good = self._headers(body)
        yield self._taken(
            "a good delivery", body, good, "It verifies the raw bytes with this secret?"
        )
        again = "Answer 2xx to what you have seen: anything else is sent again and again."
        yield self._taken("the same once more", body, good, again)
        yield self._taken(
            "a good one during a rotation", *self._signed(is_rotated=True),
            "The header lists two signatures, separated by a comma: any that fits will do.",
        )  # fmt: skip
        pretty = json.dumps(json.loads(self._body()), indent=2, ensure_ascii=True).encode() + b"\n"
        yield self._taken(
            "a good one, written otherwise", pretty, self._headers(pretty),
            "Verify the bytes as they came, not a body that was parsed and written again.",
        )  # fmt: skip
        unknown = encode_body({**json.loads(self._body()), "event": "post.reviewed"})
        yield self._taken(
            "an event that it can't know", unknown, self._headers(unknown),
            "Answer 2xx to events that you don't use: new ones may come.",
        )  # fmt: skip
        yield from self._bad_ones(body)
        yield self._late()
        yield self._oversized()
        yield self._not_json()
        yield self._many()

    def _bad_ones(self, body: bytes) -> Iterator[ConformanceCheck]:
        tampered = body.replace(b"Launching", b"Lurching!")
        advice = "Compare HMAC-SHA256 over the raw body before anything else, and answer 401."
        yield self._refused("a changed body", tampered, self._headers(body), advice)
        yield self._refused("another secret's signature", *self._signed(is_bad=True), advice)
        unsigned = [(k, v) for k, v in self._headers(body) if k != _SIGNATURE]
        yield self._refused("no signature", body, unsigned, advice)
        empty = [*unsigned, (_SIGNATURE, "sha256=")]
        yield self._refused("an empty signature", body, empty, advice)
        nonsense = [*unsigned, (_SIGNATURE, "sha256=é, \x7f, " + "z" * 64)]
        yield self._refused("a signature of nonsense", body, nonsense, advice)
        short = [*unsigned, (_SIGNATURE, sign(body, self._secret)[:-1])]
        yield self._refused("a signature that is cut off", body, short, advice)

    def _late(self) -> ConformanceCheck:
        body, headers = self._signed(is_stale=True)
        return self._taken(
            "an hour-old timestamp", body, headers,
            "The timestamp is not signed, and the last retry comes three hours late: refusing it "
            "loses events. What protects from replays is knowing the ids that you have seen.",
        )  # fmt: skip

    def _oversized(self) -> ConformanceCheck:
        body = encode_body(
            sample_event(
                "post.published", self._now, [f"data.post.message={'x' * _OVERSIZED_BYTES}"]
            )
        )
        return self._trial(
            "2 MiB", body, self._headers(body), "Limit what you read, and answer 413.",
            wanted="any answer but 5xx",
            is_right=lambda outcome: outcome.status is None or outcome.status < 500,
        )  # fmt: skip

    def _not_json(self) -> ConformanceCheck:
        body = b'{"event": '
        return self._trial(
            "signed, but not JSON", body, self._headers(body),
            "Answer 400: a 5xx is sent again five times.",
            wanted="any answer but 5xx",
            is_right=lambda outcome: outcome.status is not None and outcome.status < 500,
        )  # fmt: skip

    def _many(self) -> ConformanceCheck:
        def one(_: int) -> DeliveryResult:
            return self._send(*self._signed())

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            outcomes = list(pool.map(one, range(_AT_ONCE)))
        wrong = [outcome for outcome in outcomes if not outcome.is_accepted]
        return ConformanceCheck(
            f"{_AT_ONCE} at once", "2xx to each",
            _shown(wrong[0]) + f" to {len(wrong)}" if wrong else "2xx to each", not wrong,
            "Store the event, answer, and do the work afterwards: after 10 s it is sent again.",
            max(outcome.milliseconds for outcome in outcomes),
        )  # fmt: skip

    def _taken(
        self, name: str, body: bytes, headers: Sequence[tuple[str, str]], advice: str
    ) -> ConformanceCheck:
        return self._trial(
            name, body, headers, advice, wanted="2xx", is_right=lambda outcome: outcome.is_accepted
        )

    def _refused(
        self, name: str, body: bytes, headers: Sequence[tuple[str, str]], advice: str
    ) -> ConformanceCheck:
        return self._trial(
            name, body, headers, advice, wanted="4xx",
            is_right=lambda outcome: outcome.status is not None and 400 <= outcome.status < 500,
        )  # fmt: skip

    def _trial(
        self,
        name: str,
        body: bytes,
        headers: Sequence[tuple[str, str]],
        advice: str,
        *,
        wanted: str,
        is_right: Callable[[DeliveryResult], bool],
    ) -> ConformanceCheck:
        outcome = self._send(body, headers)
        return ConformanceCheck(
            name, wanted, _shown(outcome), is_right(outcome), advice, outcome.milliseconds
        )

    def _send(self, body: bytes, headers: Sequence[tuple[str, str]]) -> DeliveryResult:
        outcome = deliver(self._url, body, headers, reach=self._reach)
        # One that was there, and went away, has its part in that.
        if not outcome.is_connected and not self._was_connected:
            raise UnreachableError(
                f"{self._url} can't be reached: {outcome.error}",
                hint="Start your handler there, then check it again.",
            )
        self._was_connected = True
        return outcome

    def _body(self) -> bytes:
        return encode_body(sample_event("post.published", self._now))

    def _headers(self, body: bytes) -> list[tuple[str, str]]:
        return delivery_headers(body, "post.published", self._secret, self._now)

    def _signed(
        self, *, is_rotated: bool = False, is_stale: bool = False, is_bad: bool = False
    ) -> tuple[bytes, list[tuple[str, str]]]:
        body = self._body()
        return body, delivery_headers(
            body, "post.published", self._secret, self._now,
            is_rotated=is_rotated, is_stale=is_stale, is_bad=is_bad,
        )  # fmt: skip


def _shown(outcome: DeliveryResult) -> str:
    return str(outcome.status) if outcome.status is not None else str(outcome.error)
