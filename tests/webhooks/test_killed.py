"""Acknowledged deliveries survive SIGKILL, each stored once."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from outreply_cli.webhooks import sign
from outreply_cli.webhooks.store import DeliveryStore
from tests.command_line import CommandLine
from tests.webhooks.receiver_fixture import SECRET, event_body

DELIVERIES, SENDERS, KILLS = 2_000, 8, 6


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_receiver(cli_logged_out: CommandLine, port: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        cli_logged_out.words("serve-webhook", "--port", str(port), "-q"),
        env={**cli_logged_out.environ, "OUTREPLY_WEBHOOK_SECRET": SECRET},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(1200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process
    raise AssertionError("receiver did not start")


def test_acknowledged_deliveries_survive_sigkill(cli_logged_out: CommandLine) -> None:
    port = free_port()
    bodies = [event_body() for _ in range(DELIVERIES)]
    remaining = list(bodies)
    lock = threading.Lock()
    acknowledged: set[str] = set()
    is_running = threading.Event()

    def send() -> None:
        while True:
            with lock:
                if not remaining:
                    return
                body = remaining.pop()
            headers = {"X-OutReply-Signature": sign(body, SECRET)}
            is_running.wait()
            # Sent once, even without a response.
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                with closing(connection):
                    connection.request("POST", "/", body, headers)
                    if connection.getresponse().status == 200:
                        with lock:
                            acknowledged.add(json.loads(body)["id"])
            except (OSError, http.client.HTTPException):
                continue

    rng = random.Random(7)  # noqa: S311 - not for security
    process = start_receiver(cli_logged_out, port)
    threads = [threading.Thread(target=send) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        is_running.set()
        target = len(acknowledged) + rng.randint(1, 200)
        while len(acknowledged) < target:
            time.sleep(0.001)
        is_running.clear()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process = start_receiver(cli_logged_out, port)
    is_running.set()
    for thread in threads:
        thread.join()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    store = DeliveryStore(Path(cli_logged_out.environ["OUTREPLY_STATE_DIR"]) / "webhooks.db")
    stored = Counter(entry.delivery.id for entry in store.history(limit=100_000))
    store.close()
    assert len(acknowledged) >= DELIVERIES - KILLS * SENDERS
    assert acknowledged <= stored.keys()
    assert set(stored.values()) == {1}
