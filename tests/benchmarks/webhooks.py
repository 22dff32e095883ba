"""Throughput of the webhook receiver, compared to a bare application.

`python -m tests.benchmarks.webhooks`
"""

import multiprocessing
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import TYPE_CHECKING, Any, BinaryIO

from werkzeug.wrappers import Request

from outreply_cli.clock import SystemClock
from outreply_cli.net.server.response import Response
from outreply_cli.net.server.server import LocalServer, Respond
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.forward import ForwardTarget, UrlTarget
from outreply_cli.webhooks.receiver import ReceiverConfig
from outreply_cli.webhooks.samples import encode_body, sample_event
from outreply_cli.webhooks.server import LIMITS, WebhookServer
from outreply_cli.webhooks.store import DeliveryStore
from tests.benchmarks.figures import Figure, main

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SECRET = "whsec_benchmark"
SENDERS = 8
SECONDS = 3.0
ROUNDS = 3
HANGING = 8
_TIMEOUT_SECONDS = 300


@contextmanager
def bare_server(*, in_loop: bool = False) -> Iterator[int]:
    """A server that responds with 200, in worker threads or in the server loop."""

    def app(environ: "WSGIEnvironment") -> Response:
        Request(environ).get_data()
        return Response(200, b"{}", {})

    def handler(environ: "WSGIEnvironment", respond: Respond) -> bool:
        environ["wsgi.input"].read()
        respond(Response(200, b"{}", {}))
        return True

    server = LocalServer(
        app, host="127.0.0.1", port=0, limits=LIMITS, handler=handler if in_loop else None
    )
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield server.port
    server.stop()
    thread.join()


@contextmanager
def receiver(directory: Path, targets: Sequence[ForwardTarget] = ()) -> Iterator[int]:
    """The webhook receiver, with its store on disk."""
    store = DeliveryStore(directory / "store.db")

    def ignore(_: Any) -> None:
        """Print nothing."""

    server = WebhookServer(
        store, config=ReceiverConfig([SECRET]), clock=SystemClock(), on_received=ignore,
        on_forwarded=ignore, targets=targets,
    )  # fmt: skip
    with server:
        yield server.port
        # Attempts in progress are not waited for.
        server.abort()
    store.close()


@contextmanager
def hanging_handlers() -> Iterator[list[ForwardTarget]]:
    """Targets that accept a connection, and never respond."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        yield [UrlTarget(f"http://127.0.0.1:{port}/{number}") for number in range(HANGING)]


def build_requests(count: int) -> list[bytes]:
    """Build signed deliveries of about 1 KB, as raw HTTP requests."""
    requests = []
    now = SystemClock().now()
    for _ in range(count):
        body = encode_body(sample_event("post.published", now, [f"data.post.message={'x' * 500}"]))
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


def _send(port: int, seconds: float, count: int | None, results: Any) -> None:
    ready = build_requests(2_000 if count is None else count)
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    responses = connection.makefile("rb")
    latencies: list[float] = []
    started_at = time.perf_counter()
    while (count is None and time.perf_counter() - started_at < seconds) or (
        count is not None and len(latencies) < count
    ):
        sent = time.perf_counter()
        connection.sendall(ready[len(latencies) % len(ready)])
        status = _read_status(responses)
        if status != 200:
            break
        latencies.append(time.perf_counter() - sent)
    responses.close()
    connection.close()
    results.put(latencies)


def _read_status(responses: BinaryIO) -> int:
    status, length = int(responses.readline().split()[1]), 0
    while (line := responses.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    responses.read(length)
    return status


def load(
    port: int, seconds: float = SECONDS, *, count: int | None = None
) -> tuple[float, list[float]]:
    """Measure deliveries per second of all senders, and all latencies in seconds."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    senders = [
        context.Process(target=_send, args=(port, seconds, count, results)) for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    latencies_by_sender = [results.get(timeout=_TIMEOUT_SECONDS) for _ in senders]
    for sender in senders:
        sender.join()
    rates = [len(latencies) / sum(latencies) for latencies in latencies_by_sender]
    return sum(rates), [latency for latencies in latencies_by_sender for latency in latencies]


def measure_lookup(store: DeliveryStore) -> float:
    """Measure a lookup in the history, in seconds."""

    def measure(work: Callable[[], object]) -> float:
        started_at = time.perf_counter()
        work()
        return time.perf_counter() - started_at

    middle = store.history(limit=500)[-1].delivery.id
    return median(
        measure(lambda: (store.history(limit=20, event="post.*"), store.find(middle)))
        for _ in range(50)
    )


def figures(quick: bool) -> Iterator[Figure]:
    """Ratios of throughput, and the cost of a long history."""
    seconds, rounds, events = (0.3, 1, 2_000) if quick else (SECONDS, ROUNDS, 100_000)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        pairs, without_threads = [], []
        latencies: list[float] = []
        for number in range(rounds):
            with receiver(Path(name) / str(number)) as port:
                throughput, samples = load(port, seconds)
                latencies += samples
            with bare_server() as port:
                pairs.append(throughput / load(port, seconds)[0])
            with bare_server(in_loop=True) as port:
                without_threads.append(throughput / load(port, seconds)[0])
        yield Figure(
            f"webhooks verified and durably stored, {SENDERS} senders", median(pairs),
            "a bare application on the same server", 0.55, "at least",
        )  # fmt: skip
        yield Figure(
            "the same", median(without_threads),
            "a bare application without threads",
        )  # fmt: skip
        p99 = quantiles(latencies, n=100)[98] / median(latencies)
        yield Figure("latency, 99th percentile", p99, "the median", 5.0)
        with hanging_handlers() as targets, receiver(Path(name) / "hanging", targets) as port:
            _, samples = load(port, seconds)
        hanging_p99 = quantiles(samples, n=100)[98] / median(samples)
        yield Figure(
            f"latency, 99th percentile, with {HANGING} handlers hanging", hanging_p99,
            "the median", 5.0,
        )  # fmt: skip
        yield from _measure_long_history(Path(name) / "many", events)


def _measure_long_history(directory: Path, events: int) -> Iterator[Figure]:
    with receiver(directory) as port:
        load(port, count=1_000 // SENDERS)
        few_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with closing(DeliveryStore(directory / "store.db")) as store:
            few = measure_lookup(store)
            load(port, count=events // SENDERS)
            many_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            many = measure_lookup(store)
    yield Figure(f"a lookup in a history of {events:,} events", many / few, "of 1,000", 1.5)
    yield Figure(
        f"the receiver's peak memory after {events:,} events", many_memory / few_memory,
        "after 1,000", 1.5, peak_mb=many_memory / 1024,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main({"webhooks": figures}))
