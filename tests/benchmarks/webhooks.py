"""What a delivery costs that is verified and on the disk, beside a bare application.

`python -m tests.benchmarks.webhooks`
"""

import multiprocessing
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Thread
from typing import TYPE_CHECKING, Any, BinaryIO

from werkzeug.wrappers import Request, Response

from outreply_cli.clock import SystemClock
from outreply_cli.net.server.batching import Prepare
from outreply_cli.net.server.server import LocalServer
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.fixtures import encode_body, sample_event
from outreply_cli.webhooks.receiver import ReceiverConfig
from outreply_cli.webhooks.server import LIMITS, WebhookServer
from outreply_cli.webhooks.store import DeliveryStore
from tests.benchmarks.figures import Figure, main

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECRET = "whsec_benchmark"
SENDERS = 8
SECONDS = 3.0
ROUNDS = 3
_PATIENCE_SECONDS = 300


@contextmanager
def bare(prepare: Prepare | None = None) -> Iterator[int]:
    """A server that answers 200 with no work, by a thread for each request or as ours does."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> "list[bytes]":
        Request(environ).get_data()
        return list(Response("{}", content_type="application/json")(environ, start))

    server = LocalServer(answer, host="127.0.0.1", port=0, limits=LIMITS, prepare=prepare)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield server.port
    server.stop()
    thread.join()


@contextmanager
def ours(directory: Path) -> Iterator[int]:
    """The receiver, with its inbox on the disk."""
    inbox = DeliveryStore(directory / "inbox.db")

    def ignore(_: Any) -> None:
        """Nobody looks."""

    server = WebhookServer(
        inbox, terms=ReceiverConfig([SECRET]), clock=SystemClock(), tell_received=ignore,
        tell_forwarded=ignore,
    )  # fmt: skip
    with server:
        yield server.port
    inbox.close()


def requests(count: int) -> list[bytes]:
    """Signed deliveries of about 1 KB, as they go over the wire."""
    made = []
    now = SystemClock().now()
    for _ in range(count):
        body = encode_body(sample_event("post.published", now, [f"data.post.message={'x' * 500}"]))
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def _send(port: int, seconds: float, count: int | None, told: Any) -> None:
    ready = requests(2_000 if count is None else count)
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = link.makefile("rb")
    latencies: list[float] = []
    began = time.perf_counter()
    while (count is None and time.perf_counter() - began < seconds) or (
        count is not None and len(latencies) < count
    ):
        sent = time.perf_counter()
        link.sendall(ready[len(latencies) % len(ready)])
        status = _read_status(answers)
        if status != 200:
            break
        latencies.append(time.perf_counter() - sent)
    answers.close()
    link.close()
    told.put(latencies)


def _read_status(answers: BinaryIO) -> int:
    status, length = int(answers.readline().split()[1]), 0
    while (line := answers.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    answers.read(length)
    return status


def load(
    port: int, seconds: float = SECONDS, *, count: int | None = None
) -> tuple[float, list[float]]:
    """Deliveries a second from all senders together, and each one's latency in seconds."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    senders = [
        context.Process(target=_send, args=(port, seconds, count, told)) for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    each = [told.get(timeout=_PATIENCE_SECONDS) for _ in senders]
    for sender in senders:
        sender.join()
    rates = [len(latencies) / sum(latencies) for latencies in each]
    return sum(rates), [latency for latencies in each for latency in latencies]


def lookup(inbox: DeliveryStore) -> float:
    """Seconds for one look at the history."""

    def once(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    middle = inbox.history(limit=500)[-1]["delivery"].id
    return median(
        once(lambda: (inbox.history(limit=20, event="post.*"), inbox.find(middle)))
        for _ in range(50)
    )


def figures(quick: bool) -> Iterator[Figure]:
    """Throughput beside a bare application's, and how a long history is looked into."""
    seconds, rounds, events = (0.3, 1, 2_000) if quick else (SECONDS, ROUNDS, 100_000)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        pairs, without_threads = [], []
        latencies: list[float] = []
        for number in range(rounds):
            with ours(Path(name) / str(number)) as port:
                mine, each = load(port, seconds)
                latencies += each
            with bare() as port:
                pairs.append(mine / load(port, seconds)[0])
            with bare(lambda environs: [True] * len(environs)) as port:
                without_threads.append(mine / load(port, seconds)[0])
        yield Figure(
            f"webhooks verified and durably stored, {SENDERS} senders", median(pairs),
            "a bare application on the same server", 0.55, "at least",
        )  # fmt: skip
        yield Figure(
            "the same", median(without_threads),
            "a bare application answered without threads, as ours is",
        )  # fmt: skip
        p99 = quantiles(latencies, n=100)[98] / median(latencies)
        yield Figure("their 99th percentile's latency", p99, "the median's", 5.0)
        yield from _long_history(Path(name) / "many", events)


def _long_history(directory: Path, events: int) -> Iterator[Figure]:
    with ours(directory) as port:
        load(port, count=1_000 // SENDERS)
        few_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with closing(DeliveryStore(directory / "inbox.db")) as inbox:
            few = lookup(inbox)
            load(port, count=events // SENDERS)
            many_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            many = lookup(inbox)
    yield Figure(f"looking into a history of {events:,} events", many / few, "of 1,000", 1.5)
    yield Figure(
        f"the receiver's peak memory after {events:,} events", many_memory / few_memory,
        "after 1,000", 1.5, peak_mb=many_memory / 1024,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main({"webhooks": figures}))
