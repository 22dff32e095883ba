"""Receivers that share a queue while they are killed and their target is down.

Senders retry each event until it is acknowledged, as OutReply does. Random receivers are killed,
some of them while the target is down. In the end, the target must have accepted every event in the
order in which they were stored. Only an attempt that was in progress when its receiver was killed
may reach the target twice, because its response was not recorded.
"""

import argparse
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import TextIO

from outreply_cli.clock import SystemClock
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.samples import encode_body, sample_event
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, ReceiverProcess, run_receiver
from tests.postgres import make_database, start_server
from tests.webhooks.conftest import open_team_store

_SENDERS = 4
_POLL_SECONDS = 0.01


class Target(ThreadingHTTPServer):
    """A handler that accepts each event, unless it is down.

    Attributes:
        accepted: IDs of the events in the order of their first arrival.
        repeated: IDs of those that arrived again.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TargetHandler)
        self.accepted: list[str] = []
        self.repeated: list[str] = []
        self.is_down = False
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hooks"

    def accept(self, body: bytes) -> None:
        """Record an event."""
        name = json.loads(body)["id"]
        with self._lock:
            (self.repeated if name in self._known else self.accepted).append(name)
            self._known.add(name)


class _TargetHandler(BaseHTTPRequestHandler):
    server: Target

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        # A handler that is down does not respond.
        if len(body) < size or self.server.is_down:
            self.close_connection = True
            return
        self.server.accept(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@contextmanager
def _run_target() -> Iterator[Target]:
    target = Target()
    thread = threading.Thread(target=target.serve_forever)
    thread.start()
    try:
        yield target
    finally:
        target.shutdown()
        target.server_close()
        thread.join()


@dataclass
class Receivers:
    """Receivers that share a store.

    Attributes:
        url: URL of the team's database; None for a file that they share.
        kills: Number of receivers that were killed.
    """

    root: Path
    url: str | None
    target: str
    size: int
    kills: int = 0
    running: list[ReceiverProcess] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)
    _processes: ExitStack = field(default_factory=ExitStack)

    def start(self, index: int) -> ReceiverProcess:
        """Start a receiver; each host of a team has its own state directory."""
        host = "shared" if self.url is None else f"host{index}"
        cli = CommandLine(self.root / host, ManualClock())
        words = ["--forward-to", self.target]
        env = {}
        if self.url is not None:
            words.append("--team")
            env["OUTREPLY_STORE_URL"] = self.url
        receiver = self._processes.enter_context(run_receiver(cli, *words, **env))
        # A full pipe would block the receiver.
        for pipe in (receiver.process.stdout, receiver.process.stderr):
            assert pipe is not None
            reader = threading.Thread(target=_discard, args=(pipe,))
            reader.start()
            self._readers.append(reader)
        return receiver

    def open_store(self) -> DeliveryStore:
        """Open the store that the receivers share."""
        if self.url is not None:
            return open_team_store(self.url)
        return DeliveryStore(self.root / "shared" / "state" / DELIVERIES_FILE)

    def kill(self, index: int) -> None:
        """Kill a receiver, and start a new one instead."""
        process = self.running[index].process
        process.kill()
        process.wait()
        self.kills += 1
        if self.url is not None:
            self.expire_leases()
        self.running[index] = self.start(index)

    def expire_leases(self) -> None:
        """Expire all leases, so that the test does not wait for it."""
        from tests.postgres import run_sql

        assert self.url is not None
        run_sql(self.url, "UPDATE outreply.targets SET expires_at = '-infinity'")

    def memory(self) -> int:
        """The memory of the largest receiver, in KiB."""
        sizes = []
        for receiver in self.running:
            status = Path(f"/proc/{receiver.process.pid}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
            sizes.append(int(line.split()[1]))
        return max(sizes)

    def close(self) -> None:
        """Stop the receivers."""
        for receiver in self.running:
            receiver.process.terminate()
        for receiver in self.running:
            receiver.process.wait(60)
        for reader in self._readers:
            reader.join()
        self._processes.close()


def _discard(pipe: TextIO) -> None:
    with pipe:
        while pipe.read(65_536):
            pass


def _send(receivers: Receivers, bodies: "list[bytes]", random: Random) -> None:
    """Send each event until it is acknowledged."""
    while bodies:
        body = bodies.pop()
        is_acknowledged = False
        while not is_acknowledged:
            receiver = random.choice(receivers.running)
            connection = http.client.HTTPConnection(
                "127.0.0.1", int(receiver.url.rstrip("/").rpartition(":")[2]), timeout=60
            )
            with closing(connection), suppress(OSError, http.client.HTTPException):
                headers = {"X-OutReply-Signature": sign(body, SECRET)}
                connection.request("POST", "/", body, headers)
                is_acknowledged = connection.getresponse().status == 200


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _stored_order(store: DeliveryStore, count: int) -> list[str]:
    entries = [entry for entry in store.history(limit=count * 3) if entry.forwards]
    entries.sort(key=lambda entry: entry.forwards[0].number)
    return [entry.delivery.id for entry in entries]


def run_receivers(
    url: str | None, seed: int, *, count: int, size: int, kills: int, down_seconds: float
) -> str:
    """Deliver `count` events to `size` receivers; return a summary.

    Half of the `kills` happen while the target is down for `down_seconds`.

    Raises:
        AssertionError: An event was lost, forwarded out of order, or twice without a kill.
    """
    random = Random(seed)  # noqa: S311 - reproducible
    now = SystemClock().now()
    bodies = [encode_body(sample_event("post.published", now)) for _ in range(count)]
    names = {json.loads(body)["id"] for body in bodies}
    with tempfile.TemporaryDirectory() as name, _run_target() as target:
        root = Path(name)
        if url is not None:
            open_team_store(url).close()
        receivers = Receivers(root, url, target.url, size)
        receivers.running = [receivers.start(index) for index in range(size)]
        try:
            started_memory = receivers.memory()
            target.is_down = True
            remaining = list(bodies)
            senders = [
                threading.Thread(target=_send, args=(receivers, remaining, Random(seed + n)))  # noqa: S311
                for n in range(_SENDERS)
            ]
            for sender in senders:
                sender.start()
            started_at = time.monotonic()
            for number in range(kills):
                left = count - count * (number + 1) // (kills + 1)
                assert _wait(lambda left=left: len(remaining) <= left, 600), "senders are stuck"  # type: ignore[misc]
                if number == kills // 2:
                    # Some kills while it is down, the others while the queue is forwarded.
                    time.sleep(max(0.0, down_seconds - (time.monotonic() - started_at)))
                    target.is_down = False
                receivers.kill(random.randrange(size))
            target.is_down = False
            for sender in senders:
                sender.join()
            assert _wait(lambda: len(target.accepted) >= count, 300 + count / 20), (
                f"{count - len(target.accepted)} of {count} events not forwarded"
            )
            memory = receivers.memory()
            with closing(receivers.open_store()) as store:
                assert _wait(lambda: not store.queue_lengths(), 60), "the queue is not empty"
                stored = _stored_order(store, count)
        finally:
            receivers.close()
        assert set(target.accepted) == names, "an event was lost"
        assert target.accepted == stored, "events were forwarded out of order"
        assert len(target.repeated) <= receivers.kills, (
            f"{len(target.repeated)} events repeated after {receivers.kills} kills"
        )
        return (
            f"{count} events, {receivers.kills} kills, {len(target.repeated)} repeated, "
            f"memory {started_memory / 1024:.0f} to {memory / 1024:.0f} MB"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=2, help="number of seeds")
    parser.add_argument("--events", type=int, default=5_000, help="number of events")
    parser.add_argument("--receivers", type=int, default=2, help="number of receivers")
    parser.add_argument("--kills", type=int, default=8, help="number of kills")
    parser.add_argument("--down", type=float, default=10.0, help="seconds that the target is down")
    parser.add_argument(
        "--stores", default="sqlite,postgres", help="sqlite, postgres or both"
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> bool:
    """Run all seeds; return whether none of them failed."""
    failures = 0
    for kind in arguments.stores.split(","):
        for seed in range(arguments.seed, arguments.seed + arguments.seeds):
            failures += not _run_seed(kind, seed, arguments)
    return not failures


def _run_seed(kind: str, seed: int, arguments: argparse.Namespace) -> bool:
    def run_on(url: str | None) -> str:
        return run_receivers(
            url, seed, count=arguments.events, size=arguments.receivers, kills=arguments.kills,
            down_seconds=arguments.down,
        )  # fmt: skip

    try:
        if kind == "sqlite":
            summary = run_on(None)
        else:
            with make_database(start_server("reliability")) as url:
                summary = run_on(url)
    except AssertionError as failure:
        print(f"receivers, {kind}, seed {seed}: {failure}", flush=True)
        return False
    print(f"receivers, {kind}, seed {seed}: {summary}", flush=True)
    return True
