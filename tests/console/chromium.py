"""Chromium for tests, spoken to over a pipe in its own protocol: nothing else is needed.

Source: chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


def found() -> str | None:
    """The path of a browser, if this machine has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """A headless Chromium with one page, and a profile of its own.

    Attributes:
        complaints: what the page's console has been told: errors, exceptions, and what its policy has blocked.
    """

    def __init__(self, path: str, profile: Path) -> None:
        read, self._to = os.pipe()
        self._from, write = os.pipe()
        self._rest = b""
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        command = [path, *options, f"--user-data-dir={profile}", "--no-proxy-server", "about:blank"]
        # The browser reads commands from its descriptor 3 and writes answers to 4. These two may be taken here, even by
        # each other, so both are first moved to where nothing is in their way.
        high = [os.dup(fd) for fd in (read, write)]
        while min(high) < 5:
            high = [os.dup(fd) for fd in high]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{high[0]} 4>&{high[1]}', "bash", *command],
            pass_fds=high,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for each in (read, write, *high):
            os.close(each)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        self._send({"id": next(self._numbers), "method": "Browser.close"})
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the page answers to a command."""
        return self._call(method, self._session, **parameters)

    def go(self, address: str) -> None:
        """Load a page."""
        self.call("Page.navigate", url=address)
        self.until(f"document.readyState === 'complete' && location.href !== 'about:blank' && {_there(address)}")

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 20) -> Any:
        """The value of an expression as soon as it is true; a page that is being left has none."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self._tried("Runtime.evaluate", expression=expression, returnByValue=True)
            value = answer.get("result", {}).get("value")
            if value and "exceptionDetails" not in answer:
                return value
            time.sleep(0.02)
        raise AssertionError(f"{expression} did not become true within {seconds} s at {self.ask('location.href')}")

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """How large the window is, and which colours its user likes."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write what the page looks like."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def _tried(self, method: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self.call(method, **parameters)
        except AssertionError:
            return {}

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._send(message | ({"sessionId": session} if session else {}))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self._notice(answer)

    def _notice(self, event: dict[str, Any]) -> None:
        details = event.get("params", {})
        match event.get("method"):
            case "Log.entryAdded" if details["entry"]["level"] == "error":
                self.complaints.append(details["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(details["exceptionDetails"]))

    def _send(self, message: dict[str, Any]) -> None:
        os.write(self._to, json.dumps(message).encode() + b"\0")

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._from, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        first, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(first))


def _there(address: str) -> str:
    """That the page is no longer the one before: the address itself may have led elsewhere."""
    return f"location.origin === new URL({json.dumps(address)}).origin"
