"""Headless Chromium, for pages of local servers."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed here")
# A site whose name leads to this machine, as in a DNS rebinding attack.
REBOUND_HOST = "rebound.example"
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-extensions",
    "--disable-background-networking", "--no-first-run",
    f"--host-resolver-rules=MAP {REBOUND_HOST} 127.0.0.1",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and writes responses to 4.
_EXEC = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)
_TIMEOUT_SECONDS = 30.0
_REPLACED = "Inspected target navigated or closed"


class Browser:
    """A Chromium that is driven by its DevTools protocol over a pipe; a context manager.

    Attributes:
        requests: The URLs that pages requested, each while it was the latest.
        navigations: The URLs that main frames loaded.
        messages: Errors and warnings in the consoles of pages.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        commands, self._commands = os.pipe()
        self._responses, responses = os.pipe()
        numbers = (str(os.dup(fd)) for fd in (commands, responses))
        # Copies with numbers above 4, so that one does not overwrite the other.
        high = [os.dup2(int(number), 100 + int(number)) for number in numbers]
        self._process = subprocess.Popen(
            [
                sys.executable, "-c", _EXEC, *map(str, high), CHROMIUM, *_FLAGS,
                "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
            ],
            pass_fds=high, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for number in (commands, responses, *high):
            os.close(number)
        self._buffer, self._last_id = b"", 0
        self._target: str | None = None
        self._session: str | None = None
        self.requests: list[str] = []
        self.navigations: list[str] = []
        self.messages: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._commands)
        os.close(self._responses)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(
        self, url: str, *, scripts: bool = True, width: int = 1400, dark: bool = False
    ) -> "Tab":
        """Load a page in a new tab, which replaces the previous one."""
        # The previous page may still run: its server may be gone, and its script report that.
        self._session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        if self._target is not None:
            self.send("Target.closeTarget", targetId=self._target)
        self._target = target
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = session
        tab = Tab(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            tab.send(f"{domain}.enable")
        tab.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        tab.send("Emulation.setDeviceMetricsOverride", width=width, height=1000,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.send("Emulation.setEmulatedMedia", features=[scheme])
        tab.navigate(url)
        return tab

    def send(self, method: str, session: str | None = None, **params: Any) -> Any:
        """Send a command, and return its result."""
        self._last_id += 1
        command: dict[str, Any] = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._read()).get("id") != self._last_id:
            self._note(message)
        if message.get("error", {}).get("message") == _REPLACED:
            raise PageReplacedError
        assert "error" not in message, message
        return message["result"]

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._responses], [], [], deadline - time.monotonic())
            assert ready, "Chromium does not respond"
            data = os.read(self._responses, 1 << 20)
            assert data, "Chromium exited"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        if self._session is None or event.get("sessionId") != self._session:
            return
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Page.frameNavigated" if "parentId" not in params["frame"]:
                self.navigations.append(params["frame"]["url"])
            case "Log.entryAdded":
                self.messages.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.messages.append(json.dumps(params["exceptionDetails"]))


class PageReplacedError(Exception):
    """Another page replaced the one that a command was sent to."""


class Tab:
    """A tab of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def send(self, method: str, **params: Any) -> Any:
        """Send a command to this tab, and return its result."""
        return self._browser.send(method, self._session, **params)

    def navigate(self, url: str) -> None:
        """Load a page."""
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        result = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true; returns its value."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while True:
            # A page that is replaced meanwhile gives no value; the next one is asked.
            with suppress(PageReplacedError):
                if value := self.evaluate(expression):
                    return value
            assert time.monotonic() < deadline, f"still false: {expression}"
            time.sleep(0.05)

    def click(self, text: str, within: str = "body") -> None:
        """Click the button or summary that has a text, in the element of a selector."""
        self.evaluate(
            f"[...document.querySelectorAll({json.dumps(within)})].flatMap((element) => "
            "[...element.querySelectorAll('button, summary')]).find((button) => "
            f"button.textContent.trim().startsWith({json.dumps(text)})).click()"
        )

    def links(self) -> list[str]:
        """The addresses of all links, also without scripts."""
        return [str(self._attribute(node, "href")) for node in self._query("a[href]")]

    def submit(self, selector: str) -> None:
        """Press the first button of a selector by a click, also without scripts."""
        quads = self.send("DOM.getContentQuads", nodeId=self._query(selector)[0])["quads"]
        x, y = quads[0][0] + 2, quads[0][1] + 2
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _query(self, selector: str) -> list[int]:
        document = self.send("DOM.getDocument")["root"]["nodeId"]
        found = self.send("DOM.querySelectorAll", nodeId=document, selector=selector)
        return list(found["nodeIds"])

    def _attribute(self, node: int, name: str) -> str:
        attributes = self.send("DOM.getAttributes", nodeId=node)["attributes"]
        return str(dict(zip(attributes[::2], attributes[1::2], strict=True))[name])

    def text(self, selector: str) -> str:
        """The text of an element as it is in the document."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))

    def press(self, key: str) -> None:
        """Press Tab, Enter, Escape or a letter."""
        named = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, "")}
        code, text = named.get(key) or (ord(key.upper()), key)
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text,
                windowsVirtualKeyCode=code,
            )  # fmt: skip

    def screenshot(self, path: Path) -> None:
        """Save the whole page as a PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"],
                               "height": size["height"], "scale": 1})  # fmt: skip
        path.write_bytes(base64.b64decode(shot["data"]))
