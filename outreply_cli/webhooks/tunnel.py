"""A tunnel from the internet to the receiver, through a tool that the user has installed.

The arguments of each tool, where it prints its URL and how it exits follow its documentation, and
for cloudflared and tailscale their source code. None of it was tested with a real tunnel.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from outreply_cli.errors import (
    InterruptedRunError,
    InvalidInputError,
    OutReplyError,
    unknown_choice_error,
)
from outreply_cli.formats.json import load_json
from outreply_cli.subprocesses import KILL_SIGNAL, signal_group

START_SECONDS = 30.0
STOP_SECONDS = 5.0
_STATUS_SECONDS = 10.0
_POLL_SECONDS = 0.1
_MAX_LINE_BYTES = 8_192
_MAX_SHOWN_CHARACTERS = 300
_KEPT_LINES = 4
_RESTART_SECONDS = 1.0
_MAX_RESTART_SECONDS = 60.0
# A tool that ran this long is stable: earlier restarts no longer delay the next one.
_STABLE_SECONDS = 60.0
# Errors of cloudflared quote its API, https://api.trycloudflare.com.
_CLOUDFLARE_URL = re.compile(r"https://(?!api\.)[a-z0-9-]+\.trycloudflare\.com(?=[\s|/]|$)")
# Links that ask to enable Funnel are on login.tailscale.com.
_TAILSCALE_URL = re.compile(r"^(https://[a-z0-9.-]+\.ts\.net(?::\d+)?)/?\s*$")
# The ports that Funnel can use. The first is the default, which URLs leave out.
_FUNNEL_PORTS = (443, 8443, 10_000)


class TunnelError(OutReplyError):
    """The tool did not open a tunnel."""

    code = "TUNNEL"


@dataclass(frozen=True)
class TunnelTool:
    """A tool that opens tunnels.

    Attributes:
        name: Name of its executable.
        install_url: Page of its documentation that explains how to install it.
        arguments: Returns its arguments for a tunnel to a URL of this machine. Its second argument
            runs the tool with other arguments and returns the output.
        find_url: Returns the public URL in a line of its output; None without one.
    """

    name: str
    install_url: str
    arguments: "Callable[[str, Callable[..., str]], list[str]]"
    find_url: Callable[[str], str | None]


def _cloudflared_arguments(target: str, _query: Callable[..., str]) -> list[str]:
    # Its own configuration, which may route elsewhere, does not apply to a quick tunnel.
    return ["tunnel", "--no-autoupdate", "--config", os.devnull, "--url", target]


def _ngrok_arguments(target: str, _query: Callable[..., str]) -> list[str]:
    return ["http", target, "--log", "stdout", "--log-format", "json"]


def _tailscale_arguments(target: str, query: Callable[..., str]) -> list[str]:
    # Without --bg, the tunnel ends with the process, even if it is killed.
    return ["funnel", f"--https={_free_funnel_port(query('funnel', 'status', '--json'))}", target]


def _free_funnel_port(status: str) -> int:
    """The first port that no other tunnel or service of tailscale uses, else the default."""
    used: set[str] = set()
    with suppress(ValueError, AttributeError, TypeError):
        config = json.loads(status) or {}
        for part in (config, *(config.get("Foreground") or {}).values()):
            used.update(part.get("TCP") or {})
    return next((port for port in _FUNNEL_PORTS if str(port) not in used), _FUNNEL_PORTS[0])


def _find_cloudflared_url(line: str) -> str | None:
    match = _CLOUDFLARE_URL.search(line)
    return match[0] if match else None


def _find_ngrok_url(line: str) -> str | None:
    record = _parse_object(line)
    url = record.get("url")
    is_url = isinstance(url, str) and url.startswith("https://")
    return str(url).rstrip("/") if is_url and record.get("msg") == "started tunnel" else None


def _find_tailscale_url(line: str) -> str | None:
    match = _TAILSCALE_URL.match(line)
    return match[1] if match else None


TOOLS = {
    tool.name: tool
    for tool in (
        TunnelTool(
            "cloudflared",
            "https://developers.cloudflare.com/cloudflare-one/networks/connectors/"
            "cloudflare-tunnel/downloads/",
            _cloudflared_arguments, _find_cloudflared_url,
        ),
        TunnelTool("ngrok", "https://ngrok.com/download", _ngrok_arguments, _find_ngrok_url),
        TunnelTool(
            "tailscale", "https://tailscale.com/kb/1223/funnel", _tailscale_arguments,
            _find_tailscale_url,
        ),
    )
}  # fmt: skip


def find_tool(name: str, environ: Mapping[str, str]) -> tuple[TunnelTool, str]:
    """The tool that `name` means, and the path of its executable.

    Raises:
        InvalidInputError: The tool is unknown, or it is not installed.
    """
    tool = TOOLS.get(name)
    if tool is None:
        raise unknown_choice_error("tool", name, TOOLS, option="--tunnel")
    path = shutil.which(name, path=environ.get("PATH", os.defpath))
    if path is None:
        raise InvalidInputError(
            f"--tunnel: {name} is not installed, or not in PATH",
            hint=f"Install it: {tool.install_url}",
        )
    return tool, path


class Tunnel:
    """A tunnel to a server of this machine; its tool is restarted when it exits.

    Args:
        tool: The tool.
        path: Path of its executable.
        target: URL of the server.
        environ: Complete environment of the tool.
        on_start: Called with the tool's process ID, right after each start.
        on_url: Called with the public URL after each restart; if it raises OutReplyError, it is
            called again later. Called from another thread.
        on_warning: Called with each problem, from another thread.
    """

    def __init__(
        self,
        tool: TunnelTool,
        path: str,
        target: str,
        environ: Mapping[str, str],
        *,
        on_start: Callable[[int], None],
        on_url: Callable[[str], None],
        on_warning: Callable[[str], None],
    ) -> None:
        self._tool, self._path, self._target, self._environ = tool, path, target, environ
        self._on_start, self._on_url, self._on_warning = on_start, on_url, on_warning
        self._process: _ToolProcess | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, is_stopped: Callable[[], bool]) -> str:
        """Start the tool and return its public URL, without a path.

        Raises:
            TunnelError: The tool exits, or prints no URL in time.
            InterruptedRunError: `is_stopped` returned true.
        """
        words = [self._path, *self._tool.arguments(self._target, self._query)]
        self._process = process = _ToolProcess(self._tool, words, self._environ)
        try:
            self._on_start(process.pid)
            return process.wait_for_url(is_stopped)
        except BaseException:
            process.stop()
            raise

    def watch(self) -> None:
        """Start restarting the tool whenever it exits."""
        self._thread = threading.Thread(target=self._watch, name="tunnel", daemon=True)
        self._thread.start()

    def stop_watching(self) -> None:
        """Stop restarting the tool, and wait for a restart in progress."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop the tool."""
        self.stop_watching()
        if self._process is not None:
            self._process.stop()

    def _query(self, *words: str) -> str:
        # In the session of this process, so that Ctrl-C stops it.
        try:
            return subprocess.run(  # noqa: S603 - a tool that the user has chosen
                [self._path, *words], env=dict(self._environ), stdin=subprocess.DEVNULL,
                capture_output=True, timeout=_STATUS_SECONDS, check=False,
            ).stdout.decode("utf-8", "replace")  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ""

    def _watch(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started_at = time.monotonic()
            problem = self._wait_for_exit()
            if problem is None:
                return
            if time.monotonic() - started_at >= _STABLE_SECONDS:
                failures = 0
            while problem is not None:
                delay = min(_RESTART_SECONDS * 2**failures, _MAX_RESTART_SECONDS)
                failures = min(failures + 1, 10)
                self._on_warning(f"{problem}; retrying in {delay:g} s")
                if self._stopping.wait(delay):
                    return
                problem = self._restart()

    def _wait_for_exit(self) -> str | None:
        """The problem once the tool has exited; None if the tunnel is stopped."""
        process = self._process
        while process is not None and process.is_running:
            if self._stopping.wait(_POLL_SECONDS):
                return None
        return None if process is None else process.describe_exit()

    def _restart(self) -> str | None:
        """Start the tool unless it is running, and report its URL; returns the problem, if any."""
        process = self._process
        try:
            if process is not None and process.is_running and process.url is not None:
                url = process.url
            else:
                url = self.start(self._stopping.is_set)
            self._on_url(url)
        except OutReplyError as error:
            return None if self._stopping.is_set() else error.message
        return None


class _ToolProcess:
    """A started tool, with the last lines of its output, and its public URL once printed."""

    def __init__(self, tool: TunnelTool, words: Sequence[str], environ: Mapping[str, str]) -> None:
        self._tool, self._words = tool, words
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._found = threading.Event()
        self.url: str | None = None
        try:
            # In its own session: Ctrl-C must not stop it before its webhook is deleted.
            self._process = subprocess.Popen(  # noqa: S603 - a tool that the user has chosen
                list(words), env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise TunnelError(f"cannot run {tool.name}: {error.strerror or error}") from None
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name="tunnel output", daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_for_url(self, is_stopped: Callable[[], bool]) -> str:
        deadline = time.monotonic() + START_SECONDS
        while not self._found.wait(_POLL_SECONDS):
            if is_stopped():
                raise InterruptedRunError(f"interrupted while {self._tool.name} was starting")
            if not self.is_running:
                self._reader.join(_POLL_SECONDS)
                if not self._found.is_set():
                    raise self._error(self.describe_exit())
            elif time.monotonic() > deadline:
                name = self._tool.name
                raise self._error(f"{name} printed no public URL within {START_SECONDS:g} s")
        return str(self.url)

    def describe_exit(self) -> str:
        code = self._process.returncode
        reason = f"exited with code {code}" if code >= 0 else f"was killed by signal {-code}"
        return f"{self._tool.name} {reason}"

    def stop(self) -> None:
        """Stop the tool and its children, and kill them if that takes too long."""
        if self.is_running:
            signal_group(self._process, signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                signal_group(self._process, KILL_SIGNAL)
        self._process.wait()
        self._reader.join(_POLL_SECONDS)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while data := stream.readline(_MAX_LINE_BYTES):
                line = data.decode("utf-8", "replace").strip()
                if line:
                    self._lines.append(_shorten(line))
                url = self._tool.find_url(line)
                if url is not None and not self._found.is_set():
                    self.url = url
                    self._found.set()

    def _error(self, message: str) -> TunnelError:
        lines = list(self._lines)
        command = shlex.join([self._tool.name, *self._words[1:]])
        return TunnelError(
            f"the tunnel did not open: {message}; output: {' | '.join(lines) or 'none'}",
            hint=f"Run it directly to find the cause: {command}",
            details={"output": lines},
        )


def _shorten(line: str) -> str:
    """A line for an error message: of a JSON record only its message and reason."""
    record = _parse_object(line)
    parts = [str(record[name]) for name in ("msg", "err") if record.get(name)]
    return (": ".join(parts) or line)[:_MAX_SHOWN_CHARACTERS]


def _parse_object(line: str) -> dict[str, Any]:
    document = load_json(line)
    return document if isinstance(document, dict) else {}
