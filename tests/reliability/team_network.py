"""Networks of machines, whose connections can become half-open: packets are lost without an error.

As root on Linux, a machine has a separate network namespace, and what its virtual cable carries
is dropped. Elsewhere, its connections lead through a relay that stops relaying.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

_BUFFER_BYTES = 65_536
# A bucket that no packet fits in: the kernel drops each one.
_DROP_ALL = ("tbf", "rate", "8bit", "burst", "1", "latency", "1ms")


class Relay:
    """A port that leads to a server, at another TCP address or at the path of a socket.

    Attributes:
        port: The port on `host`.
    """

    def __init__(self, target: Path | tuple[str, int], host: str = "127.0.0.1") -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((host, 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Relay nothing until `join`."""
        self._open.clear()

    def join(self) -> None:
        """Relay again, also what was sent in the meantime."""
        self._open.set()

    def close(self) -> None:
        """Close the port and all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._open.set()
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._open.wait()
        with client:
            try:
                server = self._open_server()
            except OSError:
                return
            with server:
                self._sockets += [client, server]
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server)
                back.join()
                self._sockets.remove(client)
                self._sockets.remove(server)

    def _open_server(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self._target))
        except OSError:
            # The server is starting.
            server.close()
            raise
        return server

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_BUFFER_BYTES):
                self._open.wait()
                sink.sendall(data)
        self._open.wait()
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class RelayedNetwork:
    """A network whose connections lead through relays."""

    host = "127.0.0.1"
    prefix: tuple[str, ...] = ()

    def __init__(self, targets: Sequence[Path | tuple[str, int]]) -> None:
        self._relays = [Relay(target, self.host) for target in targets]
        self.ports = [relay.port for relay in self._relays]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for relay in self._relays:
            relay.close()

    def cut(self) -> None:
        """Let nothing arrive until `join`."""
        for relay in self._relays:
            relay.cut()

    def join(self) -> None:
        """Let everything arrive again."""
        for relay in self._relays:
            relay.join()


class Namespace:
    """A network namespace; it ends with this process.

    Attributes:
        host: Address of this machine, as seen from the namespace.
        ports: Ports on `host` that lead to the targets.
        prefix: Words before a command that runs in the namespace.
    """

    def __init__(self, targets: Sequence[Path | tuple[str, int]]) -> None:
        with ExitStack() as stack:
            holder = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && cat"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.callback(_stop, holder)
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            pid = holder.pid
            self.prefix = ("nsenter", f"--net=/proc/{pid}/ns/net")
            # No other holder has this process ID.
            self._link = f"team{pid}"
            start = f"10.{pid >> 14 & 255}.{pid >> 6 & 255}."
            self.host, guest = (f"{start}{((pid & 63) << 2) + end}" for end in (1, 2))
            _run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "up0", "netns",
                 str(pid))  # fmt: skip
            _run("ip", "address", "add", f"{self.host}/30", "dev", self._link)
            _run("ip", "link", "set", self._link, "up")
            _run(*self.prefix, "ip", "address", "add", f"{guest}/30", "dev", "up0")
            _run(*self.prefix, "ip", "link", "set", "up0", "up")
            relays = [Relay(target, self.host) for target in targets]
            for relay in relays:
                stack.callback(relay.close)
            self.ports = [relay.port for relay in relays]
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def cut(self) -> None:
        """Drop all packets until `join`."""
        for prefix, link in self._ends:
            _run(*prefix, "tc", "qdisc", "add", "dev", link, "root", *_DROP_ALL)

    def join(self) -> None:
        """Let packets through again."""
        for prefix, link in self._ends:
            _run(*prefix, "tc", "qdisc", "del", "dev", link, "root")

    @property
    def _ends(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        return ((), self._link), (self.prefix, "up0")


Network = Namespace | RelayedNetwork


def has_namespaces() -> bool:
    """Whether this process can make network namespaces, and drop packets in them."""
    tools = ("unshare", "nsenter", "ip", "tc")
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not all(map(shutil.which, tools)):
        return False
    try:
        with Namespace([]) as namespace:
            namespace.cut()
            namespace.join()
    except (AssertionError, subprocess.CalledProcessError):
        return False
    return True


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def _stop(holder: "subprocess.Popen[str]") -> None:
    # Its links end with it.
    holder.kill()
    holder.communicate()
