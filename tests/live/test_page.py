"""The page of a running watch in a real browser: cameras, an event with its clip, labels and zones by clicks."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from memwatch.web.guard import WRONG_PAUSE_S
from tests.browser.chromium import BROWSER, Browser, Tab
from tests.conftest import ROOT
from tests.live import rtsp
from tests.live.rtsp import RtspCamera, free_port
from tests.live.watching import Watching

MISSING = rtsp.missing() or ("" if BROWSER else "Chromium is not installed (tests/live/parts.sh)")
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "never"),
]
TOKEN = "open-sesame"
PHONE, DESK = 390, 1280
LIGHT, DARK = "rgb(246, 247, 249)", "rgb(16, 21, 27)"
VIDEO = "document.querySelector('#event-media video')"


@dataclass
class Running:
    url: str
    config: Path
    data: Path
    watching: Watching
    browser: Browser

    def open(self, *, width: int = DESK, dark: bool = False) -> Tab:
        """The page with its first event listed, logged in if need be."""
        tab = self.browser.open(self.url, width=width, dark=dark)
        if tab.value("location.pathname") == "/login":
            tab.value(f"document.getElementById('token').value = {json.dumps(TOKEN)}")
            tab.click_on("#form button")
            tab.wait_for("location.pathname === '/'")
        tab.wait_for("document.querySelector('.camera .state.live') && document.querySelector('#events button img')")
        return tab

    def row(self) -> tuple[str, str | None]:
        """Id and label of the first event."""
        base = sqlite3.connect(f"file:{self.data / 'events.sqlite'}?mode=ro", uri=True)
        try:
            event, label = base.execute("SELECT id, label FROM events ORDER BY start LIMIT 1").fetchone()
            return event, label
        finally:
            base.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    config, data = folder / "cameras.toml", folder / "data"
    with ExitStack() as stack:
        camera = stack.enter_context(RtspCamera(ROOT / "samples" / "walkway-test.mp4"))
        config.write_text(
            f'schema = 1\ndata = "{data}"\n[page]\nport = {port}\ntoken_env = "PAGE_TOKEN"\n'
            f'[camera.yard]\nurl = "{camera.url()}"\nmodel = "{ROOT}/models/walkway.safetensors"\n'
            "post_roll_s = 1.0\nlearn = false\n"
        )
        watching = stack.enter_context(Watching(config, env={"PAGE_TOKEN": TOKEN}))
        watching.state("yard", "end", 90)
        browser = stack.enter_context(Browser(folder / "profile"))
        yield Running(f"http://127.0.0.1:{port}/", config, data, watching, browser)
        assert watching.end(signal.SIGTERM) == 0
        assert not any("Traceback" in line or TOKEN in line for line in watching.errors), watching.errors


def is_calm(running: Running, tab: Tab) -> None:
    assert tab.complaints() == []
    outside = [url for url in tab.requests() if not url.startswith((running.url, f"blob:{running.url}"))]
    assert outside == []
    assert not tab.value("document.documentElement.scrollWidth > innerWidth"), "it scrolls sideways"


def open_event(tab: Tab) -> None:
    """The first event's, which is over."""
    tab.click_on("#events li:last-child button")
    tab.wait_for("document.getElementById('event').open")


def test_a_browser_without_the_token_sees_the_login_only(running: Running, tmp_path: Path) -> None:
    with Browser(tmp_path / "stranger") as stranger:
        tab = stranger.open(running.url, width=DESK)
        assert tab.value("location.pathname") == "/login"
        tab.value("document.getElementById('token').value = 'wrong'")
        tab.click_on("#form button")
        tab.wait_for("document.getElementById('said').textContent.includes('not the token')")
        assert "yard" not in tab.value("document.documentElement.outerHTML")
    time.sleep(WRONG_PAUSE_S)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_cameras_are_shown_as_they_are(running: Running, tmp_path: Path, width: int, dark: bool) -> None:
    tab = running.open(width=width, dark=dark)
    assert tab.value("getComputedStyle(document.body).backgroundColor") == (DARK if dark else LIGHT)
    assert tab.value("document.querySelector('.camera h3').textContent") == "yard"
    tab.wait_for("document.querySelector('.camera img').naturalWidth === 360")
    first = tab.value("document.querySelector('.camera img').src")
    tab.wait_for(f"document.querySelector('.camera img').src !== {json.dumps(first)}")  # it goes on
    tab.wait_for("document.querySelector('.chart .trace')?.getAttribute('d').length > 50")
    assert "frames/s" in tab.value("document.querySelector('.camera .facts').textContent")
    tab.screenshot(tmp_path / "page.png")
    is_calm(running, tab)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_an_events_clip_plays(running: Running, width: int) -> None:
    tab = running.open(width=width)
    tab.wait_for("document.querySelector('#events li:last-child img')?.naturalWidth > 0")
    until_ready(tab)
    tab.wait_for(f"{VIDEO}?.readyState >= 2 && {VIDEO}.currentTime > 0.3")
    assert tab.value(f"{VIDEO}.error") is None
    assert 4 < tab.value(f"{VIDEO}.duration") < 60
    assert tab.value(f"[{VIDEO}.videoWidth, {VIDEO}.videoHeight]") == [360, 240]
    tab.value(f"{VIDEO}.currentTime = 3")  # by a request for a part of it
    tab.wait_for(f"!{VIDEO}.seeking && {VIDEO}.currentTime >= 3")
    facts = tab.value("document.getElementById('event-facts').textContent")
    assert "yard" in facts
    assert "threshold" in facts
    is_calm(running, tab)


def until_ready(tab: Tab) -> None:
    """Open the first event once its clip is in its place."""
    for _ in range(40):
        open_event(tab)
        tab.wait_for("document.querySelector('#event-media').children.length > 0")
        if tab.value(f"!!{VIDEO}"):
            return
        tab.click_on("#event [data-close]")
    raise AssertionError("no clip")


def test_this_was_normal_and_undo(running: Running) -> None:
    tab = running.open()
    open_event(tab)
    assert running.row()[1] is None
    tab.click_on("#was-normal")
    tab.wait_for("!document.getElementById('undo').hidden")
    assert running.row()[1] == "normal"
    assert "asks for more" in tab.value("document.getElementById('event-said').textContent")
    tab.wait_for("document.querySelector('#events .tag.normal')")
    tab.click_on("#undo")
    tab.wait_for("document.getElementById('undo').hidden && !document.getElementById('was-normal').hidden")
    assert running.row()[1] is None
    tab.wait_for("!document.querySelector('#events .tag.normal')")
    tab.click_on("#event [data-close]")
    tab.wait_for("!document.getElementById('event').open")
    is_calm(running, tab)


def test_a_zone_is_drawn_saved_and_in_effect(running: Running) -> None:
    tab = running.open()
    tab.click_on(".camera .body button")
    tab.wait_for("document.getElementById('zones').open && document.getElementById('zones-picture').naturalWidth > 0")
    tab.wait_for("document.getElementById('zones-draw').getBoundingClientRect().height > 100")
    left, top, width, height = tab.value(
        "(b => [b.x, b.y, b.width, b.height])(document.getElementById('zones-draw').getBoundingClientRect())"
    )
    corners = [(0.1, 0.3), (0.9, 0.3), (0.9, 0.95), (0.1, 0.95)]
    for x, y in [*corners, corners[0]]:
        tab.click(left + x * width, top + y * height)
    assert tab.value("document.querySelectorAll('#zones-draw polygon').length") == 1
    tab.value("(s => { s.value = 'ignore'; s.dispatchEvent(new Event('change')); })"
              "(document.querySelector('#zones-list select'))")  # fmt: skip
    tab.click_on("#zones-save")
    tab.wait_for("document.getElementById('zones-said').textContent !== ''", 30)
    assert tab.value("document.getElementById('zones-said').textContent") == "Saved, and in effect."
    (zone,) = tomllib.loads(running.config.read_text())["camera"]["yard"]["zone"]
    assert (zone["name"], zone["kind"]) == ("zone-1", "ignore")
    for (x, y), found in zip(corners, zone["points"], strict=True):
        assert found == pytest.approx([x, y], abs=0.01)
    running.watching.state("", "config_reloaded", 10)
    is_calm(running, tab)
