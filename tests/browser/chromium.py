"""A real browser without a screen, driven over a pipe by the DevTools protocol (which needs no library)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from select import select
from types import TracebackType
from typing import Any, Self

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
PATIENCE_S = 60.0
"""A busy machine takes its time to start a browser."""


class Browser:
    """One browser with one empty profile; `open` loads a page in a new tab."""

    def __init__(self, profile: Path) -> None:
        assert BROWSER is not None
        commands, answers = os.pipe(), os.pipe()

        def take_the_pipes() -> None:  # the browser reads 3 and writes 4
            read, write = os.dup(commands[0]), os.dup(answers[1])
            os.dup2(read, 3)
            os.dup2(write, 4)

        self._process = subprocess.Popen(
            [
                BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                "--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=take_the_pipes,
        )  # fmt: skip
        os.close(commands[0])
        os.close(answers[1])
        self._write, self._read = commands[1], answers[0]
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []
        """All that the browser told of itself, in order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command and its answer; AssertionError where the browser refuses."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, f"{method}: {told['error']}"
                return dict(told["result"])
            self.events.append(told)

    def wait_for(self, method: str) -> None:
        """Until the browser has told `method` after what was there before."""
        seen = len(self.events)
        while not any(event["method"] == method for event in self.events[seen:]):
            self.events.append(self._next())

    def open(self, page: Path | str, *, width: int, height: int = 844, dark: bool = False, script: bool = True) -> Tab:
        """Load a file, or an address, at a width in CSS pixels, in light or dark, with or without scripts."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable", session)
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            session, width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", session, features=[scheme])
        self.ask("Emulation.setScriptExecutionDisabled", session, value=not script)
        self.events.clear()
        self.ask("Page.navigate", session, url=page if isinstance(page, str) else page.resolve().as_uri())
        if not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.wait_for("Page.loadEventFired")
        return Tab(self, session)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select([self._read], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser says nothing"
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has ended"
            self._buffer += more
        message, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(message))


class Tab:
    """A loaded page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to."""
        done = self._browser.ask("Runtime.evaluate", self._session, expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def point(self, x: float, y: float) -> None:
        """Move the pointer there."""
        self._browser.ask("Input.dispatchMouseEvent", self._session, type="mouseMoved", x=x, y=y)

    def click(self, x: float, y: float) -> None:
        """Press and let go there."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._browser.ask(
                "Input.dispatchMouseEvent", self._session, type=kind, x=x, y=y, button="left", clickCount=1
            )

    def click_on(self, selector: str) -> None:
        """Click into the middle of the first element that a selector finds, scrolled into view."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{found}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.value(f"(b => [b.x, b.y, b.width, b.height])({found}.getBoundingClientRect())")
        assert box[2] * box[3] > 0, f"{selector} is not shown"
        self.click(box[0] + box[2] / 2, box[1] + box[3] / 2)

    def wait_for(self, expression: str, timeout: float = 15.0) -> None:
        """Until it is true."""
        until = time.monotonic() + timeout
        while not self.value(f"!!({expression})"):
            assert time.monotonic() < until, expression
            time.sleep(0.05)

    def screenshot(self, path: Path) -> None:
        """The whole page, however long, as PNG."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shot = self._browser.ask(
            "Page.captureScreenshot", self._session, format="png", captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": self.value("innerWidth"),
                  "height": self.value("document.documentElement.scrollHeight"), "scale": 1},
        )  # fmt: skip
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, uncaught exceptions, and what the page's own policy refused."""
        self.value("0")  # what was told until now has arrived
        told = []
        for event in self._browser.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                told.append(str(params["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                told.append(str(params["args"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                told.append(params["entry"]["text"])
        return told

    def requests(self) -> list[str]:
        """Addresses that the page asked for, without itself and what it carries."""
        sent = [event for event in self._browser.events if event["method"] == "Network.requestWillBeSent"]
        asked = [event["params"]["request"]["url"] for event in sent]
        return [url for url in asked[1:] if not url.startswith("data:")]
