"""A headless Chromium for tests, spoken to in its DevTools protocol over a pair of pipes.

No driver and no package is needed: with ``--remote-debugging-pipe`` the browser reads commands from
file 3 and writes answers and events to file 4, JSON with a NUL after each
(https://chromedevtools.github.io/devtools-protocol/).
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # tests run as root on some machines; the page is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
)
PATIENCE = 60  # seconds: a machine under load, not a page


def found() -> str | None:
    """The browser's path, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def needed() -> str:
    """The browser's path; without one the test is skipped, and fails where it has to run."""
    path = found()
    if path is None:
        words = "there is no Chromium on the PATH, so the report was tried in no browser"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{words}; .ci/run installs one")
        pytest.skip(words)
    return path


class Browser:
    """One browser with a profile of its own; a context manager."""

    def __init__(self, path: str, profile: Path) -> None:
        theirs, self._commands = _ends()
        self._answers, theirs_too = _ends()
        # The shell puts the pipes where the browser looks for them.
        opening = f'exec "$@" 3<&{theirs} 4>&{theirs_too}'
        self._process = subprocess.Popen(
            ["bash", "-c", opening, "bash", path, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs, theirs_too),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # to end its helpers with it
        )
        os.close(theirs)
        os.close(theirs_too)
        self._read = b""
        self._asked = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._commands)  # which ends the browser
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._answers)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The result of a command; events that come before it are kept in ``events``."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._asked:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event: str) -> None:
        """Until an event of this name has come since ``events`` was last emptied."""
        deadline = time.monotonic() + PATIENCE
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self._next(deadline))

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self._answers], [], [], left)[0]
            assert ready, f"the browser did not answer in {PATIENCE} s"
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, "the browser ended"
            self._read += chunk
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


def _ends() -> tuple[int, int]:
    """A pipe to read from and to write to, away from the small numbers that the browser wants."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return high[0], high[1]


class Page:
    """One page, with what it said and asked for noted from the start."""

    def __init__(self, browser: Browser, url: str, script: str = "") -> None:
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self._target = target
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            self.call(f"{domain}.enable")
        if script:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        browser.events.clear()
        self.call("Page.navigate", url=url)
        browser.wait_for("Page.loadEventFired")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not self.value(condition):
            assert time.monotonic() < deadline, f"never came true: {condition}"
            time.sleep(0.02)

    def click(self, element: str) -> None:
        """Press and release the mouse in the middle of what an expression gives."""
        x, y = self.value(
            f"(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect();"
            " return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def width(self, pixels: int, height: int = 900, *, mobile: bool = False) -> None:
        """Show the page on a screen of this width."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=pixels,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )

    def media(self, media: str = "", scheme: str = "light") -> None:
        """Show it as on paper (``print``), and in the light or in the dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and exceptions that nothing caught."""
        self.value("0")  # what was said before this has come by now
        found = []
        for event in self._mine():
            parameters = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(parameters["exceptionDetails"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled":
                found.append(f"console.{parameters['type']}: {parameters['args']}")
            elif event["method"] == "Log.entryAdded":
                found.append(parameters["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Every address that was asked for, the page's own first; not data that it carries."""
        self.value("0")
        sent = [e for e in self._mine() if e["method"] == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in sent]
        return [url for url in urls if not url.startswith("data:")]

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def _mine(self) -> list[dict[str, Any]]:
        return [e for e in self._browser.events if e.get("sessionId") == self._session]
