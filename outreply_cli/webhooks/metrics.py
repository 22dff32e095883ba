"""Metrics of a receiver in the Prometheus text format, version 0.0.4."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from outreply_cli.webhooks.models import QueueLength

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds of the histogram buckets of response times, in seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ReceiverMetrics:
    """Counts what a receiver does; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: Counter[str] = Counter()
        # Number of responses per bucket; the last bucket has no upper bound.
        self._seconds = [0] * (len(_BUCKETS) + 1)
        self._seconds_sum = 0.0
        self._attempts: Counter[tuple[str, str]] = Counter()

    def observe_delivery(self, state: str, seconds: float) -> None:
        """Count a delivery by its state, such as `verified`, with the time of its response."""
        with self._lock:
            self._deliveries[state] += 1
            self._seconds[bisect_left(_BUCKETS, seconds)] += 1
            self._seconds_sum += seconds

    def observe_attempt(self, target: str, result: str) -> None:
        """Count a forward attempt by its result, such as `accepted`."""
        with self._lock:
            self._attempts[_target_label(target), result] += 1

    def render(self, queues: Sequence[QueueLength], now: float) -> str:
        """Return the metrics, with those of the queues at the time `now`."""
        with self._lock:
            lines = [*self._render(queues, now)]
        return "".join(f"{line}\n" for line in lines)

    def _render(self, queues: Sequence[QueueLength], now: float) -> Iterator[str]:
        name = "outreply_webhook_deliveries_total"
        yield from _head(name, "counter", "Deliveries received, by state.")
        for state in ("verified", "duplicate", "invalid"):
            yield _sample(name, self._deliveries[state], state=state)
        name = "outreply_webhook_response_seconds"
        yield from _head(name, "histogram", "Time to respond to a delivery.")
        total = 0
        labels = [*(f"{limit:g}" for limit in _BUCKETS), "+Inf"]
        for label, count in zip(labels, self._seconds, strict=True):
            total += count
            yield _sample(f"{name}_bucket", total, le=label)
        yield _sample(f"{name}_sum", round(self._seconds_sum, 6))
        yield _sample(f"{name}_count", total)
        name = "outreply_webhook_forward_attempts_total"
        yield from _head(name, "counter", "Forward attempts, by target and result.")
        for (target, result), count in sorted(self._attempts.items()):
            yield _sample(name, count, target=target, result=result)
        counts: Counter[str] = Counter()
        ages: dict[str, float] = {}
        for queue in queues:
            # Targets may differ only in what their label leaves out.
            label = _target_label(queue.target)
            counts[label] += queue.count
            ages[label] = max(ages.get(label, 0.0), round(now - queue.oldest_at, 3))
        for name, text, values in (
            ("queued", "Deliveries queued for a target.", counts),
            ("queue_age_seconds", "Age of the oldest delivery queued for a target.", ages),
        ):
            yield from _head(f"outreply_webhook_{name}", "gauge", text)
            for target, value in values.items():
                yield _sample(f"outreply_webhook_{name}", value, target=target)


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, value: float, **labels: str) -> str:
    pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _target_label(target: str) -> str:
    """Return a target without the parts that may hold a secret: a query, or arguments."""
    if target.startswith("exec:"):
        return target.split(maxsplit=1)[0]
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
