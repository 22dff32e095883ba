"""A webhook receiver whose I/O fails at a chosen point; it forwards to a server in this process."""

import http.client
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from outreply_cli.webhooks import sign
from tests.reliability.outcomes import Outcome, find_traceback
from tests.reliability.power_loss import Disk, Point, write_file
from tests.reliability.shim import Fault, Process, Result, Zygote
from tests.webhooks.receiver_fixture import SECRET, event_body

# Deliveries one after the other, and then some at once, which share a transaction.
_SINGLE, _TOGETHER = 4, 4
_START_SECONDS = 20.0
_QUIET_SECONDS = 0.3
_POLL_SECONDS = 0.002
# About as many as a receiver has.
_POINTS = 200
_PORT = re.compile(r"Receiving at http://127\.0\.0\.1:(\d+)/")

RECEIVER_SCENARIOS = ("receiver, first start", "receiver, next start")


class Target:
    """A server that forwarded deliveries are sent to; it accepts and remembers all of them."""

    def __init__(self) -> None:
        received: set[str] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    # The sender's power was cut.
                    return
                received.add(json.loads(body)["id"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, ids: set[str], seconds: float) -> bool:
        """Wait until all of `ids` have arrived, or none has for `seconds`; return whether all."""
        count, since = len(self.received), time.monotonic()
        while not ids <= self.received:
            if len(self.received) != count:
                count, since = len(self.received), time.monotonic()
            if time.monotonic() - since > seconds:
                return False
            time.sleep(_POLL_SECONDS)
        return True


class ReceiverWorld:
    """A directory, a target and a zygote for the cases of a receiver.

    Args:
        directory: Directory for everything.
        bug: Name of a bug to plant in the receivers; see zygote.py.
    """

    def __init__(self, directory: Path, bug: str | None = None) -> None:
        self._root, self._bug = directory / "home", bug
        self._root.mkdir()
        (directory / "zygote").mkdir()
        self._stack = ExitStack()
        self._target = Target()
        self._stack.callback(self._target.close)
        self._zygote = self._stack.enter_context(Zygote(directory / "zygote"))
        self._words = ["serve-webhook", "--port", "0", "--no-inspect", "--forward-to",
                       self._target.url]  # fmt: skip
        self._environ = {
            "HOME": str(self._root),
            "OUTREPLY_CONFIG_DIR": str(self._root / "config"),
            "OUTREPLY_STATE_DIR": str(self._root / "state"),
            "OUTREPLY_TIMEZONE": "UTC",
            "OUTREPLY_WEBHOOK_SECRET": SECRET,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        self._bodies = [event_body() for _ in range(_SINGLE + _TOGETHER)]
        self._files: Mapping[str, bytes] = {}
        self._make_earlier_state(directory / "modules.json")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def points(self, name: str) -> list[Point]:
        """The I/O points of a receiver without faults."""
        self._prepare(name)
        disk = Disk(self._root)
        result, acknowledged = self._serve()
        assert result.code == 0, result.err
        assert len(acknowledged) == len(self._bodies)
        return disk.replay(result.log)

    def run_case(self, name: str, fault: Fault, point: int) -> Outcome:
        """Let a receiver fail at a point, start it again, and look for what it acknowledged."""
        self._prepare(name)
        disk = Disk(self._root, fault)
        result, acknowledged = self._serve(fault, point)
        outcome = Outcome(acknowledged=len(acknowledged))
        self._examine(outcome, result)
        disk.replay(result.log)
        disk.lose_power(fault, point)
        if fault == Fault.TWO_POWER_LOSSES:
            disk = Disk(self._root)
            second = Random(point).randrange(1, _POINTS)  # noqa: S311 - the same each time
            result, more = self._serve(Fault.POWER_LOSS, second, skip=acknowledged)
            self._examine(outcome, result)
            acknowledged |= more
            outcome.acknowledged = len(acknowledged)
            disk.replay(result.log)
            disk.lose_power(fault, point)
        # What was not acknowledged is sent again by the API.
        result, again = self._serve(skip=acknowledged, await_forwards=acknowledged)
        self._examine(outcome, result)
        if result.code != 0 or len(acknowledged | again) != len(self._bodies):
            outcome.unsettled += 1
            outcome.notes.append(f"exit code {result.code}: {result.err}")
        stored = self._stored_ids(outcome)
        outcome.acknowledged_lost = len(acknowledged - stored)
        outcome.forwards_lost = len((acknowledged | again) - self._target.received)
        if outcome.acknowledged_lost or outcome.forwards_lost:
            outcome.notes.append(
                f"{len(acknowledged)} acknowledged, {len(stored)} stored, "
                f"{len(self._target.received)} forwarded"
            )
        return outcome

    def _serve(
        self,
        fault: Fault = Fault.NONE,
        point: int = 0,
        *,
        skip: set[str] = frozenset(),  # type: ignore[assignment]
        await_forwards: set[str] | None = None,
    ) -> tuple[Result, set[str]]:
        """Start a receiver, send it deliveries, stop it; return those that it acknowledged.

        With `await_forwards`, what was acknowledged, here or earlier, must be forwarded.
        """
        process = self._start(fault, point)
        acknowledged: set[str] = set()
        port = self._wait_for_port(process)
        if port is not None:
            bodies = [body for body in self._bodies if json.loads(body)["id"] not in skip]
            for body in bodies[:_SINGLE]:
                acknowledged |= _send(port, [body])
            acknowledged |= _send(port, bodies[_SINGLE:])
            # A planted bug may lose them; other receivers only need time on a loaded machine.
            is_patient = await_forwards is not None and self._bug is None
            seconds = _START_SECONDS if is_patient else _QUIET_SECONDS
            self._target.wait_for(acknowledged | (await_forwards or set()), seconds)
        result = self._zygote.poll(process)
        if result is None:
            os.kill(process.pid, signal.SIGTERM)
            result = self._zygote.wait(process)
        return result, acknowledged

    def _start(self, fault: Fault, point: int, modules: Path | None = None) -> Process:
        return self._zygote.start(
            self._words, self._root, self._environ, fault=fault, point=point, bug=self._bug,
            modules=modules,
        )  # fmt: skip

    def _wait_for_port(self, process: Process) -> int | None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError):
                match = _PORT.search(process.err.read_text("utf-8"))
                if match is not None:
                    return int(match[1])
            if self._zygote.has_exited(process):
                return None
            time.sleep(_POLL_SECONDS)
        raise TimeoutError("the receiver did not start")

    def _stored_ids(self, outcome: Outcome) -> set[str]:
        words = ["webhooks", "history", "--limit", "1000", "--json"]
        result = self._zygote.run(words, self._root, self._environ)
        self._examine(outcome, result)
        return {item["id"] for item in json.loads(result.out or "[]") if item["verified"]}

    def _examine(self, outcome: Outcome, result: Result) -> None:
        traceback = find_traceback(result.err)
        if traceback is not None:
            outcome.tracebacks += 1
            outcome.notes.append(traceback)
        if result.code != 0 and not result.lost_power and str(self._root) not in result.err:
            outcome.unnamed += 1
            outcome.notes.append(f"exit code {result.code}: {result.err.strip()}")

    def _make_earlier_state(self, modules: Path) -> None:
        process = self._start(Fault.NONE, 0, modules)
        port = self._wait_for_port(process)
        assert port is not None
        body = event_body()
        assert _send(port, [body])
        self._target.wait_for({json.loads(body)["id"]}, _START_SECONDS)
        os.kill(process.pid, signal.SIGTERM)
        result = self._zygote.wait(process)
        assert result.code == 0, result.err
        self._zygote.preload(modules)
        self._files = {
            str(path.relative_to(self._root)): path.read_bytes()
            for path in sorted(self._root.rglob("*"))
            if path.is_file()
        }

    def _prepare(self, name: str) -> None:
        shutil.rmtree(self._root)
        self._root.mkdir(mode=0o700)
        self._target.received.clear()
        if name == RECEIVER_SCENARIOS[0]:
            return
        for relative, content in self._files.items():
            path = self._root / relative
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(path, content)


def _send(port: int, bodies: Sequence[bytes]) -> set[str]:
    """Send deliveries at once, and return the IDs of those that were acknowledged."""
    acknowledged = set()
    with ExitStack() as stack:
        links = []
        for body in bodies:
            link = stack.enter_context(
                closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10))
            )
            with suppress(OSError):
                link.request("POST", "/", body, {"X-OutReply-Signature": sign(body, SECRET)})
                links.append((link, body))
        for link, body in links:
            with suppress(OSError, http.client.HTTPException):
                if link.getresponse().status == 200:
                    acknowledged.add(json.loads(body)["id"])
    return acknowledged
